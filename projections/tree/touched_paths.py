"""Touched paths: those that a container's events were ever about, in tree order, without those known to matter no more."""

import heapq
from collections.abc import Iterable, Iterator

from eventstore.index import paths, stream_paths
from eventstore.log.log import Log
from eventstore.log.path_table import lies_within
from eventstore.model.paths import order as tree_order
from projections.tree.lineage import Span
from projections.tree.walk_cache import Asked, LivePaths

PATHS_AT_ONCE = 200


def touched(log: Log, span: Span, known: LivePaths) -> Iterator[Asked]:
    """Yield the paths that a container's *span* was ever about, each once, without those *known* to matter no more.

    O(paths known to live + paths touched since), or O(paths ever touched) where it is too long ago that they were known.
    """
    if known.version and _is_near(log, span, known.version):
        return _merged(paths.with_keys(log, known.ids), _sorted(_since(log, span, known.version)))
    return _sorted(stream_paths.touched(log, span.stream, span.upto))


def touched_below(log: Log, span: Span, top: bytes) -> Iterator[Asked]:
    """Yield the paths at or below *top* that a container's *span* was ever about, each once."""
    found, within = stream_paths.touched_below(log, span.stream, span.upto, top), tree_order(top)
    return _sorted(asked for asked in found if lies_within(asked[0], within))


def _is_near(log: Log, span: Span, version: int) -> bool:
    """Whether fewer events came since *version* than the container ever touched paths."""
    since = span.upto - version
    return stream_paths.count_paths(log, span.stream, since) == since


def _merged(one: Iterator[Asked], other: Iterator[Asked]) -> Iterator[Asked]:
    last = b"\0"  # no path's
    for asked in heapq.merge(one, other):
        if asked[0] != last:
            yield asked
        last = asked[0]


def _since(log: Log, span: Span, version: int) -> Iterator[Asked]:
    return ((key, path_id) for key, path_id, _ in stream_paths.touched_between(log, span.stream, version + 1, span.upto))


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


_APART = b"\0\0"
"""Between a key and an id in one object, where a hundred thousand have to wait: no name is empty, so they sort as keys do."""
