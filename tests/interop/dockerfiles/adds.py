"""Rows: ADD, and what .dockerignore leaves out."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import zstandard

from tests.cli.hosttrees import Node
from tests.interop.dockerfiles.row import Differs, Row


def archive() -> bytes:
    """A tar of every kind of node, with owners, without parents for one of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode, owner, what in (
            ("d", tarfile.DIRTYPE, 0o750, 5, ""), ("d/f", tarfile.REGTYPE, 0o640, 5, "text\n"), ("d/l", tarfile.SYMTYPE, 0o777, 0, "f"),
            ("d/h", tarfile.LNKTYPE, 0o640, 5, "d/f"), ("e/x", tarfile.REGTYPE, 0o755, 0, "x"), ("srv", tarfile.DIRTYPE, 0o711, 9, ""),
        ):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.gid, entry.mtime = kind, mode, owner, owner, 1_600_000_000
            if kind == tarfile.REGTYPE:
                entry.size = len(what)
            else:
                entry.linkname = what
            tar.addfile(entry, io.BytesIO(what.encode()) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


def of_a_root() -> bytes:
    """A tar as `tar -C FOLDER -c .` writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode in ((".", tarfile.DIRTYPE, 0o700), ("./f", tarfile.REGTYPE, 0o600)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid = kind, mode, 6
            tar.addfile(entry)
    return out.getvalue()


TAR = archive()
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress,
}  # fmt: skip
FILES: dict[str, Any] = {"a": "a\n", "dir": {"c": "c\n"}, "t.tar": TAR, "text.gz": gzip.compress(b"no tar", mtime=1), "not.tar": "text"}
TREE: dict[str, Any] = {
    "a.md": "a", "b.md": "b", "b.txt": "b", "keep": {"x.md": "x", "y.o": "y"}, "out": {"deep": {"z.o": "z", "z.md": "z"}, "w": "w"}, "#odd": "o",
}  # fmt: skip


def row(name: str, lines: str, files: dict[str, Any] | None = None, **more: Any) -> Row:
    return Row(name, f"FROM base:1\n{lines}\n", FILES if files is None else files, **more)


def ignoring(name: str, lines: str, **more: Any) -> Row:
    """A row whose context has *lines* in its .dockerignore."""
    return Row(name, "FROM base:1\nCOPY . /x\n", {**TREE, ".dockerignore": lines}, **more)


ROWS = [
    row("add-a-file", "ADD a /srv/x"),
    row("add-a-directory", "ADD dir a /x/"),
    row("add-a-tar", "ADD t.tar /x"),
    row("add-a-tar-to-a-slash", "ADD t.tar /x/"),
    row("add-a-tar-to-the-root", "ADD t.tar /"),
    row("add-a-tar-of-a-root", "ADD root.tar /x", {"root.tar": of_a_root()}),
    row("add-a-tar-onto-nodes", "RUN mkdir /d && echo old > /d/f && chmod 700 /d\nADD t.tar /"),
    row("add-a-tar-with-a-mode", "ADD --chmod=700 t.tar /x"),
    row("add-a-tar-and-a-file", "ADD t.tar a /x/"),
    row("add-a-tar-with-an-owner", "ADD --chown=web:staff t.tar /x/", differs={
        path: Differs(node, "buildah gives the folders that the tar leaves out to --chown's owner, BuildKit all") for path, node in {
            "/x/d": "drwxr-x--- 33:50", "/x/d/f": "-rw-r----- 33:50 'text\\n'", "/x/d/l": "lrwxrwxrwx 33:50 -> f",
            "/x/e/x": "-rwxr-xr-x 33:50 'x'", "/x/srv": "drwx--x--x 33:50",
        }.items()
    }),
    *(row(f"add-a-tar-{suffix}", "ADD t* /x/", {f"t.{suffix}": pack(TAR)}) for suffix, pack in PACKED.items()),
    row("add-a-compressed-text", "ADD text.gz /x/"),
    row("add-what-is-called-a-tar", "ADD not.tar /x/"),
    row("copy-unpacks-nothing", "COPY t.tar /x/"),
    row("add-with-a-mode", "ADD --chmod=600 a /x"),
    row("add-of-git", "ADD https://github.com/some/one.git /x", refused="git"),
    row("add-without-unpacking", "ADD --unpack=false t.tar /x/", lacks="--unpack came with Dockerfile 1.17", expected={"/x": "drwxr-xr-x 0:0", "/x/t.tar": f"-rw-r--r-- 0:0 sha256:{sha256(TAR).hexdigest()}"}),
    # -- .dockerignore
    ignoring("ignore-patterns", "*.md\nout\n"),
    ignoring("ignore-deep", "**/*.md\n**/z*\n"),
    ignoring("ignore-but-not", "*\n!keep\n!b.txt\n"),
    ignoring("ignore-but-not-deep", "out\n!out/deep/z.o\n"),
    ignoring("ignore-order", "!a.md\n*.md\n!b.md\n"),
    ignoring("ignore-comments-and-spaces", "# b.txt\n  a.md  \n\n#odd\n"),
    ignoring("ignore-slashes", "/a.md\nkeep/\n./b.md\nout//deep\n"),
    ignoring("ignore-the-dockerfile", "Dockerfile\n.dockerignore\n"),
    ignoring("ignore-one-star", "*/*.md\nout/*/z.o\n"),
    ignoring("ignore-question-and-class", "?.md\nkeep/[xy].?\n"),
    ignoring("ignore-all", "**\n"),
    row("ignored-source", "COPY a.md /x", {**TREE, ".dockerignore": "a.md\n"}, refused="a.md"),
    row("ignored-glob", "COPY *.md /x/", {**TREE, ".dockerignore": "a.md\n"}),
    Row(
        "ignore-file-of-a-dockerfile", "", {**TREE, ".dockerignore": "b.md\n", "D": "FROM base:1\nCOPY . /x\n", "D.dockerignore": "a.md\n"},
        args=("-f", "{context}/D"),
    ),
    row("ignored-mode", "COPY . /x", {"d": Node({"a": "a", "b": "b"}, mode=0o700), ".dockerignore": "d/a\n"}),
]  # fmt: skip
