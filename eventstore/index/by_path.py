"""What touched a path, in whichever stream: events about it, moves, and attribute changes through other names of its node.

A place is (stream, version) of an event.
"""

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from eventstore.log.log import Log
from eventstore.model.events import ATTRIBUTES, HIDING, NAMING, Event, Kind

Place = tuple[int, int]

_AMONG = "IN (SELECT value FROM json_each(?1))"


def about(log: Log, path_id: int, effect: int, stream: int, upto: int) -> Iterator[Event]:
    """Yield the stream's events 1..upto of one effect about a path, the latest first, streaming: an index look-up each."""
    rows = log.db.execute(
        "SELECT * FROM event WHERE path = ? AND effect = ? AND stream = ? AND version <= ? ORDER BY version DESC",
        (path_id, effect, stream, upto),
    )
    return map(Event._make, rows)


class Said(NamedTuple):
    """What an event says of a path (its id): that it is there, or (of `kind` PATH_DELETED) no more, be it moved away."""

    path: int
    stream: int
    version: int
    position: int
    kind: int
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    content: bytes | None
    target: bytes | None
    node: int | None


_SAID = f"stream, version, position, {{}}, content, target, node FROM event WHERE {{}} {_AMONG}"
_NAMING = f"SELECT path, {_SAID.format('kind, mode, uid, gid, mtime, size', 'path')} AND effect IN {NAMING}"
_TAKING = f"SELECT source, {_SAID.format(f'{Kind.PATH_DELETED:d}, 0, 0, 0, 0, 0', 'source')}"


def said_of(log: Log, ids: Collection[int]) -> Iterator[Said]:
    """Yield all that events of any stream say of what the paths are, in no order: index look-ups for those, streaming."""
    return map(Said._make, log.db.execute(f"{_NAMING} UNION ALL {_TAKING}", (_listed(ids),)))


def places_of(log: Log, ids: Collection[int]) -> Iterator[Place]:
    """Yield the places of the events that are about one of the paths or moved it away, in no order: through indexes alone."""
    yield from log.db.execute(
        f"SELECT stream, version FROM event WHERE path {_AMONG} "
        f"UNION ALL SELECT stream, version FROM event WHERE source {_AMONG}",
        (_listed(ids),),
    )


def places_hiding(log: Log, path_id: int) -> list[Place]:
    """Return the places of the events that hid what was below a path or moved it away: through indexes alone."""
    return log.db.execute(
        f"SELECT stream, version FROM event WHERE path = ?1 AND effect IN {HIDING} "
        "UNION SELECT stream, version FROM event WHERE source = ?1",
        (path_id,),
    ).fetchall()


# -- moves and hard links


def moves(log: Log) -> Iterator[Event]:
    """Yield every move in the log, in no order, streaming: an index look-up each."""
    return map(Event._make, log.db.execute("SELECT * FROM event WHERE source IS NOT NULL"))


def links(log: Log) -> Iterator[Event]:
    """Yield every hard link in the log, in no order, streaming: an index look-up each."""
    return map(Event._make, log.db.execute(f"SELECT * FROM event WHERE kind = {Kind.LINK_MADE:d}"))


# -- attributes


class Shared(NamedTuple):
    """An attribute change that came by the name `path` of a node which `name` (ids both) names or named too."""

    stream: int
    version: int
    path: int
    name: int


def changes_of_shared(log: Log, names: Collection[int]) -> Iterator[Shared]:
    """Yield the attribute changes of all nodes that the paths *names* ever named, in any stream, by whichever name, in no
    order, streaming: look-ups for each event that named a node so.
    """
    rows = log.db.execute(
        "SELECT a.stream, a.version, a.path, w.path FROM event w JOIN event a "
        f"ON a.node = coalesce(w.node, w.position) AND a.effect = {ATTRIBUTES:d} "
        f"WHERE w.path {_AMONG} AND w.kind IN ({Kind.FILE_WRITTEN:d}, {Kind.LINK_MADE:d})",
        (_listed(names),),
    )
    return map(Shared._make, rows)


def _listed(ids: Collection[int]) -> str:
    """Return *ids* as `_AMONG` takes them: one statement, prepared once, for any number of them."""
    return json.dumps(list(ids))
