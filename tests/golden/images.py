"""Makes the golden store of images that left: `unshare --uts sh -c 'hostname golden; exec python -m tests.golden.images'`.

Run it once when a schema is released, never again for that schema: what each image's config, layers and saved bytes were
then, they are for ever.  That of schema 1 holds things more, which later versions refuse to make: links:2 and wh:2 have
tags spelled like the ids of links:1 and links:3, and wh:1 has names that begin with .wh. (in wh:2 some are deleted again).
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from eventstore.log.schema import SCHEMA
from tests import images
from tests.cli.invoking import Layerlog

HERE = Path(__file__).parent
SAVED = (
    "base:1", "links:1", "links:2", "links:3", "many:119", "many:121", "many:130", "manyfork:1", "fork:1", "fork:2", "web:1",
    "folder:1", "folder:2", "changes:1", "changes:2", "scratch:1", "empty:1", "deleted:1",
)  # fmt: skip
"""The images whose saved bytes are kept."""


class Shell:
    """`sh("ls", "web")` runs the installed command on one store and returns what it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = {**os.environ, "LAYERLOG_STORE": str(folder / "store"), "LAYERLOG_AUTHOR": "Ada <ada@example.org>"}

    def __call__(self, *args: str, stdin: str = "") -> str:
        command = [str(Path(sys.executable).with_name("layerlog")), *args]
        done = subprocess.run(command, input=stdin, cwd=self.folder, env=self._env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()


def base_archive() -> bytes:
    """A docker-archive of two layers: directories of every mode, hard links, a device, xattrs, whiteouts."""
    lower = io.BytesIO()
    with tarfile.open(fileobj=lower, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, mode, uid, data in (
            ("tmp", tarfile.DIRTYPE, 0o1777, 0, b""),
            ("home", tarfile.DIRTYPE, 0o755, 0, b""),
            ("home/u", tarfile.DIRTYPE, 0o2770, 1000, b""),
            ("etc", tarfile.DIRTYPE, 0o750, 0, b""),
            ("etc/motd", tarfile.REGTYPE, 0o644, 0, b"hello\n"),
            ("etc/same", tarfile.LNKTYPE, 0o644, 0, b"etc/motd"),
            ("etc/third", tarfile.LNKTYPE, 0o644, 0, b"etc/motd"),
            ("etc/gone", tarfile.REGTYPE, 0o600, 7, b"x"),
            ("srv/deep/down/f", tarfile.REGTYPE, 0o644, 0, b"f"),
            ("dev/null", tarfile.CHRTYPE, 0o666, 0, b""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.mtime = kind, mode, uid, uid, 1_700_000_000
            if kind == tarfile.LNKTYPE:
                info.linkname, data = data.decode(), b""
            info.devmajor, info.devminor = (1, 3) if kind == tarfile.CHRTYPE else (0, 0)
            info.size, info.pax_headers = len(data), {"SCHILY.xattr.user.a": "b"} if name == "etc/motd" else {}
            tar.addfile(info, io.BytesIO(data))
    upper = images.layer_tar({"etc/.wh.gone": b"", "opt/app/run": b"#!/bin/sh\n"})
    tars = [lower.getvalue(), upper]
    run = {"Env": ["PATH=/bin", "A=1"], "Cmd": ["run"], "Entrypoint": ["/bin/sh", "-c"], "Labels": {"l": "1"}}
    config = images.config(tars, config=run, author="Base")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = {"Config": "config.json", "RepoTags": ["base:1"], "Layers": ["0/layer.tar", "1/layer.tar"]}
        members = {"config.json": config, "0/layer.tar": tars[0], "1/layer.tar": tars[1], "manifest.json": json.dumps([entry]).encode()}
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def fill(sh: Shell) -> None:
    """Make the images of `SAVED`, by the commands that a user would type."""
    (sh.folder / "base.tar").write_bytes(base_archive())
    sh("load", "-q", "-i", "base.tar")
    _hard_links(sh)
    _many_layers(sh)
    _forks(sh)
    _folder(sh)
    _changes(sh)
    sh("create", "--name", "nothing", "scratch")
    sh("commit", "--allow-empty", "-c", "LABEL of=nothing", "nothing", "empty:1")
    sh("write", "--text", "x", "nothing:/x")
    sh("commit", "nothing", "scratch:1")


def _hard_links(sh: Shell) -> None:
    sh("create", "--name", "links", "base:1")
    sh("mkdir", "-p", "links:/a/b")
    sh("write", "--text", "one", "links:/a/one")
    sh("link", "links:/a/one", "links:/a/b/two")
    sh("link", "links:/etc/motd", "links:/home/u/motd")
    sh("move", "links:/srv/deep", "links:/tmp/deep")
    sh("commit", "-m", "several names", "links", "links:1")
    sh("chmod", "600", "links:/a/b/two")
    sh("commit", "-m", "through one name", "links", "links:2")
    sh("write", "--text", "another node", "links:/etc/same")
    sh("delete", "links:/a/one")
    sh("commit", "-m", "a name less", "links", "links:3")
    sh("delete", "-r", "links:/etc")
    sh("write", "--text", "no directory", "links:/etc")
    sh("delete", "-r", "links:/tmp")
    sh("mkdir", "links:/tmp")
    sh("commit", "-m", "replaced", "links", "deleted:1")


def _many_layers(sh: Shell) -> None:
    sh("create", "--name", "many", "base:1")
    for n in range(3, 131):
        sh("write", "--text", f"{n}", f"many:/tmp/{n % 7}")
        name = (f"many:{n}",) if f"many:{n}" in SAVED else ()
        sh("commit", *(("-c", f"ENV N={n}") if n % 10 == 0 else ()), "-m", f"layer {n}", "many", *name)
    sh("write", "--text", "unsealed", "many:/home/u/unsealed")
    sh("fork", "--name", "manyfork", "many")
    for n in range(3):
        sh("write", "--text", f"{n}", "manyfork:/srv/deep/down/f")
        sh("commit", "manyfork", f"manyfork:{n}")


def _forks(sh: Shell) -> None:
    sh("create", "--name", "web", "base:1")
    sh("write", "--text", "1", "web:/home/u/f")
    sh("config", "web", "--env", "B=2")
    sh("chown", "5:6", "web:/etc/motd")
    sh("fork", "--name", "fork", "web@3")
    sh("write", "--text", "2", "fork:/home/u/g")
    sh("commit", "-m", "of an unsealed point", "fork", "fork:1")
    sh("delete", "fork:/home/u/f")
    sh("fork", "--name", "again", "fork")
    sh("commit", "--allow-empty", "-m", "of a fork", "again", "fork:2")
    sh("delete", "web:/opt/app/run")
    sh("commit", "-m", "the trunk", "web", "web:1")


def _folder(sh: Shell) -> None:
    top = sh.folder / "rootfs"
    (top / "usr" / "bin").mkdir(parents=True)
    (top / "usr" / "bin" / "sh").write_bytes(b"#!" * 100)
    os.link(top / "usr" / "bin" / "sh", top / "usr" / "bin" / "dash")
    (top / "bin").symlink_to("usr/bin")
    (top / "var").mkdir(mode=0o700)
    sh("import", "-c", 'CMD ["sh"]', "-c", "ENV A='b c' D=\"e $A\"", "--platform", "linux/arm64/v8", "rootfs", "folder:1")
    sh("create", "--name", "onfolder", "folder:1")
    sh("write", "--text", "x", "onfolder:/var/x")
    sh("commit", "-c", "USER 5:6", "onfolder", "folder:2")


def _changes(sh: Shell) -> None:
    sh("create", "--name", "changes", "base:1")
    said = (
        "ENV A=\"quo\\\"ted\" B='single $A' C=un\\ quoted E=${A:-none}x F=${MISSING:-d} G=${A:+yes}",
        "ENV old all the rest  here",
        "env lower=case",
        'LABEL e=f "a b"="c\td"',
        "CMD echo \"$HOME\" && 'x'",
        'ENTRYPOINT ["/bin/é", "\\u0041"]',
        "EXPOSE 80 443/tcp 8000-8002/udp",
        'VOLUME ["/data", "/w x"]',
        "VOLUME /one /two",
        "WORKDIR /a/../b",
        "WORKDIR rel/$A",
        'HEALTHCHECK --interval=1m30s --retries=3 CMD curl -f "http://localhost/" || exit 1',
        "STOPSIGNAL SIGRTMIN+3",
        "ONBUILD RUN echo $A",
        'USER "u ser":g',
    )  # fmt: skip
    sh("commit", *(part for text in said for part in ("-c", text)), "-m", 'a "message"\nof two lines: é', "changes", "changes:1")
    for text in ("ENV X=1\\\nY=2", "CMD a \\\n b", 'LABEL k="v \\\nw"', "ENTRYPOINT x\n", "ENV Z=1\nW=2"):
        sh("commit", "-c", text, "changes", "changes:2")


def told(store: str, out: Path) -> dict[str, Any]:
    """Return, of each image of `SAVED` in *store*, its config's digest, its diff_ids and the digest of its archive, once at *out*."""
    return {name: _saved(Layerlog(Path(store)), name, out) for name in SAVED}


def _saved(ll: Layerlog, name: str, out: Path) -> dict[str, Any]:
    ll("save", "-q", "-o", str(out), name)
    with tarfile.open(out) as archive:
        found = json.load(archive.extractfile("manifest.json") or io.BytesIO())[0]
        config = json.load(archive.extractfile(found["Config"]) or io.BytesIO())
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    return {"config": Path(found["Config"]).name, "diff_ids": config["rootfs"]["diff_ids"], "archive": digest}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fill(Shell(Path(folder)))
        kept = json.dumps(told(f"{folder}/store", Path(folder, "saved.tar")), indent=1, sort_keys=True) + "\n"
        (HERE / f"images-{SCHEMA}.json").write_text(kept)
        with tarfile.open(HERE / f"images-{SCHEMA}.tar.gz", "w:gz") as archive:
            archive.add(f"{folder}/store", "store", filter=lambda item: None if "/cache/" in item.name else item)


if __name__ == "__main__":
    main()
