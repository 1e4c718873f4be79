"""Taking back: the Changes that make a container or a path what it was, or what it had become, as new events."""

import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from eventstore.index.streams import has_moves
from eventstore.log.log import Log
from eventstore.model.changes import Change, attributes, delete, link, move
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.paths import order, split
from eventstore.store.store import Store
from projections.diff.tree_diff import Difference, differ, paired, touched_by
from projections.refs.containers import view_at
from projections.tree.hard_links import grouped, linked_nodes
from projections.tree.subtree import as_change, below, beneath
from projections.tree.view import View
from projections.tree.walk import walk


class Run(NamedTuple):
    """The events first..last of a container's stream: what one changeset did to its files and its config."""

    first: int
    last: int


def taken_back(store: Store, container: str, taken: Sequence[Run]) -> Iterator[Change]:
    """Yield the Changes that undo *taken*, changes of a container, newest first, where it is what the first of them left."""
    return _stepping(store, container, [(run.last, run.first - 1) for run in taken])


def brought_back(store: Store, container: str, again: Sequence[Run]) -> Iterator[Change]:
    """Yield the Changes that do *again* what a container's changes did, oldest first, where it is what it was before them."""
    return _stepping(store, container, [(run.first - 1, run.last) for run in again])


def _stepping(store: Store, container: str, steps: Sequence[tuple[int, int]]) -> Iterator[Change]:
    """Yield the Changes of going through *steps* (from version, to version), all at once where that is as much.

    Where there are moves among them each is gone for itself, so that a lone move stays one; so, too, where nothing is left
    of them together: a step that nothing tells of would be none.
    """
    stream = _stream(store.log, container)
    if not any(has_moves(store.log, stream, min(step) + 1, max(step)) for step in steps):
        together = leading(store, container, steps[0][0], steps[-1][1])
        if (first := next(together, None)) is not None:
            yield from chain([first], together)
            return
    for now, then in steps:
        moved = _moved(store, container, stream, now, then)
        yield from (moved,) if moved is not None else leading(store, container, now, then)


def changed_anything(store: Store, container: str, run: Run) -> bool:
    """Whether a container's files are not the same before and after *run*."""
    before, after = view_at(store, container, run.first - 1), view_at(store, container, run.last)
    differs = next(touched_by(before, after, _stream(store.log, container), *run), None) is not None
    return differs or next(leading(store, container, run.last, run.first - 1), None) is not None


def leading(store: Store, container: str, now: int, then: int) -> Iterator[Change]:
    """Yield the Changes that make the container as of version *now* what it was, or became, at version *then*: O(paths
    touched), or, where files have several names, O(the tree).
    """
    live, wanted = view_at(store, container, now), view_at(store, container, then)
    found = {d.path: d for d in touched_by(live, wanted, _stream(store.log, container), min(now, then) + 1, max(now, then))}
    linked = linked_nodes(live) | linked_nodes(wanted)
    if linked:
        found.update(_regrouped(live, wanted, linked, set(found)))
    return as_edits((found[path] for path in sorted(found, key=order)), linked)


def as_edits(differences: Iterable[Difference], linked: set[int]) -> Iterator[Change]:
    """Yield the Changes that make a container's tree what `after` says, given in tree order.

    Where attributes alone differ no content is written anew.  The nodes in *linked* have several names: those are written
    anew, and become hard links again.
    """
    firsts: dict[int, bytes] = {}
    gone = b""
    for path, before, after in differences:
        if gone and path.startswith(gone + b"/"):
            before = None
            if after is None:
                continue
        if after is None or (before is not None and before.is_dir and not after.is_dir):
            gone = path
        if after is None:
            yield delete(path)
        elif before is not None and linked.isdisjoint((before.node, after.node)) and _what_it_is(before) == _what_it_is(after):
            yield attributes(path, after.mode, uid=after.uid, gid=after.gid, mtime=after.mtime, xattrs=after.xattrs)
        elif after.node in firsts:
            yield from (delete(path),) if before is not None and before.is_dir else ()
            yield link(path, firsts[after.node])
        else:
            if after.node in linked and not after.is_dir:
                firsts[after.node] = path
            yield as_change(after)


def restored(live: View, path: bytes, source: View, top: bytes) -> Iterator[Change]:
    """Yield the Changes that make *path* of a container, with all below it, what *top* is in *source*; the directories above it
    that are gone come first.
    """
    yield from map(as_change, gone_above(live, path, source, top))
    linked = linked_nodes(source) | linked_nodes(live)
    differences = (
        d for d in paired(walk(live, path), beneath(below(source, top), path))
        if differ(d.before, d.after) or (d.after is not None and d.after.node in linked)
    )  # fmt: skip
    yield from as_edits(differences, linked)


def gone_above(live: View, path: bytes, source: View, top: bytes) -> list[Entry]:
    """Return the directories above *path* that *live* lacks, topmost first, as those above *top* are in *source*: as far up as
    they are called the same.
    """
    found: list[Entry] = []
    above, wanted = split(path)[0], split(top)[0]
    while above and wanted and live.lookup(above) is None and split(above)[1] == split(wanted)[1]:
        found.append(source.get(wanted)._replace(path=above))
        above, wanted = split(above)[0], split(wanted)[0]
    return found[::-1]


def _what_it_is(entry: Entry) -> tuple[object, ...]:
    return stat.S_IFMT(entry.mode), entry.size, entry.content, entry.target, entry.rdev


def _regrouped(now: View, old: View, linked: set[int], changed: set[bytes]) -> dict[bytes, Difference]:
    """Return the paths whose nodes have other names in *old* than in *now*, or must be written and have several."""
    there, wanted = _groups(now, linked), _groups(old, linked)
    differing = {names for names in {*there, *wanted} if len(names) > 1 and (names not in there or names not in wanted)}
    written = {names for names in wanted if len(names) > 1 and not changed.isdisjoint(names)}
    paths = {path for names in differing | written for path in names}
    found = ((path, now.lookup(path), old.lookup(path)) for path in paths)
    return {path: Difference(path, before, after) for path, before, after in found if before or after}


def _groups(view: View, linked: set[int]) -> set[frozenset[bytes]]:
    return {frozenset(entry.path for entry in entries) for entries in grouped(view, linked).values()}


def _moved(store: Store, container: str, stream: int, now: int, then: int) -> Change | None:
    """Return the move of a step over one event which is one that replaced nothing, back or again; else None."""
    first = min(now, then)
    event = store.log.event(stream, first + 1)
    if max(now, then) != first + 1 or event.kind != Kind.PATH_MOVED or event.path is None:
        return None
    path, source = store.log.path_text(event.path), event.target or b""
    if view_at(store, container, first).lookup(path) is not None:
        return None
    return move(path, source) if then < now else move(source, path)


def _stream(log: Log, container: str) -> int:
    return log.existing("container", container).id
