"""Walk: the whole merged tree in one streaming pass, in tree order.

Every span is a source of facts sorted by path (`facts.py`); they are merged, and the rules that settle a path are those
of `View`.
"""

import heapq
import stat
from collections.abc import Iterable, Iterator

from eventstore.log.log import ROOT_ID
from eventstore.model.batches import batches
from eventstore.model.entries import Entry
from eventstore.model.events import HIDES, HIDING, Kind
from eventstore.model.paths import order as tree_order
from projections.tree.facts import PATHS_AT_ONCE, Fact, of_container, of_layer, touched, touched_below
from projections.tree.view import BOTTOM, Floor, Named, Order, View, of_event
from projections.tree.walk_cache import Census, remembered, worth_counting


def walk(view: View, top: bytes = b"") -> Iterator[Entry]:
    """Yield *top* and all below it in tree order (a directory, what is in it, its next sibling); nothing if it is absent.

    O(result + what the layers hold there + paths the containers ever touched); memory does not grow with layers.
    """
    return view.with_attributes(_Merge(view, top).entries())


def to_read(view: View, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield *entries*, for who reads every file as it comes: where contents lie is looked up for many at a time."""
    for batch in batches(entries, PATHS_AT_ONCE):
        view.content.locate({entry.content for entry in batch if entry.content is not None})
        yield from batch


class _Merge:
    def __init__(self, view: View, top: bytes) -> None:
        self._view = view
        self._heap: list[tuple[bytes, int, Fact, Iterator[Fact]]] = []
        self._count = 0
        self._census: Census | None = None
        for rank, span in enumerate(view.spans):
            for source in of_layer(view.log, rank, span, top) if span.layer else [self._of_container(rank, top)]:
                self._add(source)
        ids, rest = view.prefix_ids(top)
        floor = view.floor_below(ids if rest else ids[:-1])
        self._open: list[tuple[bytes, Floor]] = [(b"", floor)]  # the directories on the way down, as prefixes of keys
        if floor.moved is not None:
            self._relocate(floor, top)
        if not top:
            self._add(iter([Fact(b"", BOTTOM, None)]))

    def entries(self) -> Iterator[Entry]:
        """Yield what each path is; attributes that were changed later than the node was made are left to `View`."""
        heap, census = self._heap, self._census
        while heap:
            fact = self._take()
            facts = [fact]
            while heap and heap[0][0] == fact.key:
                facts.append(self._take())
            entry = (self._alone(fact) if len(facts) == 1 else None) or self._settle(facts)
            if census is not None and (entry is not None or not self._are_own(facts)):
                census.matters(fact.key)
            if entry is not None:
                yield entry
        if census is not None:
            census.close()

    def _of_container(self, rank: int, top: bytes) -> Iterator[Fact]:
        log, span = self._view.log, self._view.spans[rank]
        if top:
            return of_container(log, rank, span, touched_below(log, span, top))
        known = remembered(log, span)
        paths = touched(log, span, known)
        if rank == len(self._view.spans) - 1 and worth_counting(span):
            self._census = Census(self._view, known)
            paths = self._census.watching(paths)
        return of_container(log, rank, span, paths)

    def _are_own(self, facts: list[Fact]) -> bool:
        """Whether the top span alone speaks of the path, and no move brought it along."""
        top = len(self._view.spans) - 1
        return all(fact.order[0] == top and fact.entry is None for fact in facts)

    def _take(self) -> Fact:
        """Return the next fact of all sources."""
        heap = self._heap
        _, number, fact, source = heap[0]
        following = next(source, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.key, number, following, source))
        return fact

    def _alone(self, fact: Fact) -> Entry | None:
        """Return the entry of a node that one event alone speaks of; whatever lies below a directory has its own facts."""
        key, order, row, _ = fact
        if row is None or row[3] != Kind.FILE_WRITTEN or not key:
            return None
        floor = self._floor_above(key)
        if order <= floor.order:
            return None
        entry = of_event(fact.path, row)
        if stat.S_ISDIR(entry.mode):
            self._open.append((key + b"\0", floor))
        elif not self._view.spans[order[0]].layer:  # a directory that was moved here may have had more below it
            self._open.append((key + b"\0", Floor(order, None)))
        return entry

    def _settle(self, facts: list[Fact]) -> Entry | None:
        """Return what the path is, and remember what it hides for all that is below it."""
        key, path = facts[0].key, facts[0].path
        floor = self._floor_above(key)
        below, gone = _below(facts, floor)
        visible = max(floor.order, gone)
        named = [Named(f.order, f.event) for f in facts if f.event and f.event.effect != HIDES and f.order > visible]
        carried = [f.entry for f in facts if f.entry is not None and f.order == floor.order and gone < f.order]
        found = self._view.settle(path, sorted(named, reverse=True)) if named or not path else None
        if not named and carried:
            found = carried[0]._replace(path=path)
        self._open.append((key + b"\0" if key else b"", below))
        if below.moved is not None and below.order != floor.order:
            self._relocate(below, path)
        return found

    def _floor_above(self, key: bytes) -> Floor:
        above = self._open
        while len(above) > 1 and not (key and key.startswith(above[-1][0])):
            above.pop()
        return above[-1][1]

    def _relocate(self, floor: Floor, path: bytes) -> None:
        """Merge in what a move brought below *path*."""
        assert floor.moved is not None
        ids, _ = self._view.prefix_ids(path)
        before, source = self._view.origin(floor, path, ids)
        cut = len(source)
        itself = path != self._view.log.path_text(floor.moved.path or ROOT_ID)
        self._add(
            Fact(tree_order(path + e.path[cut:]), floor.order, None, e)
            for e in walk(before, source)
            if itself or e.path != source
        )

    def _add(self, source: Iterator[Fact]) -> None:
        first = next(source, None)
        if first is not None:
            self._count += 1
            heapq.heappush(self._heap, (first.key, self._count, first, source))


def _below(facts: list[Fact], floor: Floor) -> tuple[Floor, Order]:
    """Return what is hidden below the path, and the order at which the path itself last moved away."""
    below, gone = floor, BOTTOM
    for fact in facts:
        event = fact.event
        if event is None and fact.entry is None:
            gone = max(gone, fact.order)
            below = max(below, Floor(fact.order, None), key=lambda f: f.order)
        elif event is not None and event.effect in HIDING and fact.order > below.order:
            below = Floor(fact.order, event if event.kind == Kind.PATH_MOVED else None)
    return below, gone
