"""Taking back: the Changes that make a container or a path what it was, or invert one commit, as new events."""

import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.index.moments import version_at
from eventstore.index.streams import has_moves, tree_events_down
from eventstore.log.log import Log
from eventstore.model.changes import Change, attributes, delete, link, move
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.paths import order, split
from eventstore.store.store import Store
from projections.diff.between import Around, differences
from projections.diff.tree_diff import Difference, differ, paired, touched_by
from projections.refs.containers import view_at
from projections.tree.hard_links import grouped, linked_nodes
from projections.tree.subtree import as_change, below, beneath
from projections.tree.view import View
from projections.tree.walk import walk


class Run(NamedTuple):
    """The events first..last of a container's stream: one changeset's."""

    first: int
    last: int


def runs(log: Log, stream: int, version: int) -> Iterator[Run]:
    """Yield the changesets that changed files of a container, newest first: look-ups for each."""
    while (last := next(tree_events_down(log, stream, version), None)) is not None:
        first = version_at(log, stream, log.changeset(last.position).first - 1) + 1
        yield Run(first, last.version)
        version = first - 1


def taken_back(store: Store, container: str, taken: list[Run]) -> Iterator[Change]:
    """Yield the Changes that undo *taken*, the latest changesets of a container, newest first.

    A lone move is moved back; where there are moves among more each changeset is undone for itself, else all at once.
    """
    stream = _stream(store.log, container)
    if not any(has_moves(store.log, stream, *run) for run in taken):
        taken = [Run(taken[-1].first, taken[0].last)]
    for run in taken:
        back = _moved_back(store, container, stream, run)
        yield from (back,) if back is not None else inverse(store, container, run)


def inverse(store: Store, container: str, run: Run) -> Iterator[Change]:
    """Yield the Changes that make the container after *run* what it was before: O(paths touched), or, where files have
    several names, O(the tree).
    """
    before, after = view_at(store, container, run.first - 1), view_at(store, container, run.last)
    found = {d.path: d for d in touched_by(after, before, _stream(store.log, container), *run)}
    linked = linked_nodes(before) | linked_nodes(after)
    if linked:
        found.update(_regrouped(after, before, linked, set(found)))
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
    """Yield the Changes that make *path* of a container, with all below it, what *top* is in *source*."""
    linked = linked_nodes(source) | linked_nodes(live)
    differences = (
        d for d in paired(walk(live, path), beneath(below(source, top), path))
        if differ(d.before, d.after) or (d.after is not None and d.after.node in linked)
    )  # fmt: skip
    return as_edits(differences, linked)


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


def _moved_back(store: Store, container: str, stream: int, run: Run) -> Change | None:
    """Return the move that undoes *run* where that is one move which replaced nothing."""
    if run.first != run.last:
        return None
    event = store.log.event(stream, run.first)
    if event.kind != Kind.PATH_MOVED or event.path is None:
        return None
    path = store.log.path_text(event.path)
    there = view_at(store, container, run.first - 1).lookup(path)
    return None if there is not None else move(path, event.target or b"")


def _stream(log: Log, container: str) -> int:
    return log.existing("container", container).id


# -- reverting: the inverse of one commit's changes on what a container is now


class Conflict(NamedTuple):
    path: bytes
    reason: str


class Revert(NamedTuple):
    """`changes` may be made only where there are no `conflicts`."""

    changes: list[Change]
    conflicts: list[Conflict]


def revert(around: Around, live: View) -> Revert:
    """Return what takes a commit's changes back in *live*: O(paths that the commit touched).

    A path that is no longer what the commit made it is a conflict, unless it is what it was before the commit.
    """
    wanted: dict[bytes, Difference] = {}
    conflicts = []
    for path, before, after in differences(around):
        now = live.lookup(path)
        if not differ(now, before):
            continue
        if not differ(now, after):
            wanted[path] = Difference(path, now, before)
        else:
            conflicts.append(Conflict(path, "is no longer what the commit made it" if now else "is no longer there"))
    conflicts.extend(_in_the_way(wanted, live))
    linked = linked_nodes(around.before) | linked_nodes(live)
    return Revert(list(as_edits((wanted[path] for path in sorted(wanted, key=order)), linked)), conflicts)


def _in_the_way(wanted: dict[bytes, Difference], live: View) -> Iterator[Conflict]:
    for path, now, then in wanted.values():
        if now is not None and now.is_dir and (then is None or not then.is_dir):
            for entry in walk(live, path):
                if entry.path not in wanted:
                    yield Conflict(entry.path, "came later, below what the commit made")
                    break
        if then is not None and path and not _will_be_directory(wanted, live, split(path)[0]):
            yield Conflict(path, "has no directory to come back to")


def _will_be_directory(wanted: dict[bytes, Difference], live: View, path: bytes) -> bool:
    found = wanted[path].after if path in wanted else live.lookup(path)
    return found is not None and found.is_dir
