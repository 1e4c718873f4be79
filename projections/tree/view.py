"""View: the merged tree of spans of streams, answered path by path through the log's indexes.

The rules (which event decides what a path is) stand here; `walk.py` applies the same ones to a whole tree.
An event's order in a view is (rank of its span, version); the latest one decides.
"""

import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ConflictError
from eventstore.index import nodes, paths, tree_events
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.batches import batches
from eventstore.model.entries import Entry
from eventstore.model.events import HIDING, NAMING, NODE_IN_EVENT, Event, Kind, Node
from eventstore.model.memory import Memory
from eventstore.model.paths import join, shown, split
from projections.tree.lineage import LIVE, Span
from projections.tree.symlinks import require

Order = tuple[int, int]
EMPTY_DIRECTORY = Node(stat.S_IFDIR | 0o755)
BOTTOM: Order = (-1, 0)
FEW_SPANS = 4
AT_ONCE = 200
FEW_EVENTS = 50
REMEMBERED = 10_000


class Named(NamedTuple):
    """An event that says what a path is, and its order."""

    order: Order
    event: Event


class Floor(NamedTuple):
    """Everything below a directory that is older than `order` is hidden; `moved` is set where it came with a move."""

    order: Order
    moved: Event | None


NO_FLOOR = Floor(BOTTOM, None)

Above = tuple[list[int], list[bytes], Floor]


class View:
    """An immutable merged tree, unless its top span is live: then every answer is as of now, and nothing is kept.

    Memory is O(layers); a point question costs O(depth + streams that know the path) index look-ups.
    """

    def __init__(self, log: Log, content: Content, spans: Sequence[Span]) -> None:
        self.log = log
        self.content = content
        self.spans = tuple(spans)
        self._ranks = {span.stream: rank for rank, span in enumerate(self.spans)}
        self._containers = [(rank, span) for rank, span in enumerate(self.spans) if not span.layer][::-1]
        is_live = any(span.upto == LIVE for span in self.spans)
        self._memory: Memory[bytes, Entry | None] | None = None if is_live else Memory(REMEMBERED)
        self._directories: Memory[bytes, Above] = Memory(REMEMBERED)
        self._lower: Memory[int, View] = Memory(FEW_SPANS)

    @property
    def version(self) -> int:
        """The last event of the top stream that shows."""
        return self.spans[-1].upto

    def lookup(self, path: bytes) -> Entry | None:
        """Return what *path* is, or None; symlinks are not followed."""
        if self._memory is not None and path in self._memory:
            return self._memory[path]
        found = self._lookup(path)
        if self._memory is not None:
            self._memory[path] = found
        return found

    def get(self, path: bytes) -> Entry:
        """As `lookup`, but raise NotFoundError where there is nothing."""
        return require(self, path)

    def children(self, path: bytes, begun: bytes = b"") -> Iterator[Entry]:
        """Yield what a directory holds whose name begins so, by name; raise NotFoundError or ConflictError where it is none."""
        if not self.get(path).is_dir:
            raise ConflictError(f"/{shown(path)} is not a directory")
        ids, rest, floor = self._directory(path)
        names = set() if rest else set(paths.child_names(self.log, ids[-1], begun))
        if floor.moved is not None:
            before, source = self.origin(floor, path, ids)
            if (origin := before.lookup(source)) is not None and origin.is_dir:
                names.update(split(e.path)[1] for e in before.children(source, begun))
        yield from filter(None, (self.lookup(join(path, name)) for name in sorted(names)))

    def read(self, entry: Entry, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a regular file, verified; raise as `Content.read` does."""
        return self.content.read(entry.content, start, length) if entry.content else iter(())

    def before(self, order: Order) -> "View":
        """Return the view as it was just before the event at *order*."""
        rank, version = order
        return View(self.log, self.content, [*self.spans[:rank], self.spans[rank]._replace(upto=version - 1)])

    def after(self, order: Order) -> "View":
        """Return the view as it was just after the event at *order*."""
        return self.before((order[0], order[1] + 1))

    def live(self) -> "View":
        """Return the view in which every later event of the top stream shows, at each moment of asking."""
        if self._memory is None:
            return self
        return View(self.log, self.content, [*self.spans[:-1], self.spans[-1]._replace(upto=LIVE)])

    def through(self, rank: int) -> "View":
        """Return the view of the spans up to and with *rank*; the latest are at hand, with what they remember."""
        if rank == len(self.spans) - 1:
            return self
        found = self._lower.get(rank)
        if found is None:
            found = self._lower[rank] = View(self.log, self.content, self.spans[: rank + 1])
        return found

    def is_layer(self, stream: int) -> bool:
        """Whether a stream is one of this view's imported or folder layers."""
        rank = self._ranks.get(stream)
        return rank is not None and self.spans[rank].layer

    # -- the rules

    def settle(self, path: bytes, candidates: Iterable[Named]) -> Entry | None:
        """Return what *path* is, given the events that name it, latest first, without those that are hidden."""
        implied: Named | None = None
        for named in candidates:
            if named.event.kind == Kind.DIRECTORY_IMPLIED:
                implied = implied or named
                continue
            entry = self._entry(path, named)
            if implied is not None and (entry is None or not entry.is_dir):
                break
            return entry
        return self._entry(path, implied) if implied else (self._root() if not path else None)

    def order(self, stream: int, version: int) -> Order | None:
        """Return the order of an event in this view, or None where the view does not hold it."""
        rank = self._ranks.get(stream)
        if rank is None or version > self.spans[rank].upto:
            return None
        return rank, version

    def _entry(self, path: bytes, named: Named) -> Entry | None:
        event = named.event
        if event.kind == Kind.PATH_DELETED:
            return None
        if event.kind == Kind.PATH_MOVED:
            found = self.before(named.order).lookup(event.target or b"")
            return found and self.attributed(found._replace(path=path, origin=event.position))
        if event.kind == Kind.LINK_MADE:
            return self._linked(path, named)
        return self.attributed(of_event(path, event))

    def _linked(self, path: bytes, named: Named) -> Entry | None:
        event = named.event
        if event.node is not None:
            return self.attributed(of_event(path, self.log.at(event.node))._replace(origin=event.position))
        if event.target == path:
            return None
        found = self.through(named.order[0]).lookup(event.target or b"")
        return found and self.attributed(found._replace(path=path, origin=event.position))

    def attributed(self, entry: Entry) -> Entry:
        """Return *entry* with the latest attributes of its node, whichever name they were changed through."""
        if not self._containers:
            return entry
        for event in nodes.attribute_changes(self.log, entry.node):
            if self.order(event.stream, event.version) is not None:
                return entry._replace(
                    mode=event.mode, uid=event.uid, gid=event.gid, mtime=event.mtime, origin=max(entry.origin, event.position),
                    detail=with_device(event.detail, entry.detail),
                )  # fmt: skip
        return entry

    def with_attributes(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield *entries*, each as `attributed` gives it: whose were ever changed is looked up for many at a time."""
        for batch in batches(entries, AT_ONCE):
            changed = nodes.changed_among(self.log, [entry.node for entry in batch]) if self._containers else ()
            yield from (self.attributed(e) if e.node in changed else e for e in batch) if changed else batch

    def _root(self) -> Entry:
        """The root that no event made; attributes may have been given to it all the same."""
        return self.attributed(Entry(b"", *EMPTY_DIRECTORY, 0, 0))

    # -- point questions

    def _lookup(self, path: bytes) -> Entry | None:
        ids, rest, floor = self._above(path)
        if not rest:
            gone = self._moved_away(ids[-1])
            named = [n for n in self._names(ids[-1]) if n.order > floor.order]
            if gone is not None and gone > floor.order and not (named and named[0].order > gone):
                return None
            found = self.settle(path, [n for n in named if gone is None or n.order > gone])
            if found is not None or named:
                return found
        if floor.moved is None:
            return self._root() if not path else None
        before, source = self.origin(floor, path, ids)
        moved = before.lookup(source)
        return moved and self.attributed(moved._replace(path=path))

    def _above(self, path: bytes) -> Above:
        """Return the ids of the path's prefixes, the parts without one, and what hides the path from above."""
        if not path:
            return [ROOT_ID], [], Floor(BOTTOM, None)
        parent, name = split(path)
        ids, rest, floor = self._directory(parent)
        if rest:
            return ids, [*rest, name], floor
        found = self._child_id(ids[-1], name)
        return (ids, [name], floor) if found is None else ([*ids, found], [], floor)

    def _directory(self, path: bytes) -> Above:
        """Return the same for what lies in a directory; asked once for all of it."""
        found = self._directories.get(path)
        if found is None:
            parent, name = split(path)
            above = self._directories.get(parent) if path else None
            found = self._looked_up(path) if above is None else self._one_down(above, name)
            if self._memory is not None:
                self._directories[path] = found
        return found

    def _looked_up(self, path: bytes) -> Above:
        ids, rest = self.prefix_ids(path)
        return ids, rest, self.floor_below(ids)

    def _one_down(self, above: Above, name: bytes) -> Above:
        """Return the same for a directory in one that was asked for: however deep it lies, it costs no more."""
        ids, rest, floor = above
        found = None if rest else self._child_id(ids[-1], name)
        return (ids, [*rest, name], floor) if found is None else ([*ids, found], [], self.floor_below([found], floor))

    def origin(self, floor: Floor, path: bytes, ids: list[int]) -> tuple["View", bytes]:
        """Return the view before the move that *floor* stands for, and where *path* lay in it."""
        assert floor.moved is not None
        assert floor.moved.path is not None
        below = path.split(b"/")[ids.index(floor.moved.path) :]
        return self.before(floor.order), b"/".join([floor.moved.target or b"", *below])

    def prefix_ids(self, path: bytes) -> tuple[list[int], list[bytes]]:
        """Return the ids of the path's prefixes from the root, and the parts after the last one that has an id."""
        ids, parts = [ROOT_ID], path.split(b"/") if path else []
        for index, part in enumerate(parts):
            found = self._child_id(ids[-1], part)
            if found is None:
                return ids, parts[index:]
            ids.append(found)
        return ids, []

    def _child_id(self, parent: int, name: bytes) -> int | None:
        known = self.log.path_ids
        found = known.get((parent, name)) if self._memory is not None else None
        if found is None:
            found = self.log.child_id(parent, name)
            if found is not None and self._memory is not None and not self.log.in_transaction:
                known[parent, name] = found
        return found

    def floor_below(self, ids: Sequence[int], above: Floor = NO_FLOOR) -> Floor:
        """Return what the latest event hides of all that lies below the directory whose prefixes are *ids*, those that *above*
        is the floor of left out.
        """
        floor, position = above.order, None
        found = tree_events.hiding(self.log, ids, FEW_EVENTS)
        for stream, version, moved in self._latest_hiding(ids) if found is None else found:
            order = self.order(stream, version)
            if order is not None and order >= floor:
                floor, position = order, moved
        return above if position is None else Floor(floor, self.log.at(position) if position else None)

    def _latest_hiding(self, ids: Iterable[int]) -> Iterator[tree_events.Hiding]:
        """Yield the latest in each stream of what hides something below one of *ids*."""
        moving = {span.stream for _, span in self._containers}
        for path_id in ids:
            for stream in moving.union(tree_events.streams_about(self.log, path_id, HIDING)) & self._ranks.keys():
                yield from tree_events.latest_hiding(self.log, path_id, stream, self.spans[self._ranks[stream]].upto)

    def _moved_away(self, path_id: int) -> Order | None:
        """Return when the path itself last moved away: one look-up for each container, however often it did."""
        for rank, span in self._containers:
            version = tree_events.last_moved_away(self.log, path_id, span.stream, span.upto)
            if version is not None:
                return rank, version
        return None

    def _names(self, path_id: int) -> list[Named]:
        """Return, latest first, what each stream last says the path is."""
        found = (
            Named((rank, event.version), event)
            for rank in self.ranks_about(path_id)
            for event in tree_events.latest_naming(self.log, path_id, self.spans[rank].stream, self.spans[rank].upto)
        )
        return sorted(found, reverse=True)

    def ranks_about(self, path_id: int, effects: Iterable[int] = NAMING) -> Iterable[int]:
        """Return the ranks of the spans that may hold an event of *effects* about the path, without asking each of many."""
        if len(self.spans) <= FEW_SPANS:
            return range(len(self.spans))
        streams = tree_events.streams_about(self.log, path_id, effects)
        return [self._ranks[stream] for stream in streams if stream in self._ranks]


def of_event(path: bytes, event: Sequence[Any]) -> Entry:
    """Return the entry that a FileWritten event (or its stored row) makes at *path*."""
    return Entry._make((path, *event[NODE_IN_EVENT], event[0], event[0]))


def with_device(detail: str | None, original: str | None) -> str | None:
    """Return an attribute change's *detail* with the device number that only the node's own event states."""
    if not original or "rdev" not in original:
        return detail
    import json  # noqa: PLC0415 - devices are rare

    stated = {**json.loads(detail or "{}"), "rdev": json.loads(original)["rdev"]}
    return json.dumps(stated, sort_keys=True, separators=(",", ":"))
