"""Replay: a tree made by applying events one after the other, from nothing but what the hash chain covers.

It is slow and needs memory for the names of the whole tree: what `View` and `walk` answer through indexes is compared
with it.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eventstore.index.nodes import events_at
from eventstore.log.log import Log
from eventstore.log.path_table import PathTable
from eventstore.model.batches import batches
from eventstore.model.entries import Entry, node_of
from eventstore.model.events import Event, Kind
from eventstore.model.paths import split
from projections.tree.lineage import Span
from projections.tree.view import EMPTY_DIRECTORY, with_device

AT_ONCE = 200


@dataclass(slots=True)
class Node:
    """A file, directory or other thing, by the position of the event that `made` it (0: the root), and of the latest that
    `changed` its attributes (0: none did); `implied` is a directory that its layer leaves out.
    """

    made: int
    children: "dict[bytes, Name] | None"
    implied: bool = False
    changed: int = 0


@dataclass(slots=True)
class Name:
    """One name of a node, given by the event at `origin`."""

    node: Node
    origin: int

    def entry(self, path: bytes, events: Mapping[int, Event]) -> Entry:
        made, changed = events.get(self.node.made), events.get(self.node.changed)
        stated, position, origin = (EMPTY_DIRECTORY, 0, 0) if made is None else (node_of(made), made.position, self.origin)
        entry = Entry(path, *stated, position, origin)
        if changed is None:
            return entry
        return entry._replace(
            mode=changed.mode, uid=changed.uid, gid=changed.gid, mtime=changed.mtime,
            detail=with_device(changed.detail, entry.detail), origin=max(entry.origin, changed.position),
        )  # fmt: skip


class Replay:
    """The tree after all events that were applied so far."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._root = Name(Node(0, {}), 0)

    def entries(self) -> Iterator[Entry]:
        """Yield the whole tree in tree order."""
        for batch in batches(self._names(), AT_ONCE):
            positions = {position for _, name in batch for position in (name.node.made, name.node.changed) if position}
            events = events_at(self._log, positions)
            for path, name in batch:
                yield name.entry(path, events)

    def _names(self) -> Iterator[tuple[bytes, Name]]:
        yield b"", self._root
        above = [_children(b"", self._root)]
        while above:
            found = next(above[-1], None)
            if found is None:
                above.pop()
                continue
            yield found
            if found[1].node.children:
                above.append(_children(found[0] + b"/", found[1]))

    def apply(self, event: Event, path: bytes) -> int | None:
        """Apply a tree event; return the position of the node that it links to or changes the attributes of, else None.

        What has no place to be (a missing parent, an absent path) changes nothing.
        """
        match event.kind:
            case Kind.FILE_WRITTEN | Kind.DIRECTORY_IMPLIED:
                self._write(event, path)
            case Kind.LINK_MADE:
                return self._link(event, path)
            case Kind.ATTRIBUTES_CHANGED:
                return self._change(event, path)
            case Kind.PATH_DELETED:
                self._take(path)
            case Kind.DIRECTORY_CLEARED:
                name = self._find(path)
                if name is not None and name.node.children is not None:
                    name.node.children = {}
            case Kind.PATH_MOVED:
                name = self._take(event.target or b"")
                if name is not None:
                    self._enter(path, Name(name.node, event.position))
        return None

    def _write(self, event: Event, path: bytes) -> None:
        old = self._find(path)
        children = old.node.children if old is not None else None
        implied = event.kind == Kind.DIRECTORY_IMPLIED
        if implied and old is not None and children is not None and not old.node.implied:
            return
        node = Node(event.position, (children or {}) if stat.S_ISDIR(event.mode) else None, implied=implied)
        self._enter(path, Name(node, event.position))

    def _link(self, event: Event, path: bytes) -> int | None:
        target = self._find(event.target or b"")
        if target is None:
            return None
        self._enter(path, Name(target.node, event.position))
        return target.node.made

    def _change(self, event: Event, path: bytes) -> int | None:
        name = self._find(path)
        if name is None:
            return None
        name.node.changed = event.position
        return name.node.made

    def _find(self, path: bytes) -> Name | None:
        name: Name | None = self._root
        for part in path.split(b"/") if path else ():
            if name is None or name.node.children is None:
                return None
            name = name.node.children.get(part)
        return name

    def _enter(self, path: bytes, name: Name) -> None:
        if path:
            self._beside(path)[split(path)[1]] = name
        else:
            self._root = name

    def _take(self, path: bytes) -> Name | None:
        return self._beside(path).pop(split(path)[1], None)

    def _beside(self, path: bytes) -> dict[bytes, Name]:
        """Return what is in the directory that *path* is in; where that is none, room for what has no place to be."""
        above = self._find(split(path)[0])
        return {} if above is None or above.node.children is None else above.node.children


def _children(prefix: bytes, above: Name) -> Iterator[tuple[bytes, Name]]:
    children = above.node.children or {}
    return ((prefix + name, children[name]) for name in sorted(children))


def tree_events(log: Log, span: Span) -> Iterator[tuple[Event, bytes]]:
    """Yield the span's events that are about paths, in the order in which they apply.

    A layer's hard links apply last: their targets may stand behind them in layer order.
    """
    paths = PathTable(log)
    links: list[tuple[Event, bytes]] = []
    for event in log.events(span.stream, last=span.upto):
        if event.path is None:
            continue
        found = (event, paths.text(event.path))
        if span.layer and event.kind == Kind.LINK_MADE:
            links.append(found)
        else:
            yield found
    yield from _targets_first(links)


def _targets_first(links: list[tuple[Event, bytes]]) -> Iterator[tuple[Event, bytes]]:
    waiting = {path: event for event, path in links}
    while waiting:
        ready = [path for path, event in waiting.items() if event.target not in waiting] or list(waiting)
        for path in ready:
            yield waiting.pop(path), path
