"""Walk: the whole merged tree in one streaming pass, in tree order.

Every span is a source of facts sorted by path: a layer's stream lies that way, a container's is asked path by path.
The sources are merged; the rules that settle a path are those of `View`.
"""

import heapq
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from eventstore.entries import Entry
from eventstore.events import Event, Kind, lifted
from eventstore.log import ROOT_ID, Log
from eventstore.paths import order as tree_order
from eventstore.paths import path_of
from projections.lineage import Span
from projections.view import BOTTOM, Floor, Named, Order, View, of_event

PATHS_AT_ONCE = 200
MANY_PATHS = 1000
_HIDING_KINDS = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)
Place = tuple[int, int, int]
"""Where a fact stands: its event's order, and 1 for what a move brought along, 0 otherwise."""


class Fact(NamedTuple):
    """What one source says of a path: an event, a ready entry that a move brought along, or that it moved away."""

    key: bytes
    path: bytes
    order: Order
    event: Event | None
    entry: Entry | None = None


def walk(view: View, top: bytes = b"") -> Iterator[Entry]:
    """Yield *top* and all below it in tree order (a directory, what is in it, its next sibling); nothing if it is absent.

    O(result + what the layers hold there + paths the containers ever touched); memory does not grow with layers.
    """
    merge = _Merge(view, top)
    for key, facts in merge.groups():
        entry = merge.settle(key, facts)
        if entry is not None:
            yield entry


def to_read(view: View, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield *entries*, for who reads every file as it comes: where contents lie is looked up for many at a time."""
    arriving = iter(entries)
    while batch := list(islice(arriving, PATHS_AT_ONCE)):
        view.content.locate({entry.content for entry in batch if entry.content is not None})
        yield from batch


def linked_nodes(view: View) -> set[int]:
    """Return the nodes that were ever given a second name in *view*: O(hard links of its spans)."""
    found = set()
    for rank, span in enumerate(view.spans):
        for row in view.log.db.execute(
            f"SELECT node, path FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream = ? AND version <= ?",
            (span.stream, span.upto),
        ):
            entry = None if row[0] is not None else view.through(rank).lookup(view.log.path_text(row[1]))
            node = row[0] if entry is None else entry.node
            if node is not None:
                found.add(node)
    return found


class _Merge:
    def __init__(self, view: View, top: bytes) -> None:
        self._view = view
        self._heap: list[tuple[bytes, int, Fact, Iterator[Fact]]] = []
        self._count = 0
        for rank, span in enumerate(view.spans):
            self._add(_layer_facts(view, rank, span, top) if span.layer else _container_facts(view, rank, span, top))
        ids, rest = view.prefix_ids(top)
        floor = view.floor_below(ids[:-1]) if not rest else view.floor_below(ids)
        self._open: list[tuple[bytes, Floor]] = [(b"", floor)]
        self._top = top
        if floor.moved is not None:
            self._relocate(floor, top)
        if not top:
            self._add(iter([Fact(b"", b"", BOTTOM, None)]))

    def groups(self) -> Iterator[tuple[bytes, list[Fact]]]:
        heap = self._heap
        while heap:
            key = heap[0][0]
            facts = [self._take()]
            while heap and heap[0][0] == key:
                facts.append(self._take())
            yield key, facts

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

    def settle(self, key: bytes, facts: list[Fact]) -> Entry | None:
        """Return what the path is, and remember what it hides for all that is below it."""
        path = facts[0].path
        floor = self._floor_above(key, path)
        if len(facts) == 1 and (entry := self._alone(facts[0], floor)) is not None:
            if stat.S_ISDIR(entry.mode):
                self._open.append((key, floor))
            elif not self._view.spans[facts[0].order[0]].layer:  # a directory that was moved here may have had more below it
                self._open.append((key, Floor(facts[0].order, None)))
            return entry
        below, gone = self._below(facts, floor)
        visible = max(floor.order, gone)
        named = [Named(f.order, f.event) for f in facts if f.event and f.event.effect != 3 and f.order > visible]
        carried = [f.entry for f in facts if f.entry is not None and f.order == floor.order and gone < f.order]
        found = self._view.settle(path, sorted(named, reverse=True)) if named or not path else None
        if not named and carried:
            found = self._view.attributed(carried[0]._replace(path=path))
        self._open.append((key, below))
        if below.moved is not None and below.order != floor.order:
            self._relocate(below, path)
        return found

    def _alone(self, fact: Fact, floor: Floor) -> Entry | None:
        """Return the entry of a node that one event alone speaks of; whatever lies below a directory has its own facts."""
        event = fact.event
        if event is None or event.kind != Kind.FILE_WRITTEN or fact.order <= floor.order or not fact.path:
            return None
        return self._view.attributed(of_event(fact.path, event))

    def _below(self, facts: list[Fact], floor: Floor) -> tuple[Floor, Order]:
        """Return what is hidden below the path, and the order at which the path itself last moved away."""
        below, gone = floor, BOTTOM
        for fact in facts:
            if fact.event is None and fact.entry is None:
                gone = max(gone, fact.order)
                below = max(below, Floor(fact.order, None), key=lambda f: f.order)
            elif fact.event is not None and fact.event.effect in (1, 3) and fact.order > below.order:
                below = Floor(fact.order, fact.event if fact.event.kind == Kind.PATH_MOVED else None)
        return below, gone

    def _floor_above(self, key: bytes, path: bytes) -> Floor:
        while len(self._open) > 1:
            above = self._open[-1][0]
            if path and (not above or key.startswith(above + b"\0")):
                break
            self._open.pop()
        return self._open[-1][1]

    def _relocate(self, floor: Floor, path: bytes) -> None:
        """Merge in what a move brought below *path*."""
        assert floor.moved is not None
        ids, _ = self._view.prefix_ids(path)
        before, source = self._view.origin(floor, path, ids)
        cut = len(source)
        itself = path != self._view.log.path_text(floor.moved.path or ROOT_ID)
        moved = (
            Fact(tree_order(path + e.path[cut:]), path + e.path[cut:], floor.order, None, e)
            for e in walk(before, source)
            if itself or e.path != source
        )
        self._add(moved)

    def _add(self, source: Iterator[Fact]) -> None:
        first = next(source, None)
        if first is not None:
            self._count += 1
            heapq.heappush(self._heap, (first.key, self._count, first, source))


# -- layers


def _layer_facts(view: View, rank: int, span: Span, top: bytes) -> Iterator[Fact]:
    log = view.log
    puts = _first(1, span.upto, lambda version: not _hides(log, span, version))
    hiding = _sorted_run(log, rank, span, 1, puts, top)
    return heapq.merge(hiding, _sorted_run(log, rank, span, puts, span.upto + 1, top), key=lambda fact: fact.key)


def _sorted_run(log: Log, rank: int, span: Span, first: int, end: int, top: bytes) -> Iterator[Fact]:
    """Yield the facts at and below *top* of the versions [first, end) of a stream, which lie in tree order."""
    key = tree_order(top)
    if top:
        first = _first(first, end, lambda version: _key_at(log, span, version) >= key)
    texts = Texts(log)
    cursor = log.db.execute(
        "SELECT p.parent, p.name, e.* FROM event e JOIN path p ON p.id = e.path "
        "WHERE e.stream = ? AND e.version BETWEEN ? AND ? ORDER BY e.version",
        (span.stream, first, end - 1),
    )
    for row in cursor:
        event = lifted(row[2:])
        path = texts.child(row[0], row[1])
        found = tree_order(path)
        if top and found != key and not found.startswith(key + b"\0"):
            return
        yield Fact(found, path, (rank, event.version), event)


def _first(low: int, high: int, holds: Any) -> int:
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


class Texts:
    """Path texts by directory id, for rows that come in tree order."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._directories: dict[int, bytes] = {0: b"", ROOT_ID: b""}

    def child(self, parent: int, name: bytes) -> bytes:
        text = self._directories.get(parent)
        if text is None:
            if len(self._directories) > 5000:
                self._directories = {0: b"", ROOT_ID: b""}
            text = self._directories[parent] = self._log.path_text(parent)
        return text + b"/" + name if text else name


# -- containers


def _container_facts(view: View, rank: int, span: Span, top: bytes) -> Iterator[Fact]:
    touched = touched_paths(view.log, span, top)
    while batch := list(islice(touched, PATHS_AT_ONCE)):
        yield from _latest_facts(view.log, rank, span, batch)


def touched_paths(log: Log, span: Span, top: bytes = b"") -> Iterator[tuple[bytes, bytes, int]]:
    """Yield (key, path, id) of every path at or below *top* that a container's events were ever about, in tree order."""
    texts, packed = Texts(log), []
    for parent, name, path_id in _touched_rows(log, span, top):
        path = texts.child(parent, name)
        if not top or path == top or path.startswith(top + b"/"):
            packed.append(_PACKED % (tree_order(path), path_id.to_bytes(8)))
    packed.sort(reverse=True)
    last = b""
    while packed:  # giving back its room on the way
        item = packed.pop()
        if item != last:
            yield item[:-10], path_of(item[:-10]), int.from_bytes(item[-8:])
        last = item


def _touched_rows(log: Log, span: Span, top: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (parent, name, id) of the paths that the span touched, or, where the stream touched many, of fewer than all."""
    many = MANY_PATHS if top else span.upto
    count = f"SELECT count(*) FROM (SELECT 1 FROM event WHERE fresh = 1 AND stream = ? LIMIT {many})"
    written, values = "p.id = e.path WHERE e.fresh = 1 AND e.stream = ?", (span.stream,)
    if log.db.execute(count, values).fetchone()[0] == many:
        if top:
            yield from log.db.execute(_BELOW, (span.stream, log.path_id(top)))
            return
        written = f"p.id = e.path WHERE +e.fresh = 1 AND e.stream = ? AND e.version <= {span.upto}"
    taken = "p.id = e.source WHERE e.source IS NOT NULL AND +e.stream = ?"
    for joined in (written, taken):
        yield from log.db.execute(f"SELECT p.parent, p.name, p.id FROM event e JOIN path p ON {joined}", values)


_BELOW = """
    WITH RECURSIVE below (id) AS (SELECT ?2 UNION ALL SELECT c.id FROM below CROSS JOIN path c ON c.parent = below.id)
    SELECT p.parent, p.name, p.id FROM below CROSS JOIN path p ON p.id = below.id
    WHERE EXISTS (SELECT 1 FROM event WHERE fresh = 1 AND stream = ?1 AND path = p.id)
        OR EXISTS (SELECT 1 FROM event WHERE source = p.id AND stream = ?1)
"""
_PACKED = b"%b\0\0%b"
"""A key and an id in one object, where a hundred thousand have to wait; no name begins with NUL, so they sort as keys do."""


def _latest_facts(log: Log, rank: int, span: Span, batch: list[tuple[bytes, bytes, int]]) -> Iterator[Fact]:
    """Yield what the stream last says, up to the span's end, of each path of the batch: one statement for all."""
    marks = ",".join(f"({index},?)" for index in range(len(batch)))
    latest = (
        "SELECT t.i, e.* FROM t JOIN event e ON e.position = (SELECT position FROM event WHERE path = t.path AND "
        f"effect = {{}} AND stream = {span.stream} AND version <= {span.upto} ORDER BY version DESC LIMIT 1)"
    )
    statement = (
        f"WITH t (i, path) AS (VALUES {marks}) " + " UNION ALL ".join(latest.format(effect) for effect in (0, 1, 3))
    )
    facts: list[list[Fact]] = [[] for _ in batch]
    for row in log.db.execute(statement, [path_id for _, _, path_id in batch]):
        key, path, _ = batch[row[0]]
        event = lifted(row[1:])
        facts[row[0]].append(Fact(key, path, (rank, event.version), event))
    sources = (
        f"WITH t (i, path) AS (VALUES {marks}) SELECT t.i, max(e.version) FROM t JOIN event e ON e.source = t.path "
        f"AND e.stream = {span.stream} AND e.version <= {span.upto} GROUP BY t.i"
    )
    for index, version in log.db.execute(sources, [path_id for _, _, path_id in batch]):
        key, path, _ = batch[index]
        facts[index].append(Fact(key, path, (rank, version), None))
    for found in facts:
        yield from found
