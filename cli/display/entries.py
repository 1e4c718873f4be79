"""A view's entries as rows of listings: `ls`, `stat` and `diff` say the same things by the same names."""

import stat
from typing import Any

from cli.display.formats import device_string, mode_string, whole_seconds
from cli.display.output import Column, Row, plain
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.entries import Entry
from eventstore.model.paths import shown as escape
from eventstore.model.times import rfc3339
from projections.events.records import Record, Records

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
        "long": mode_string(entry.mode),
        "owner": f"{entry.uid}:{entry.gid}",
        "room": device_string(entry.rdev) if entry.rdev else str(size(entry)),
        "when": whole_seconds(rfc3339(entry.mtime)),
        "shown": name + arrow,
    }


LONG = (
    Column("long", "MODE"),
    Column("owner", "OWNER"),
    Column("room", "SIZE"),
    Column("when", "MODIFIED"),
    Column("shown", "NAME"),
)


def stat_row(log: Log, entry: Entry) -> dict[str, Any]:
    """Return all that is known of *entry*: what it is, and the event that made it so (null for the root of scratch)."""
    origin = Records(log).at(entry.origin) if entry.origin else None
    return entry_row(entry) | {"node": entry.node, "origin": origin and _origin(origin)}


def _origin(record: Record) -> dict[str, Any]:
    return {
        "event": record.title,
        "position": record.event.position,
        "stream": f"{record.kind} {record.name}",
        "version": record.event.version,
        "time": rfc3339(record.time),
        "author": record.author,
        "actor": dict(record.actor),
        "command": record.command,
        "known": record.known,
    }


def print_stat(row: Row, *, first: bool) -> None:
    """Print a `stat_row` as lines of "name: value"."""
    lines = {"Path": row["path"], "Type": row["type"], "Mode": row["mode"], "Owner": f"{row['uid']}:{row['gid']}"}
    lines |= {"Size": row["size"], "Modified": row["mtime"], "Content": row["digest"], "Target": row["target"]}
    lines |= {"Erased": row["erased"] and _erased(row["erased"])}
    lines |= {"Device": row["device"] and device_string(tuple(row["device"])), "Node": row["node"]}
    lines |= {f"Xattr {plain(xattr['name'])}": xattr["value"] for xattr in row["xattrs"]}
    origin = row["origin"]
    if origin:
        lines["Event"] = f"{origin['event']} at {origin['position']}, {origin['stream'][:22]}@{origin['version']}"
        lines["When"] = origin["time"]
        lines["Who"] = _who(origin)
        lines["Command"] = " ".join(origin["command"])
    if not first:
        print()
    for label, value in lines.items():
        if value is not None:
            print(f"{escape(label) + ':':<10} {escape(plain(value))}")


def _erased(event: Row) -> str:
    return f"{event['time']} by event {event['position']}, {_who(event)}: {event['detail']['reason']}"


def _who(origin: Row) -> str:
    seen = f"{origin['actor'].get('login')}@{origin['actor'].get('host')} ({origin['known']})"
    return f"{origin['author']}, seen as {seen}" if origin["author"] else seen
