"""Facts: what each span of a view says of its paths, in tree order; `walk.py` merges them.

A layer's stream lies that way already; of a container the paths that it touched come sorted, and are asked in batches.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from eventstore.log.log import Log
from eventstore.log.path_table import PathTable, lies_within
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind, lifted
from eventstore.model.paths import order as tree_order
from eventstore.model.paths import path_of
from projections.tree.lineage import Span
from projections.tree.touched_paths import PATHS_AT_ONCE
from projections.tree.view import Order
from projections.tree.walk_cache import Asked

_COLUMNS = len(Event._fields)
_HIDING_KINDS = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)


class Fact(NamedTuple):
    """What one source says of the path whose tree order is `key`: a row of `event` (and what was selected beside it), a
    ready entry that a move brought along, or (neither) that it moved away.
    """

    key: bytes
    order: Order
    row: tuple[Any, ...] | None
    entry: Entry | None = None

    @property
    def path(self) -> bytes:
        return path_of(self.key)

    @property
    def event(self) -> Event | None:
        return None if self.row is None else lifted(self.row[:_COLUMNS])


# -- layers


def of_layer(log: Log, rank: int, span: Span, top: bytes) -> Iterator[Iterator[Fact]]:
    """Yield runs of facts, each in tree order, that together are all that a layer's span says at and below *top*."""
    puts = _first(1, span.upto, lambda version: not _hides(log, span, version))
    if puts > 1:
        yield _sorted_run(log, rank, span, 1, puts, top)
    yield _sorted_run(log, rank, span, puts, span.upto + 1, top)


def _sorted_run(log: Log, rank: int, span: Span, first: int, end: int, top: bytes) -> Iterator[Fact]:
    """Yield the facts at and below *top* of the versions [first, end) of a stream, which lie in tree order."""
    within = tree_order(top)
    if top:
        first = _first(first, end, lambda version: _key_at(log, span, version) >= within)
    key_of = PathTable(log).key
    cursor = log.db.execute(
        "SELECT e.*, p.parent, p.name FROM event e JOIN path p ON p.id = e.path "
        "WHERE e.stream = ? AND e.version BETWEEN ? AND ? ORDER BY e.version",
        (span.stream, first, end - 1),
    )
    for row in cursor:
        key = key_of(row[-2], row[-1])
        if top and not lies_within(key, within):
            return
        yield Fact(key, (rank, row[2]), row)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the first number in [low, high) that *holds*, high if none does: all after it hold too."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _hides(log: Log, span: Span, version: int) -> bool:
    row = log.db.execute("SELECT kind FROM event WHERE stream = ? AND version = ?", (span.stream, version)).fetchone()
    return row[0] in _HIDING_KINDS


def _key_at(log: Log, span: Span, version: int) -> bytes:
    row = log.db.execute("SELECT path FROM event WHERE stream = ? AND version = ?", (span.stream, version)).fetchone()
    return tree_order(log.path_text(row[0])) if row[0] is not None else b"\xff"


# -- containers


def of_container(log: Log, rank: int, span: Span, paths: Iterator[Asked]) -> Iterator[Fact]:
    """Yield what a container's span says of *paths*, which come in tree order."""
    while batch := list(islice(paths, PATHS_AT_ONCE)):
        yield from _latest_facts(log, rank, span, batch)


def _latest_facts(log: Log, rank: int, span: Span, batch: list[Asked]) -> Iterator[Fact]:
    """Yield what the stream last says, up to the span's end, of each path of the batch: one statement for all."""
    until = f"AND stream = {span.stream} AND version <= {span.upto}"
    latest = f"(SELECT position FROM event WHERE path = t.path AND effect = {{}} {until} ORDER BY version DESC LIMIT 1)"
    rows = log.db.execute(
        f"WITH t (i, path) AS (VALUES {','.join(f'({index},?)' for index in range(len(batch)))}) "
        f"SELECT e.*, (SELECT max(version) FROM event WHERE source = t.path {until}), t.i "
        f"FROM t LEFT JOIN event e ON e.position IN ({','.join(map(latest.format, (0, 1, 3)))})",
        [path_id for _, path_id in batch],
    ).fetchall()
    rows.sort(key=_INDEX)
    last = -1
    for row in rows:
        gone, index = row[_COLUMNS:]
        key = batch[index][0]
        if gone is not None and index != last:
            yield Fact(key, (rank, gone), None)
        if row[0] is not None:
            yield Fact(key, (rank, row[2]), row)
        last = index


_INDEX = itemgetter(-1)
