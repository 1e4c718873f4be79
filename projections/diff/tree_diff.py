"""What differs between two views, path by path in tree order."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from eventstore.index.nodes import changed_in
from eventstore.index.stream_paths import count_paths, count_paths_between, touched_between
from eventstore.model.entries import Entry, same_node
from eventstore.model.paths import order, path_of
from projections.tree.hard_links import linked_among, names_of
from projections.tree.view import View
from projections.tree.walk import walk

DIRECT = 20
FEW, MANY = 3000, 30_000
"""So many paths are looked up one by one in any case, and at most, as their keys wait in memory."""
TOUCHED, SORTED = 6, 15
"""A path looked up in two views costs as much as a walk over so many that a container touched, or that lie in a layer."""


class Difference(NamedTuple):
    """One path: `before` None is an addition, `after` None a deletion (what was below it is listed too).

    Where a path was followed through a move or a hard link, `before` is what it was under the name that it had then.
    """

    path: bytes
    before: Entry | None
    after: Entry | None

    @property
    def letter(self) -> str:
        """A, C or D, as docker diff prints."""
        return "A" if self.before is None else "D" if self.after is None else "C"

    @property
    def path_before(self) -> bytes:
        return self.path if self.before is None else self.before.path


def between(before: View, after: View, top: bytes = b"") -> Iterator[Difference]:
    """Yield what differs at and below *top*; O(both trees), or O(what one container's events between them touched)."""
    events = events_between(before, after) if not top else None
    return touched_by(before, after, *events) if events is not None else _whole(before, after, top)


def paired(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Difference]:
    """Yield each path that either of two runs of entries in tree order has, whether it differs or not."""
    olds, news = iter(before), iter(after)
    old, new = next(olds, None), next(news, None)
    while old is not None and new is not None:
        if old.path == new.path:
            yield Difference(old.path, old, new)
            old, new = next(olds, None), next(news, None)
        elif order(old.path) < order(new.path):
            yield Difference(old.path, old, None)
            old = next(olds, None)
        else:
            yield Difference(new.path, None, new)
            new = next(news, None)
    yield from (Difference(left.path, left, None) for left in chain(filter(None, [old]), olds))
    yield from (Difference(left.path, None, left) for left in chain(filter(None, [new]), news))


def _whole(before: View, after: View, top: bytes) -> Iterator[Difference]:
    return (found for found in paired(walk(before, top), walk(after, top)) if differ(found.before, found.after))


def differ(old: Entry | None, new: Entry | None) -> bool:
    """Whether a path is not the same in two views, absence being one thing that it can be."""
    return old is not new if old is None or new is None else not same_node(old, new)


def touched_by(before: View, after: View, stream: int, first: int, last: int) -> Iterator[Difference]:
    """Yield what differs between a container's view before event *first* and after event *last* of its stream.

    O(paths that the events touched), whatever the size of the tree; a walk of both views where that is less.
    """
    most = FEW
    if count_paths_between(after.log, stream, first, last, most + 1) > most:
        most = min(MANY, max(FEW, _cost(before) + _cost(after)))
        if count_paths_between(after.log, stream, first, last, most + 1) > most:
            yield from _whole(before, after, b"")
            return
    touched = {key: hides for key, _, hides in touched_between(after.log, stream, first, last)}
    for path in _changed_by_another_name(before, after, stream, first, last):
        touched.setdefault(order(path), False)
    points = _Points(before, after, most)
    yield from points.differences(sorted(touched.items()))
    if points.left < 0:
        done = points.done
        yield from (d for d in _whole(before, after, b"") if done is None or order(d.path) > done)


def _cost(view: View) -> int:
    """Return about how many look-ups cost as much as a walk of *view*; of a container no more paths are counted than matter."""
    return sum(
        upto // SORTED if layer else count_paths(view.log, stream, min(upto, TOUCHED * MANY)) // TOUCHED
        for stream, upto, layer in view.spans
    )


def _changed_by_another_name(before: View, after: View, stream: int, first: int, last: int) -> set[bytes]:
    """Return all names of the nodes with several whose attributes the events changed."""
    nodes = linked_among(after, changed_in(after.log, stream, first, last))
    return names_of(before, nodes) | names_of(after, nodes) if nodes else set()


class _Points:
    """Compares path by path: those that events name, and those that they changed by hiding or moving what is above.

    Gives up when `left`, which begins with *most*, is below 0; then all up to and with the key `done` is said.
    """

    def __init__(self, before: View, after: View, most: int) -> None:
        self.left = most
        self.done: bytes | None = None
        self._before = before
        self._after = after
        self._more: list[bytes] = []

    def differences(self, touched: Sequence[tuple[bytes, bool]]) -> Iterator[Difference]:
        self.left -= len(touched)
        for key, hides in touched:
            while self.left >= 0 and self._more and self._more[0] < key:
                yield from self._at(heapq.heappop(self._more), hides=True)
            if self.left >= 0:
                yield from self._at(key, hides=hides)
        while self.left >= 0 and self._more:
            yield from self._at(heapq.heappop(self._more), hides=True)

    def _at(self, key: bytes, *, hides: bool) -> Iterator[Difference]:
        while self._more and self._more[0] == key:
            heapq.heappop(self._more)
            hides = True
        path = path_of(key)
        old, new = self._before.lookup(path), self._after.lookup(path)
        if differ(old, new):
            yield Difference(path, old, new)
        self.done = key
        for view, entry in ((self._before, old), (self._after, new)):
            if hides and entry is not None and entry.is_dir:
                for child in islice(view.children(path), max(self.left + 1, 0)):
                    heapq.heappush(self._more, order(child.path))
                    self.left -= 1


def events_between(before: View, after: View) -> tuple[int, int, int] | None:
    """Return (stream, first, last) where *after* is *before* and some more events of its top stream, not too many."""
    if not after.spans or after.spans[-1].layer:
        return None
    top = after.spans[-1]
    if before.spans == after.spans[:-1]:
        first = 1
    elif before.spans[:-1] == after.spans[:-1] and before.spans[-1].stream == top.stream and before.spans[-1].upto <= top.upto:
        first = before.spans[-1].upto + 1
    else:
        return None
    paths = count_paths(after.log, top.stream, top.upto)
    return (top.stream, first, top.upto) if top.upto - first < DIRECT * max(paths, 100) else None
