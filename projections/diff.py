"""What differs between two views, path by path in tree order."""

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.entries import Entry
from eventstore.log import Log
from eventstore.paths import order
from projections.view import View
from projections.walk import Texts, look_up_all, walk

DIRECT = 20


class Difference(NamedTuple):
    """One path: `before` None is an addition, `after` None a deletion (what was below it is listed too)."""

    path: bytes
    before: Entry | None
    after: Entry | None

    @property
    def letter(self) -> str:
        """A, C or D, as docker diff prints."""
        return "A" if self.before is None else "D" if self.after is None else "C"


def between(before: View, after: View, top: bytes = b"") -> Iterator[Difference]:
    """Yield what differs at and below *top*; O(both trees), or O(what one container's events between them touched)."""
    if not top and (events := _events_between(before, after)):
        yield from touched_by(before, after, *events)
        return
    for found in paired(walk(before, top), walk(after, top)):
        if found.before is None or found.after is None or not same(found.before, found.after):
            yield found


def paired(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Difference]:
    """Yield each path that either of two runs of entries in tree order has, whether it differs or not."""
    merged = heapq.merge(
        ((order(e.path), 0, e) for e in before), ((order(e.path), 1, e) for e in after), key=lambda item: item[:2]
    )
    pending: Entry | None = None
    for _, side, entry in merged:
        if pending is not None and (side == 0 or entry.path != pending.path):
            yield Difference(pending.path, pending, None)
            pending = None
        if side == 0:
            pending = entry
        else:
            yield Difference(entry.path, pending, entry)
            pending = None
    if pending is not None:
        yield Difference(pending.path, pending, None)


def same(one: Entry, other: Entry) -> bool:
    """Whether two entries are equal in all that a filesystem shows: type, mode, owner, time, content, target, xattrs."""
    return one[1:9] == other[1:9]


def touched_by(before: View, after: View, stream: int, first: int, last: int) -> Iterator[Difference]:
    """Yield what differs between a container's view before event *first* and after event *last* of its stream.

    O(paths that the events touched), whatever the size of the tree.
    """
    log = after.log
    found = _Touched(before, after, hidden_in(log, stream, first, last))
    paths = touched_in(log, stream, first, last)
    for (_, path), old, new in zip(paths, look_up_all(before, paths), look_up_all(after, paths), strict=True):
        yield from found.up_to(path)
        yield from found.at(path, old, new)
    yield from found.up_to(None)


class _Touched:
    """Adds, to the paths that events name, those that they changed by hiding or moving a directory above them."""

    def __init__(self, before: View, after: View, hidden: set[bytes]) -> None:
        self._before = before
        self._after = after
        self._hidden = hidden
        self._more: list[tuple[bytes, bytes]] = []
        self._done = b""

    def up_to(self, path: bytes | None) -> Iterator[Difference]:
        while self._more and (path is None or self._more[0][0] < order(path)):
            _, more = heapq.heappop(self._more)
            yield from self.at(more, self._before.lookup(more), self._after.lookup(more))

    def at(self, path: bytes, old: Entry | None, new: Entry | None) -> Iterator[Difference]:
        key = order(path)
        while self._more and self._more[0][0] == key:
            heapq.heappop(self._more)
        if path and path == self._done:
            return
        self._done = path
        if (old is None) != (new is None) or (old is not None and new is not None and not same(old, new)):
            yield Difference(path, old, new)
        if path in self._hidden:
            for view, entry in ((self._before, old), (self._after, new)):
                if entry is not None and entry.is_dir:
                    for child in view.children(path):
                        self._hidden.add(child.path)
                        heapq.heappush(self._more, (order(child.path), child.path))


def touched_in(log: Log, stream: int, first: int, last: int) -> list[tuple[bytes, bytes]]:
    """Return (tree order key, path) of every path that the events first..last are about, in tree order."""
    rows = log.db.execute(
        "SELECT p.parent, p.name FROM path p WHERE p.id IN "
        "(SELECT path FROM event WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 AND path IS NOT NULL "
        "UNION SELECT source FROM event WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 AND source IS NOT NULL)",
        (stream, first, last),
    )
    texts = Texts(log)
    paths = (texts.child(parent, name) for parent, name in rows)
    return sorted((order(path), path) for path in paths)


def hidden_in(log: Log, stream: int, first: int, last: int) -> set[bytes]:
    """Return the paths whose former contents the events first..last hid or moved."""
    events = "FROM event WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 AND effect IN (1, 3)"
    rows = log.db.execute(
        f"SELECT p.parent, p.name FROM path p WHERE p.id IN (SELECT path {events} UNION SELECT source {events})",
        (stream, first, last),
    )
    texts = Texts(log)
    return {texts.child(parent, name) for parent, name in rows}


def _events_between(before: View, after: View) -> tuple[int, int, int] | None:
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
    fresh = after.log.db.execute("SELECT count(*) FROM event WHERE fresh = 1 AND stream = ?", (top.stream,)).fetchone()[0]
    return (top.stream, first, top.upto) if top.upto - first < DIRECT * max(fresh, 100) else None
