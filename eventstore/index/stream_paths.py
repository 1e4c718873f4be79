"""Which paths a stream's events are about, and what they last said of them."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from eventstore.log.log import Log
from eventstore.log.path_table import PathTable
from eventstore.model.events import HIDES, HIDING, NAMING

Keyed = tuple[bytes, int]
"""A path's tree order key, and its id."""
MANY_PATHS = 1000


def has_tree_events(log: Log, stream: int, first: int, last: int) -> bool:
    """Whether any of the stream's events first..last is about a path: O(events until one is)."""
    rows = "SELECT 1 FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND path IS NOT NULL LIMIT 1"
    return log.db.execute(rows, (stream, first, last)).fetchone() is not None


def count_paths(log: Log, stream: int, most: int) -> int:
    """Return how many paths a container's stream was ever about, counted up to *most*: O(what is counted)."""
    count = "SELECT count(*) FROM (SELECT 1 FROM event WHERE fresh = 1 AND stream = ? LIMIT ?)"
    return int(log.db.execute(count, (stream, most)).fetchone()[0])


def count_paths_between(log: Log, stream: int, first: int, last: int, most: int) -> int:
    """Return how many paths the stream's events first..last are about, counted up to *most*.

    O(events until so many are seen).
    """
    paths = "SELECT DISTINCT path FROM event WHERE stream = ? AND version BETWEEN ? AND ? LIMIT ?"
    return int(log.db.execute(f"SELECT count(*) FROM ({paths})", (stream, first, last, most)).fetchone()[0])


def touched(log: Log, stream: int, upto: int) -> Iterator[Keyed]:
    """Yield the paths that a container's events 1..upto are about or moved away, some twice, in no order.

    O(paths that the stream ever touched, and moves in the log), whatever the stream's length.
    """
    key_of = PathTable(log).key
    each_another = count_paths(log, stream, upto) == upto
    for statement in (_WRITTEN_IN_ORDER if each_another else _WRITTEN, _TAKEN):
        for parent, name, path_id in log.db.execute(statement, (stream, upto)):
            yield key_of(parent, name), path_id


def touched_below(log: Log, stream: int, upto: int, top: bytes) -> Iterator[Keyed]:
    """Yield the paths that `touched` does as far as they are at or below *top*, and maybe others.

    As `touched`, or, where the stream touched many, O(all paths at or below *top* that the log knows).
    """
    if count_paths(log, stream, MANY_PATHS) < MANY_PATHS:
        yield from touched(log, stream, upto)
        return
    key_of = PathTable(log).key
    for parent, name, path_id in log.db.execute(_BELOW, (stream, log.path_id(top))):
        yield key_of(parent, name), path_id


def touched_between(log: Log, stream: int, first: int, last: int) -> Iterator[tuple[bytes, int, bool]]:
    """Yield (tree order key, id, whether what was below was hidden or moved) of each path that the stream's events first..last
    are about or moved away, once, in no order: O(events).
    """
    key_of = PathTable(log).key
    for parent, name, path_id, hides in log.db.execute(_BETWEEN, (stream, first, last)):
        yield key_of(parent, name), path_id, bool(hides)


def latest(log: Log, stream: int, upto: int, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return rows, in the order of the paths *ids*, of what the stream last said of each, up to version *upto*.

    A row is a stored event's columns (`Event`'s fields), the version at which the path was last moved away (or None), and
    the path's index in *ids*.  There is one for each of the latest events that put a directory there, that name the path
    and that only hide what is below it; or, where there is none of those, one without an event (None in all its columns).
    Rows stay tuples because a walk makes no `Event` of most.  One statement, four index look-ups for each path.
    """
    until = f"AND stream = {stream} AND version <= {upto}"
    event = f"(SELECT position FROM event WHERE path = t.path AND effect = {{:d}} {until} ORDER BY version DESC LIMIT 1)"
    rows = log.db.execute(
        f"WITH t (i, path) AS (VALUES {','.join(f'({index},?)' for index in range(len(ids)))}) "
        f"SELECT e.*, (SELECT max(version) FROM event WHERE source = t.path {until}), t.i "
        f"FROM t LEFT JOIN event e ON e.position IN ({','.join(map(event.format, (*NAMING, HIDES)))})",
        ids,
    ).fetchall()
    rows.sort(key=_INDEX)
    return rows


_INDEX = itemgetter(-1)

_END = "(SELECT position FROM event WHERE stream = ?1 AND version <= ?2 ORDER BY version DESC LIMIT 1)"
"""Where a span ends in the global order; an index by path holds positions, so that it alone answers."""

_PATHS = "SELECT p.parent, p.name, p.id FROM event e JOIN path p ON"
_WRITTEN = f"{_PATHS} p.id = e.path WHERE e.fresh = 1 AND e.stream = ?1 AND +e.position <= {_END}"
_WRITTEN_IN_ORDER = f"{_PATHS} p.id = e.path WHERE +e.fresh = 1 AND e.stream = ?1 AND e.version <= ?2"
"""Where each event is about another path: the events one after the other as they lie, so by plus not through `event_fresh`."""
_TAKEN = f"{_PATHS} p.id = e.source WHERE e.source IS NOT NULL AND +e.stream = ?1 AND e.version <= ?2"
"""By plus not through the stream's events: moves are few, and have an index of their own."""

_BELOW = """
    WITH RECURSIVE below (id) AS (SELECT ?2 UNION ALL SELECT c.id FROM below CROSS JOIN path c ON c.parent = below.id)
    SELECT p.parent, p.name, p.id FROM below CROSS JOIN path p ON p.id = below.id
    WHERE EXISTS (SELECT 1 FROM event WHERE fresh = 1 AND stream = ?1 AND path = p.id)
        OR EXISTS (SELECT 1 FROM event WHERE source = p.id AND stream = ?1)
"""
"""CROSS JOIN: from the top down, never through all paths there are."""

_EVENTS = "FROM event WHERE stream = ?1 AND version BETWEEN ?2 AND ?3"
_BETWEEN = (
    "SELECT p.parent, p.name, p.id, t.hides FROM (SELECT id, max(hides) AS hides FROM ("
    f"SELECT path AS id, effect IN {HIDING} AS hides {_EVENTS} AND path IS NOT NULL "
    f"UNION ALL SELECT source, 1 {_EVENTS} AND source IS NOT NULL) GROUP BY id) t JOIN path p ON p.id = t.id"
)
