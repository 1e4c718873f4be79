"""Touched paths: those that a container's events were ever about, in tree order, without those known to matter no more."""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from eventstore.log.log import Log
from eventstore.log.path_table import PathTable, lies_within
from eventstore.model.paths import order as tree_order
from projections.tree.lineage import Span
from projections.tree.walk_cache import Asked, Living

PATHS_AT_ONCE = 200
MANY_PATHS = 1000


def touched(log: Log, span: Span, known: Living) -> Iterator[Asked]:
    """Yield the paths that a container's *span* was ever about, each once, without those *known* to matter no more.

    O(paths known to live + paths touched since), or O(paths ever touched) where it is too long ago that they were known.
    """
    if known.version and _is_near(log, span, known.version):
        return _merged(_with_keys(log, known.ids), _sorted(log, _rows_since(log, span, known.version), b""))
    return touched_below(log, span, b"")


def touched_below(log: Log, span: Span, top: bytes) -> Iterator[Asked]:
    """Yield the paths at or below *top* that a container's *span* was ever about, each once."""
    return _sorted(log, _rows(log, span, top), top)


def _is_near(log: Log, span: Span, version: int) -> bool:
    """Whether fewer events came since *version* than the container ever touched paths."""
    since = span.upto - version
    few = f"SELECT count(*) FROM (SELECT 1 FROM event WHERE fresh = 1 AND stream = ? LIMIT {since})"
    return bool(log.db.execute(few, (span.stream,)).fetchone()[0] == since)


def _with_keys(log: Log, ids: Sequence[int]) -> Iterator[Asked]:
    key_of = PathTable(log).key
    for start in range(0, len(ids), PATHS_AT_ONCE):
        batch = ids[start : start + PATHS_AT_ONCE]
        marks = ",".join("?" * len(batch))
        rows = log.db.execute(f"SELECT id, parent, name FROM path WHERE id IN ({marks})", batch)
        keys = {path_id: key_of(parent, name) for path_id, parent, name in rows.fetchall()}
        yield from ((keys[path_id], path_id) for path_id in batch)


def _merged(one: Iterator[Asked], other: Iterator[Asked]) -> Iterator[Asked]:
    last = b"\0"  # no path's
    for asked in heapq.merge(one, other):
        if asked[0] != last:
            yield asked
        last = asked[0]


def _rows_since(log: Log, span: Span, version: int) -> Iterator[tuple[int, bytes, int]]:
    for column in ("path", "source"):
        yield from log.db.execute(
            f"SELECT p.parent, p.name, p.id FROM event e JOIN path p ON p.id = e.{column} "
            "WHERE e.stream = ? AND e.version > ? AND e.version <= ?",
            (span.stream, version, span.upto),
        )


def _sorted(log: Log, rows: Iterable[tuple[int, bytes, int]], top: bytes) -> Iterator[Asked]:
    """Yield (key, id) of the paths (parent, name, id) at or below *top*, each once, in tree order."""
    within, key_of, packed = tree_order(top), PathTable(log).key, []
    for parent, name, path_id in rows:
        key = key_of(parent, name)
        if not top or lies_within(key, within):
            packed.append(key + _APART + path_id.to_bytes(8))
    packed.sort(reverse=True)
    last = b""
    while packed:  # giving back its room on the way
        item = packed.pop()
        if item != last:
            yield item[:-10], int.from_bytes(item[-8:])
        last = item


_APART = b"\0\0"
"""Between a key and an id in one object, where a hundred thousand have to wait: no name is empty, so they sort as keys do."""


def _rows(log: Log, span: Span, top: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (parent, name, id) of the paths that the span touched, or, where the stream touched many, of fewer than all."""
    many = MANY_PATHS if top else span.upto
    count = f"SELECT count(*) FROM (SELECT 1 FROM event WHERE fresh = 1 AND stream = ? LIMIT {many})"
    written, values = f"p.id = e.path WHERE e.fresh = 1 AND e.stream = ?1 AND +e.position <= {_END}", (span.stream, span.upto)
    if log.db.execute(count, values[:1]).fetchone()[0] == many:
        if top:
            yield from log.db.execute(_BELOW, (span.stream, log.path_id(top)))
            return
        written = "p.id = e.path WHERE +e.fresh = 1 AND e.stream = ?1 AND e.version <= ?2"
    taken = "p.id = e.source WHERE e.source IS NOT NULL AND +e.stream = ?1 AND e.version <= ?2"
    for joined in (written, taken):
        yield from log.db.execute(f"SELECT p.parent, p.name, p.id FROM event e JOIN path p ON {joined}", values)


_END = "(SELECT position FROM event WHERE stream = ?1 AND version <= ?2 ORDER BY version DESC LIMIT 1)"
"""Where a span ends in the global order; an index by path holds positions, so that it alone answers."""

_BELOW = """
    WITH RECURSIVE below (id) AS (SELECT ?2 UNION ALL SELECT c.id FROM below CROSS JOIN path c ON c.parent = below.id)
    SELECT p.parent, p.name, p.id FROM below CROSS JOIN path p ON p.id = below.id
    WHERE EXISTS (SELECT 1 FROM event WHERE fresh = 1 AND stream = ?1 AND path = p.id)
        OR EXISTS (SELECT 1 FROM event WHERE source = p.id AND stream = ?1)
"""
