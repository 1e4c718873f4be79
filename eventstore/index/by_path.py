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


class Naming(NamedTuple):
    """An event that says what a path is, and the path's parent."""

    parent: int
    event: Event


def naming(log: Log, ids: Collection[int]) -> list[Naming]:
    """Return the events that say what one of the paths is, in any stream, path by path: index look-ups for those."""
    rows = log.db.execute(
        "SELECT p.parent, e.* FROM event e JOIN path p ON p.id = e.path "
        f"WHERE e.path {_AMONG} AND e.effect IN {NAMING} ORDER BY e.path",
        (_listed(ids),),
    )
    return [Naming(parent, Event._make(row)) for parent, *row in rows]


def was_hidden(log: Log, path_id: int) -> bool:
    """Whether any stream ever hid what was below a path: one index look-up."""
    statement = f"SELECT EXISTS (SELECT 1 FROM event WHERE path = ? AND effect IN {HIDING})"
    return bool(log.db.execute(statement, (path_id,)).fetchone()[0])


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


def moved(log: Log) -> Iterator[tuple[int, int]]:
    """Yield (path's id that was moved away, stream) of every move in the log: O(moves), through the index alone."""
    return log.db.execute("SELECT source, stream FROM event WHERE source IS NOT NULL")


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
