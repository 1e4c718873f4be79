"""A small but real root filesystem, made of what every machine with layerlog has: the running Python's own library."""

import io
import os
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from eventstore.errors import NotFoundError

TOMCAT = "usr/local/tomcat"
_LEFT_OUT = {
    "__pycache__", "dist-packages", "ensurepip", "idlelib", "lib-dynload", "lib2to3", "pydoc_data", "site-packages",
    "test", "tests", "tkinter", "turtledemo",
}  # fmt: skip
_PAGE = "<!doctype html>\n<title>{0}</title>\n<h1>{0}</h1>\n"
_TEXTS = {
    "etc/hostname": "demo\n",
    "etc/motd": "Welcome.\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    f"{TOMCAT}/conf/server.xml": '<Server port="8005" shutdown="SHUTDOWN"/>\n',
    f"{TOMCAT}/webapps.dist/ROOT/index.html": _PAGE.format("It works"),
    f"{TOMCAT}/webapps.dist/docs/index.html": _PAGE.format("Documentation"),
    f"{TOMCAT}/webapps.dist/manager/index.html": _PAGE.format("Manager"),
}
_EMPTY = ("dev", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/log", f"{TOMCAT}/webapps")
_LINKS = {"bin": "usr/bin", "lib": "usr/lib"}
_MODES = {"root": 0o700, "tmp": 0o1777}


class Made(NamedTuple):
    files: int
    size: int


def write_root(path: str) -> Made:
    """Write the root filesystem, all of it root's, as a tar to the new file *path*; return what it holds.

    The library comes without its tests and compiled parts.  Beside it stands a tomcat's folder with the webapps as
    the well-known image has them: all in webapps.dist, none in webapps.  Raise NotFoundError where this Python keeps
    its library in no folder.
    """
    library = sysconfig.get_path("stdlib")
    sources = dict(_library(library))
    if not sources:
        raise NotFoundError(f"{library}: no Python library lies there; run the demo with a Python that was installed as files")
    with tarfile.open(path, "x", format=tarfile.PAX_FORMAT) as tar:
        when = int(os.stat(library).st_mtime)
        for name in _directories([*sources, *_TEXTS, *(f"{empty}/-" for empty in _EMPTY)]):
            tar.addfile(_member(name, tarfile.DIRTYPE, _MODES.get(name, 0o755), when))
        for name, target in _LINKS.items():
            link = _member(name, tarfile.SYMTYPE, 0o777, when)
            link.linkname = target
            tar.addfile(link)
        sizes = [_add_file(tar, name, text.encode(), when) for name, text in _TEXTS.items()]
        sizes += [_add_copy(tar, name, source) for name, source in sources.items()]
    return Made(len(sizes), sum(sizes))


def _library(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (path in the image, host path) of the library's files."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("config-"))
        for name in sorted(files):
            host = os.path.join(here, name)
            if os.path.isfile(host) and os.access(host, os.R_OK):
                yield os.path.join("usr/lib", os.path.basename(folder), os.path.relpath(host, folder)), host


def _directories(paths: Iterable[str]) -> list[str]:
    return sorted({str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."})


def _add_copy(tar: tarfile.TarFile, name: str, host: str) -> int:
    with open(host, "rb") as file:
        return _add_file(tar, name, file.read(), int(os.fstat(file.fileno()).st_mtime))


def _add_file(tar: tarfile.TarFile, name: str, data: bytes, when: int) -> int:
    member = _member(name, tarfile.REGTYPE, 0o644, when)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
    return len(data)


def _member(name: str, kind: bytes, mode: int, when: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, when
    member.uname = member.gname = "root"
    return member
