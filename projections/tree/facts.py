"""Facts: what each span of a view says of its paths, in tree order; `walk.py` merges them.

A layer's stream lies that way already; of a container the paths that it touched come sorted, and are asked in batches.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby, takewhile
from operator import itemgetter
from typing import Any, NamedTuple

from eventstore.index import layers, paths, stream_paths
from eventstore.log.log import Log
from eventstore.log.path_table import lies_within
from eventstore.model.batches import batches
from eventstore.model.entries import Entry
from eventstore.model.events import Event
from eventstore.model.paths import order as tree_order
from eventstore.model.paths import path_of
from projections.tree.lineage import Span
from projections.tree.view import Order
from projections.tree.walk_cache import Asked, LivePaths

PATHS_AT_ONCE = 200
_COLUMNS = len(Event._fields)
_APART = b"\0\0"
"""Between a key and an id in one object, where a hundred thousand have to wait: no name is empty, so they sort as keys do."""


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
    """Yield what a container's span last says of *paths*, which come in tree order: one statement for many."""
    for batch in batches(paths, PATHS_AT_ONCE):
        last = -1
        for row in stream_paths.latest(log, span.stream, span.upto, [path_id for _, path_id in batch]):
            gone, index = row[_COLUMNS:]
            key = batch[index][0]
            if gone is not None and index != last:
                yield Fact(key, (rank, gone), None)
            if row[0] is not None:
                yield Fact(key, (rank, row[2]), row)
            last = index


# -- the paths that a container's events were ever about


def touched(log: Log, span: Span, known: LivePaths) -> Iterator[Asked]:
    """Yield the paths that a container's *span* was ever about, each once, without those *known* to matter no more.

    O(paths known to live + paths touched since), or O(paths ever touched) where it is too long ago that they were known.
    """
    since = span.upto - known.version
    if not known.version or stream_paths.count_paths(log, span.stream, since) < since:  # fewer paths than events
        return _sorted(stream_paths.touched(log, span.stream, span.upto))
    later = stream_paths.touched_between(log, span.stream, known.version + 1, span.upto)
    merged = heapq.merge(paths.with_keys(log, known.ids), _sorted((key, path_id) for key, path_id, _ in later))
    return (next(same) for _, same in groupby(merged, key=itemgetter(0)))


def touched_below(log: Log, span: Span, top: bytes) -> Iterator[Asked]:
    """Yield the paths at or below *top* that a container's *span* was ever about, each once."""
    found, within = stream_paths.touched_below(log, span.stream, span.upto, top), tree_order(top)
    return _sorted(asked for asked in found if lies_within(asked[0], within))


def _sorted(found: Iterable[Asked]) -> Iterator[Asked]:
    """Yield *found*, each once, in tree order."""
    packed = [key + _APART + path_id.to_bytes(8) for key, path_id in found]
    packed.sort(reverse=True)
    last = b""
    while packed:  # giving back its room on the way
        item = packed.pop()
        if item != last:
            yield item[:-10], int.from_bytes(item[-8:])
        last = item
