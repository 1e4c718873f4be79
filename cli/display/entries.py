"""A view's entries as rows of listings: `ls`, `stat` and `diff` say the same things by the same names."""

import stat
from typing import Any

from cli.display.formats import device_string, shown_time
from cli.display.output import Column
from eventstore.model.digests import named
from eventstore.model.entries import Entry
from eventstore.model.times import rfc3339

TYPES = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}  # fmt: skip


def entry_row(entry: Entry) -> dict[str, Any]:
    """Return all that a filesystem shows of *entry*, for JSON: times in RFC 3339, mode in octal, absent things null."""
    return {
        "path": b"/" + entry.path,
        "type": TYPES.get(stat.S_IFMT(entry.mode), "unknown"),
        "mode": f"{stat.S_IMODE(entry.mode):04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size": size(entry),
        "mtime": rfc3339(entry.mtime),
        "digest": named(entry.content) if entry.content else None,
        "target": entry.target,
        "device": list(entry.rdev) if entry.rdev else None,
        "xattrs": [{"name": name, "value": value} for name, value in sorted(entry.xattrs.items())],
    }


def size(entry: Entry) -> int:
    """Return the size as lstat(2) gives it: a symlink's is that of its target's text."""
    return len(entry.target or b"") if entry.is_symlink else entry.size


def long_row(entry: Entry, name: bytes) -> dict[str, Any]:
    """Return what `ls -l` shows beside what JSON holds."""
    arrow = b" -> " + (entry.target or b"") if entry.is_symlink else b""
    return entry_row(entry) | {
        "name": name,
        "long": stat.filemode(entry.mode),
        "owner": f"{entry.uid}:{entry.gid}",
        "room": device_string(entry.rdev) if entry.rdev else str(size(entry)),
        "when": shown_time(entry.mtime),
        "shown": name + arrow,
    }


LONG = (
    Column("long", "MODE"),
    Column("owner", "OWNER"),
    Column("room", "SIZE"),
    Column("when", "MODIFIED"),
    Column("shown", "NAME"),
)
