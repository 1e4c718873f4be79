"""Folders of the host with every attribute, and layers as the kernel's overlayfs wants them: nothing here is layerlog's."""

import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.peers import lacking

Snapshot = tuple[dict[bytes, Any], set[tuple[bytes, ...]]]


def snapshot(root: Path) -> Snapshot:
    """Return what is below *root* (type, mode, owner, ns mtime, data, target, device, xattrs), and who shares a node."""
    found: dict[bytes, Any] = {}
    names: dict[int, list[bytes]] = {}
    for path in walk(os.fsencode(root)):
        status, relative = os.lstat(path), os.path.relpath(path, os.fsencode(root))
        xattrs = {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
        found[relative] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, _data(path, status), xattrs)
        if not stat.S_ISDIR(status.st_mode):
            names.setdefault(status.st_ino, []).append(relative)
    return found, {tuple(sorted(paths)) for paths in names.values() if len(paths) > 1}


def walk(path: bytes) -> Iterator[bytes]:
    yield path
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for name in os.listdir(path):
            yield from walk(os.path.join(path, name))


def _data(path: bytes, status: os.stat_result) -> object:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if kind == stat.S_IFLNK:
        return os.readlink(path)
    return (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in (stat.S_IFCHR, stat.S_IFBLK) else None


@contextmanager
def overlay(layers: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """Mount the layer tars (lowest first), each unpacked alone, as one overlayfs; give where."""
    lowers: list[str] = []
    for number, tar in enumerate(layers):
        folder = scratch / f"lower{number}"
        folder.mkdir()
        _unpack(tar, str(folder), lowers)
        lowers.append(str(folder))
    merged = scratch / "merged"
    merged.mkdir()
    options = f"lowerdir={':'.join(reversed(lowers))},xino=off"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)], capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(f"overlayfs cannot be mounted ({done.stderr.strip()})")
    try:
        yield merged
    finally:
        subprocess.run(["umount", str(merged)], check=True)


def _unpack(tar: Path, folder: str, below: Sequence[str]) -> None:
    """Make *folder* the lower directory that *tar* means: whiteouts are devices 0:0, opaque directories have an xattr."""
    with tarfile.open(tar, errors="surrogateescape") as archive:
        members = list(archive)
        for member in members:
            parent, _, name = os.path.normpath(member.name).rpartition("/")
            _imply(folder, parent, below)
            if not name.startswith(".wh."):
                _extract(archive, member, folder, below)
        for member in members:
            parent, _, name = os.path.normpath(member.name).rpartition("/")
            if name == ".wh..wh..opq":
                os.setxattr(os.path.join(folder, parent), "trusted.overlay.opaque", b"y")
            elif name.startswith(".wh."):
                os.mknod(os.path.join(folder, parent, name[4:]), stat.S_IFCHR)
    _set_times(folder, below, {os.path.normpath(member.name): _mtime(member) for member in members if not member.islnk()})


def _imply(folder: str, parent: str, below: Sequence[str]) -> None:
    """Make the directories that a layer leaves out as they are in the layers below it."""
    made = os.path.join(folder, parent)
    if parent and not os.path.isdir(made):
        _imply(folder, os.path.dirname(parent), below)
        os.mkdir(made, 0o755)
        for lower in _having(below, parent)[:1]:
            status = os.stat(lower)
            os.chown(made, status.st_uid, status.st_gid)
            shutil.copystat(lower, made)


def _having(below: Sequence[str], name: str) -> list[str]:
    """Return where the layers below have *name*, the uppermost first."""
    return [path for lower in reversed(below) if os.path.lexists(path := os.path.join(lower, name))]


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str, below: Sequence[str]) -> None:
    where = os.path.join(folder, member.name)
    if member.islnk() and not os.path.lexists(os.path.join(folder, member.linkname)):
        shutil.copy2(_having(below, member.linkname)[0], where, follow_symlinks=False)
    else:
        archive.extract(member, folder, numeric_owner=True)
        _dress(where, member)


def _set_times(folder: str, below: Sequence[str], times: dict[str, int]) -> None:
    for top, directories, files in os.walk(folder, topdown=False):
        for name in [*directories, *files]:
            path = os.path.join(top, name)
            relative = os.path.relpath(path, folder)
            lower = _having(below, relative)
            if relative in times or lower:
                time = times[relative] if relative in times else os.lstat(lower[0]).st_mtime_ns
                os.utime(path, ns=(0, time), follow_symlinks=False)
    root = times.get(".") or times.get("/") or (os.stat(below[-1]).st_mtime_ns if below else 0)
    os.utime(folder, ns=(0, root))


def _dress(where: str, member: tarfile.TarInfo) -> None:
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            os.setxattr(where, key[13:], value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
    if not member.issym():
        os.chmod(where, member.mode)


def _mtime(member: tarfile.TarInfo) -> int:
    seconds, _, fraction = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])
