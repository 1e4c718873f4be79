"""Host folders from literals, and scans turned into entries: what the tests of hostfs and checkout share."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.hostfs.scan import scan
from eventstore.model.changes import Change
from eventstore.model.entries import Entry
from eventstore.model.events import Kind

NOBODY = 65534
LONG_AGO = 1_234_567_890_123_456_789
LONGEST = [[b"xx"] + [b"x"] * 2047, [b"x" * 240] * 17]  # two paths of 4,096 bytes

_NOBODY_MEDDLES: tuple[bytes | None, Callable[[], object]] = (None, lambda: None)
_meddlers: list[tuple[bytes | None, Callable[[], object]]] = []

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: devices, owners, trusted.* xattrs")


@dataclass(frozen=True)
class Node:
    """`node` is bytes (a file), a dict (a directory), or one of the types below; the rest are its attributes."""

    node: Any
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime: int = LONG_AGO
    xattrs: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Symlink:
    target: bytes


@dataclass(frozen=True)
class Link:
    """One more name of the node at `target`, a path from the root of the tree."""

    target: bytes


@dataclass(frozen=True)
class Special:
    mode: int
    device: int = 0


class Memory:
    """A content store that forgets all when the test ends."""

    def __init__(self) -> None:
        self.contents: dict[bytes, bytes] = {}

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        assert len(data) <= 128 * 1024
        assert like is None or like in self.contents
        return self._keep(data)

    def put_stream(self, chunks: Iterable[bytes]) -> bytes:
        return self._keep(b"".join(chunks))

    def read(self, entry: Entry) -> Iterator[bytes]:
        data = self.contents[entry.content or b""]
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    def _keep(self, data: bytes) -> bytes:
        digest = sha256(data).digest()
        self.contents[digest] = data
        return digest


def build(folder: Path, tree: dict[bytes, Any], **attributes: Any) -> str:
    """Make *folder* hold *tree*; *attributes* are the folder's own."""
    folder.mkdir()
    root = os.open(folder, os.O_RDONLY)
    _fill(root, root, tree)
    _finish(root, Node(tree, **attributes))
    os.close(root)
    return str(folder)


def build_deep(folder: Path, names: Iterable[bytes]) -> tuple[str, bytes]:
    """Make *folder* hold a chain of directories with a file at its end; return (folder, the file's path)."""
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    *directories, last = names
    for name in directories:
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open(last, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    return str(folder), b"/".join([*directories, last])


def entries(changes: Iterable[Change]) -> tuple[list[Entry], set[int]]:
    """Return what *changes*, all of one scan, say is there, and the nodes with several names."""
    found: dict[bytes, Entry] = {}
    linked = set()
    for position, change in enumerate(changes, start=1):
        if change.kind == Kind.LINK_MADE:
            assert change.target is not None
            found[change.path] = found[change.target]._replace(path=change.path)
            linked.add(found[change.path].node)
        else:
            found[change.path] = Entry(*change[1:], node=position, origin=position)
    return list(found.values()), linked


def scanned(root: str, keeper: Memory | None = None) -> list[Change]:
    return list(scan(root, keeper or Memory()))


def directory(path: bytes, node: int = 1) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755, os.geteuid(), os.getegid(), LONG_AGO, 0, None, None, None, node, node)


def file(path: bytes, data: bytes = b"x") -> Entry:
    return directory(path, 2)._replace(mode=stat.S_IFREG | 0o644, size=len(data), content=data)


def content(entry: Entry) -> Iterable[bytes]:
    return [entry.content or b""]


def all_names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@contextmanager
def rights_of_nobody() -> Iterator[None]:
    """Run the block without root's rights; as whoever runs the tests, if that is not root."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextmanager
def before_opening(name: bytes, meddle: Callable[[], object]) -> Iterator[None]:
    """Run *meddle* at the last moment before this process opens *name*: a race that the other side always wins."""
    if not _meddlers:
        sys.addaudithook(_meddle)  # for ever, so there is one
    _meddlers[:] = [(name, meddle)]
    try:
        yield
        assert _meddlers == [_NOBODY_MEDDLES]
    finally:
        _meddlers[:] = [_NOBODY_MEDDLES]


def _meddle(event: str, args: tuple[Any, ...]) -> None:
    if event == "open" and args[0] is not None and args[0] == _meddlers[0][0]:
        _, meddle = _meddlers[0]
        _meddlers[:] = [_NOBODY_MEDDLES]
        meddle()


def _fill(root: int, directory: int, tree: dict[bytes, Any]) -> None:
    for name, node in tree.items():
        if isinstance(node, Link):
            os.link(node.target, name, src_dir_fd=root, dst_dir_fd=directory, follow_symlinks=False)
            continue
        whole = node if isinstance(node, Node) else Node(node)
        _make(root, directory, name, whole.node)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
        _finish(f"/proc/self/fd/{fd}", whole)
        os.close(fd)


def _make(root: int, directory: int, name: bytes, node: Any) -> None:
    if isinstance(node, Symlink):
        os.symlink(node.target, name, dir_fd=directory)
    elif isinstance(node, Special):
        os.mknod(name, node.mode, node.device, dir_fd=directory)
    elif isinstance(node, dict):
        os.mkdir(name, dir_fd=directory)
        fd = os.open(name, os.O_RDONLY, dir_fd=directory)
        _fill(root, fd, node)
        os.close(fd)
    else:
        with os.fdopen(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=directory), "wb") as file:
            file.write(node)


def _finish(node: int | str, wanted: Node) -> None:
    if wanted.uid is not None or wanted.gid is not None:
        os.chown(node, -1 if wanted.uid is None else wanted.uid, -1 if wanted.gid is None else wanted.gid)
    for name, value in wanted.xattrs.items():
        os.setxattr(node, name, value)
    if wanted.mode is not None:
        os.chmod(node, wanted.mode)
    os.utime(node, ns=(wanted.mtime, wanted.mtime))
