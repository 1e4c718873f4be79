"""Events as rows for other programs: the stable schema of `layerlog events` and of every JSON that shows an event.

All keys are always there; null where an event has no such thing.

    position   its place in the global order, from 1; what --from takes
    time       RFC 3339, UTC, nine digits, as the clock said; order is by position
    changeset  number of the changeset it came in
    stream     what it is about: container, layer, image, tag or store
    name       the container's id, the layer's diff_id, the image's id, the tag
    version    its number in that stream, from 1
    event      FileWritten, PathDeleted, Committed, ...
    path       with a leading slash
    mode       octal text, type bits first: "100644"
    uid gid    numbers
    mtime      ns since 1970, as text
    size       bytes
    content    "sha256:..." of the bytes written
    target     of a symlink; the other name of a hard link; where a move came from
    detail     what else the event says, an object
    id         of a commit, hex
    known      recorded, observed or imported
    author     who is claimed to have done it
    actor      who was seen doing it: {login, uid, login_uid, host}
    command    the command line, as it may be shown

Text that is not UTF-8 is approximated, and KEY_b64 beside it is exact.
"""

from typing import Any

from eventstore.model.digests import named
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events.records import Record
from projections.refs.points import Points

_NODES = (Kind.FILE_WRITTEN, Kind.ATTRIBUTES_CHANGED, Kind.DIRECTORY_IMPLIED)
_PATH_TARGETS = (Kind.LINK_MADE, Kind.PATH_MOVED)


def event_row(record: Record) -> dict[str, Any]:
    event = record.event
    node = event.kind in _NODES
    return {
        "position": event.position,
        "time": rfc3339(record.time),
        "changeset": record.changeset.number,
        "stream": record.kind,
        "name": record.name,
        "version": event.version,
        "event": record.title,
        "path": None if record.path is None else b"/" + record.path,
        "mode": f"{event.mode:06o}" if node else None,
        "uid": event.uid if node else None,
        "gid": event.gid if node else None,
        "mtime": str(event.mtime) if node else None,
        "size": event.size if event.kind == Kind.FILE_WRITTEN else None,
        "content": named(event.content) if event.content else None,
        "target": target(record),
        "detail": record.detail or None,
        "id": event.id.hex() if event.id else None,
        "known": record.known,
        "author": record.author,
        "actor": dict(record.actor),
        "command": record.command,
        "build": None if record.build is None else dict(record.build),
    }


def target(record: Record) -> bytes | None:
    """Return a symlink's target as it is, another path with its leading slash."""
    found = record.event.target
    return b"/" + found if found is not None and record.event.kind in _PATH_TARGETS else found


def place(record: Record, points: Points) -> str:
    """Return how people are shown which event it is, and `show` and `prove` take it: its point, or where it is no container's,
    and so nothing else brings it back, its position.
    """
    return points.spelled(record.name, record.event.version) if record.kind == "container" else str(record.event.position)


def placed(record: Record, points: Points) -> str:
    """Return as `place` does, and of what is no container's, what it is about: web@42; 17, of layer 2a1f4c3b5d6e."""
    about = "" if record.kind in ("container", "store") else f", of {record.kind} {shown(record.name[:12])}"
    return place(record, points) + about
