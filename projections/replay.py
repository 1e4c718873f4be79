"""Replay: a tree made by applying events one after the other, from nothing but what the hash chain covers.

It is slow and needs memory for the whole tree: what `View` and `walk` answer through indexes is compared with it.
"""

import stat
from collections.abc import Iterator

from eventstore.entries import Entry
from eventstore.events import Event, Kind
from eventstore.log import Log
from projections.lineage import Span
from projections.records import Records
from projections.view import with_device


class Node:
    """A file, directory or other thing: `made` by one event (None: the root), its attributes `changed` by a later one."""

    __slots__ = ("changed", "children", "made")

    def __init__(self, made: Event | None, children: "dict[bytes, Name] | None") -> None:
        self.made = made
        self.changed: Event | None = None
        self.children = children

    @property
    def position(self) -> int:
        return self.made.position if self.made else 0


class Name:
    """One name of a node, given by the event at `origin`."""

    __slots__ = ("node", "origin")

    def __init__(self, node: Node, origin: int) -> None:
        self.node = node
        self.origin = origin

    @property
    def is_implied(self) -> bool:
        return self.node.made is not None and self.node.made.kind == Kind.DIRECTORY_IMPLIED

    def entry(self, path: bytes) -> Entry:
        made, changed = self.node.made, self.node.changed
        if made is None:
            entry = Entry(path, stat.S_IFDIR | 0o755, 0, 0, 0, 0, None, None, None, 0, 0)
        else:
            shape = (made.mode, made.uid, made.gid, made.mtime, made.size, made.content, made.target, made.detail)
            entry = Entry(path, *shape, made.position, self.origin)
        if changed is None:
            return entry
        return entry._replace(
            mode=changed.mode, uid=changed.uid, gid=changed.gid, mtime=changed.mtime,
            detail=with_device(changed.detail, entry.detail), origin=max(entry.origin, changed.position),
        )  # fmt: skip


class Replay:
    """The tree after all events that were applied so far."""

    def __init__(self) -> None:
        self._root = Name(Node(None, {}), 0)

    def entries(self) -> Iterator[Entry]:
        """Yield the whole tree in tree order."""
        waiting = [(b"", self._root)]
        while waiting:
            path, name = waiting.pop()
            yield name.entry(path)
            for child in sorted(name.node.children or (), reverse=True):
                assert name.node.children is not None
                waiting.append((path + b"/" + child if path else child, name.node.children[child]))

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
        if event.kind == Kind.DIRECTORY_IMPLIED and old is not None and children is not None and not old.is_implied:
            return
        node = Node(event, (children or {}) if stat.S_ISDIR(event.mode) else None)
        self._enter(path, Name(node, event.position))

    def _link(self, event: Event, path: bytes) -> int | None:
        target = self._find(event.target or b"")
        if target is None:
            return None
        self._enter(path, Name(target.node, event.position))
        return target.node.position

    def _change(self, event: Event, path: bytes) -> int | None:
        name = self._find(path)
        if name is None:
            return None
        name.node.changed = event
        return name.node.position

    def _find(self, path: bytes) -> Name | None:
        name: Name | None = self._root
        for part in path.split(b"/") if path else ():
            if name is None or name.node.children is None:
                return None
            name = name.node.children.get(part)
        return name

    def _enter(self, path: bytes, name: Name) -> None:
        if not path:
            self._root = name
            return
        parent, _, last = path.rpartition(b"/")
        above = self._find(parent)
        if above is not None and above.node.children is not None:
            above.node.children[last] = name

    def _take(self, path: bytes) -> Name | None:
        parent, _, last = path.rpartition(b"/")
        above = self._find(parent)
        return above.node.children.pop(last, None) if above is not None and above.node.children is not None else None


def tree_events(log: Log, span: Span) -> Iterator[tuple[Event, bytes]]:
    """Yield the span's events that are about paths, in the order in which they apply.

    A layer's hard links apply last: their targets may stand behind them in layer order.
    """
    records = Records(log)
    links: list[tuple[Event, bytes]] = []
    for event in log.events(span.stream, last=span.upto):
        if event.path is None:
            continue
        found = (event, records.path(event.path))
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
