"""What is looked for: files by their paths or by their contents, under the names that moves and hard links gave them too."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.index import by_path, nodes
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from eventstore.model.memory import Memory
from eventstore.model.paths import ancestors
from eventstore.retention.reachability import occurrences
from projections.audit.path_states import State, state_of
from projections.events import pathspecs
from projections.events.node_tests import NodeTest
from projections.events.pathspecs import Pathspec
from projections.tree import lineage
from projections.tree.view import View
from projections.tree.walk import walk

FEW = 50
"""So many look-ups in a view cost what a walk of a small directory does."""

Nodes = frozenset[int] | None
_NOTHING: frozenset[int] = frozenset()


class Sought(NamedTuple):
    """One of these contents (None: whatever there is) at one of these paths.

    A path that bears a sought name itself (None) is sought whatever it names; another one where it names one of these
    nodes, which bore a sought name before.
    """

    contents: frozenset[bytes] | None
    paths: Mapping[bytes, Nodes]
    ids: Mapping[bytes, int]
    """Of paths that events are about, as far as they are known."""
    test: NodeTest | None = None
    """What it must be there."""

    def is_in(self, path: bytes, found: Entry | State | None) -> bool:
        if found is None or (self.contents is not None and found.content not in self.contents):
            return False
        if self.test is not None and not self.test.fits(found):
            return False
        nodes = self.paths.get(path, _NOTHING)
        return nodes is None or found.node in nodes

    def within(self, other: "Sought") -> "Sought":
        """Return what is sought here and passes the test of *other*, which has no contents and names no nodes of its own."""
        paths = {path: nodes for path, nodes in self.paths.items() if path in other.paths}
        return self._replace(paths=paths, test=other.test)


def of_paths(log: Log, content: Content, patterns: Sequence[Pathspec] = (), names: Sequence[bytes] = ()) -> Sought:
    """Return the files at the paths that *patterns* mean, or whose base name is one of *names* (globs).

    O(paths that these mean, moves and hard links), and for a pattern that can mean what lies in a directory that was moved
    a walk of that.
    """
    known = chain(pathspecs.known(log, patterns), pathspecs.named(log, names))
    ids, moved = {path: path_id for path_id, path in known}, _Moved(log, content)
    return moved.followed(Sought(None, dict.fromkeys(chain(ids, moved.into(patterns))), ids))


def of_contents(log: Log, content: Content, digests: Iterable[bytes]) -> Sought:
    """Return the files that have one of the contents, wherever: one pass over the log."""
    wanted = frozenset(digests)
    ids = {log.path_text(one.path): one.path for one in occurrences(log, wanted) if one.path is not None}
    return _Moved(log, content).followed(Sought(wanted, dict.fromkeys(ids), ids))


def of_nodes(log: Log, content: Content, test: NodeTest) -> Sought:
    """Return what ever passed a test of its attributes, wherever: one pass over the log."""
    paths: dict[int, bytes] = {}
    changes: dict[int, list[Event]] = {}
    for event in nodes.attributed(log):
        if event.kind == Kind.ATTRIBUTES_CHANGED:
            changes.setdefault(event.node or 0, []).append(event)
        elif event.path is not None and event.path not in paths and test.fits(event):
            paths[event.path] = log.path_text(event.path)
    for node, made in nodes.events_at(log, changes.keys()).items():
        if made.path is not None and any(test.fits(state_of(made).changed(event)) for event in changes[node]):
            paths[made.path] = log.path_text(made.path)
    ids = {path: path_id for path_id, path in paths.items()}
    return _Moved(log, content).followed(Sought(None, dict.fromkeys(ids), ids, test))


class _Moved:
    """The moves and hard links of a log, and what they gave another name to."""

    def __init__(self, log: Log, content: Content) -> None:
        self._log, self._content = log, content
        self._moves = list(by_path.moves(log))
        self._views: Memory[int, View] = Memory(FEW)
        self._asked: Counter[int] = Counter()
        self._brought: dict[int, dict[bytes, int]] = {}

    def into(self, patterns: Sequence[Pathspec]) -> Iterator[bytes]:
        """Yield the paths that *patterns* mean and that only the move of a directory above made: no event is about those."""
        means = pathspecs.matcher(patterns).match
        for event in self._moves if patterns else ():
            name = self._name(event)
            if any(pathspecs.may_lie_below(pattern, name) for pattern in patterns):
                top = self._after(event).lookup(name)
                yield from (path for path in (self._below(event) if top is not None and top.is_dir else ()) if means(path))

    def followed(self, sought: Sought) -> Sought:
        """Add the names that moves and hard links gave to what is sought."""
        renames: dict[bytes, list[Event]] = {}
        for event in chain(self._moves, by_path.links(self._log)):
            renames.setdefault(event.target or b"", []).append(event)
        paths = dict(sought.paths)
        waiting = list(paths) if renames else []
        while waiting:
            path = waiting.pop()
            for name in (*ancestors(path), path):
                for event in renames.get(name, ()):
                    renamed = self._name(event) + path[len(name) :]
                    before = paths.get(renamed, _NOTHING)
                    paths[renamed] = now = self._joined(sought, before, self._nodes(event, renamed), paths[path])
                    if now != before:
                        waiting.append(renamed)
        return sought._replace(paths={path: nodes for path, nodes in paths.items() if nodes != _NOTHING})

    def _joined(self, sought: Sought, before: Nodes, named: frozenset[int], sources: Nodes) -> Nodes:
        """Return which nodes count at a path where *before* did, that an event *named*, and whose old name *sources* had."""
        if before is None or not named:
            return before
        if sought.contents is not None or sought.test is not None:  # whatever is such counts, and is looked at once more
            return None
        return before | (named if sources is None else named & sources)

    def _nodes(self, event: Event, renamed: bytes) -> frozenset[int]:
        """Return the nodes that *renamed* may name after a move or a link."""
        if event.kind == Kind.LINK_MADE:
            named = event.path is not None and self._name(event) == renamed
            return frozenset(self._linked(event.node, event.target or b"")) if named else _NOTHING
        self._asked[event.position] += 1
        if self._asked[event.position] > FEW:
            node = self._below(event).get(renamed)
        else:
            found = self._after(event).lookup(renamed)
            node = found and found.node
        return _NOTHING if node is None else frozenset((node,))

    def _linked(self, node: int | None, target: bytes) -> Iterator[int]:
        """Yield the node that a hard link names; of a layer's to a lower one all that may be there, as images differ."""
        if node is not None:
            yield node
            return
        path_id = self._log.path_id(target)
        for said in by_path.said_of(self._log, [] if path_id is None else [path_id]):
            if said.kind == Kind.FILE_WRITTEN:
                yield said.position
            elif said.kind == Kind.LINK_MADE and said.target != target:
                yield from self._linked(said.node, said.target or b"")

    def _below(self, event: Event) -> dict[bytes, int]:
        """Return the node of each path that a move brought."""
        found = self._brought.get(event.position)
        if found is None:
            entries = walk(self._after(event), self._name(event))
            found = self._brought[event.position] = {entry.path: entry.node for entry in entries}
        return found

    def _after(self, event: Event) -> View:
        found = self._views.get(event.position)
        if found is None:
            container = self._log.stream_of(event.stream).name
            spans = lineage.of_container(self._log, container, event.version)
            found = self._views[event.position] = View(self._log, self._content, spans)
        return found

    def _name(self, event: Event) -> bytes:
        return self._log.path_text(event.path or ROOT_ID)
