"""Facts: what each span of a view says of its paths, in tree order; `walk.py` merges them.

A layer's stream lies that way already; of a container the paths that it touched come sorted, and are asked in batches.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from eventstore.index import layers, stream_paths
from eventstore.log.log import Log
from eventstore.log.path_table import lies_within
from eventstore.model.batches import batches
from eventstore.model.entries import Entry
from eventstore.model.events import Event
from eventstore.model.paths import order as tree_order
from eventstore.model.paths import path_of
from projections.tree.lineage import Span
from projections.tree.touched_paths import PATHS_AT_ONCE
from projections.tree.view import Order
from projections.tree.walk_cache import Asked

_COLUMNS = len(Event._fields)


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
        return None if self.row is None else Event._make(self.row[:_COLUMNS])


# -- layers


def of_layer(log: Log, rank: int, span: Span, top: bytes) -> Iterator[Iterator[Fact]]:
    """Yield runs of facts, each in tree order, that together are all that a layer's span says at and below *top*."""
    puts = layers.first_put(log, span.stream, span.upto)
    if puts > 1:
        yield _sorted_run(log, rank, span.stream, 1, puts - 1, top)
    yield _sorted_run(log, rank, span.stream, puts, span.upto, top)


def _sorted_run(log: Log, rank: int, stream: int, first: int, last: int, top: bytes) -> Iterator[Fact]:
    """Return the facts at and below *top* of the stream's events first..last, which lie in tree order."""
    start = layers.first_within(log, stream, first, last, top) if top else first
    found = layers.in_order(log, stream, start, last)
    if top:
        within = tree_order(top)
        found = takewhile(lambda keyed: lies_within(keyed[0], within), found)
    return (Fact(key, (rank, row[2]), row) for key, row in found)


# -- containers


def of_container(log: Log, rank: int, span: Span, paths: Iterator[Asked]) -> Iterator[Fact]:
    """Yield what a container's span says of *paths*, which come in tree order."""
    for batch in batches(paths, PATHS_AT_ONCE):
        yield from _latest_facts(log, rank, span, batch)


def _latest_facts(log: Log, rank: int, span: Span, batch: list[Asked]) -> Iterator[Fact]:
    """Yield what the stream last says, up to the span's end, of each path of the batch: one statement for all."""
    rows = stream_paths.latest(log, span.stream, span.upto, [path_id for _, path_id in batch])
    last = -1
    for row in rows:
        gone, index = row[_COLUMNS:]
        key = batch[index][0]
        if gone is not None and index != last:
            yield Fact(key, (rank, gone), None)
        if row[0] is not None:
            yield Fact(key, (rank, row[2]), row)
        last = index
