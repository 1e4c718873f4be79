"""Path states: what a path names in a view, and after each event, from what events say of it; for many paths at a time.

The rules are those of `View`, which answers for one path and tells all of it; here the node, its content and its attributes
are enough.
"""

import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from eventstore.index import by_path, nodes, tree_events
from eventstore.index.by_path import Said
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.events import Event, Kind
from eventstore.model.memory import Memory
from projections.tree.view import Order, View

REMEMBERED = 10_000
ALL = 2**62


class State(NamedTuple):
    """What a path names: `node` is the position of the event that made it.

    A directory is `implied` where a layer leaves it out but needs it: what lies below that layer counts before it.
    """

    node: int
    content: bytes | None
    is_dir: bool
    implied: bool = False
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0

    def changed(self, event: Event) -> "State":
        """Return it with the attributes that an event gave its node."""
        return self._replace(mode=event.mode, uid=event.uid, gid=event.gid, mtime=event.mtime)


class Brought(NamedTuple):
    """A move brought what *source* was just before, with all below it; *cut* is the length of the new name."""

    source: bytes
    cut: int


class Linked(NamedTuple):
    """A layer's hard link to what a lower layer holds at *target*."""

    target: bytes


Told = State | Brought | Linked | None


class Fact(NamedTuple):
    """What an event makes of a path; None: nothing is there any more."""

    stream: int
    version: int
    position: int
    told: Told


def state_of(made: Event | Said) -> State:
    """Return what the event that made a node says of it."""
    is_dir, implied = stat.S_ISDIR(made.mode), made.kind == Kind.DIRECTORY_IMPLIED
    return State(made.position, made.content, is_dir, implied, made.mode, made.uid, made.gid, made.mtime, made.size)


class PathStates:
    """Answers for one state of the log; what is known of the paths loaded last is at hand, so memory is theirs.

    `changes` are the events that changed the attributes of their nodes, by node, oldest first.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self.changes: dict[int, list[Event]] = {}
        self._own: dict[bytes, list[Fact]] = {}
        self._above: Memory[bytes, list[Fact]] = Memory(REMEMBERED)

    def load(self, paths: Iterable[tuple[bytes, int | None]]) -> None:
        """Read what is said of *paths*, each with its id (None: no event was ever about it), and where moves took them from.

        Two statements for all of them, and a few for each directory.
        """
        self._own, self.changes, waiting, newest = {}, {}, dict(paths), dict[bytes, int]()
        while waiting:
            self._read(waiting)
            newest = dict(chain.from_iterable(self._origins(path, newest.get(path, ALL)) for path in waiting))
            waiting = {path: self._log.path_id(path) for path in newest if path not in self._own}

    def facts(self, path: bytes) -> list[Fact]:
        """Return all that is said of *path*, of it first and then of the directories above it, in no order."""
        return [*self.own(path), *self.above(path)]

    def own(self, path: bytes) -> list[Fact]:
        """Return what events about *path* itself say."""
        if path not in self._own:
            self._read({path: self._log.path_id(path)})
        return self._own[path]

    def above(self, path: bytes) -> list[Fact]:
        """Return what was hidden, replaced or moved of all that lies in the directory of *path*."""
        if not path:
            return []
        directory = path.rpartition(b"/")[0]
        found = self._above.get(directory)
        if found is None:
            found = self._above[directory] = list(self._hiding(directory))
        return found

    def at(self, view: View, path: bytes, before: Order) -> State | None:
        """Return what *path* names in *view* as it was before the event at an order."""
        found = self._named(view, path, before)
        for event in self.changes.get(found.node, ())[::-1] if found is not None else ():
            order = view.order(event.stream, event.version)
            if found is not None and order is not None and order < before:
                return found.changed(event)
        return found

    def _named(self, view: View, path: bytes, before: Order) -> State | None:
        while True:
            told, order = self._latest(view, path, before)
            if isinstance(told, Brought):
                path, before = told.source + path[told.cut :], order
            elif isinstance(told, Linked) and told.target != path:
                path, before = told.target, (order[0] + 1, 0)
            else:
                return told if isinstance(told, State) else None

    def _latest(self, view: View, path: bytes, before: Order) -> tuple[Told, Order]:
        """Return what was told last, and by which event."""
        ordered = [
            (order, fact.told)
            for fact in self.facts(path)
            if (order := view.order(fact.stream, fact.version)) is not None and order < before
        ]
        if len(ordered) > 1:
            ordered.sort(key=itemgetter(0), reverse=True)
        implied: State | None = None
        for order, told in ordered:
            if isinstance(told, State) and told.implied:
                implied = implied or told
            elif implied is None or (isinstance(told, State) and told.is_dir):
                return told, order
            else:
                break
        return implied, before

    def carried(self, view: View, path: bytes, rank: int) -> State | None:
        """Return what the layer at *rank* of *view* itself puts at *path*, whatever lies above it."""
        stream = view.spans[rank].stream
        latest = max((fact for fact in self.own(path) if fact.stream == stream), key=lambda f: f.version, default=None)
        return self.at(view, path, (rank, latest.version + 1)) if latest is not None and latest.told is not None else None

    def _read(self, paths: dict[bytes, int | None]) -> None:
        names = {path_id: path for path, path_id in paths.items() if path_id is not None}
        self._own.update((path, []) for path in paths)
        for said in by_path.said_of(self._log, names):
            path = names[said.path]
            self._own[path].append(Fact(said.stream, said.version, said.position, self._told(path, said)))
        named = {fact.told.node for path in paths for fact in self._own[path] if isinstance(fact.told, State)}
        for event in nodes.changes_among(self._log, named - self.changes.keys()):
            self.changes.setdefault(event.node or 0, []).append(event)

    def _told(self, path: bytes, said: Said) -> Told:
        match said.kind:
            case Kind.FILE_WRITTEN | Kind.DIRECTORY_IMPLIED:
                return state_of(said)
            case Kind.PATH_MOVED:
                return Brought(said.target or b"", len(path))
            case Kind.LINK_MADE:
                return self._linked(said.node, said.target or b"")
        return None

    def _linked(self, node: int | None, target: bytes) -> Told:
        return Linked(target) if node is None else state_of(self._log.at(node))

    def _hiding(self, directory: bytes) -> Iterator[Fact]:
        for stream, version, moved in tree_events.hiding(self._log, self._known_prefixes(directory), ALL) or ():
            event = self._log.event(stream, version)
            named = self._log.path_text(event.path or ROOT_ID)
            told = Brought(event.target or b"", len(named)) if moved else None
            yield Fact(stream, version, event.position, told)

    def _known_prefixes(self, directory: bytes) -> Sequence[int]:
        ids = [self._log.path_id(b"")]
        for part in directory.split(b"/") if directory else ():
            ids.append(None if ids[-1] is None else self._log.child_id(ids[-1], part))
        return [path_id for path_id in ids if path_id is not None]

    def _origins(self, path: bytes, newest: int) -> Iterator[tuple[bytes, int]]:
        """Yield where moves before position *newest*, and links, took *path* from, and at which position they did."""
        for fact in self.facts(path):
            match fact.told:
                case Brought(source, cut) if fact.position < newest:
                    yield source + path[cut:], fact.position
                case Linked(target):
                    yield target, newest
