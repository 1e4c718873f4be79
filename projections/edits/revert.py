"""Reverting: the Changes that take one commit's files back in what a container is now, and what forbids it."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.model.changes import Change
from eventstore.model.paths import order, split
from projections.diff.between import Around, differences
from projections.diff.tree_diff import Difference, differ
from projections.edits.undo import as_edits
from projections.tree.hard_links import linked_nodes
from projections.tree.view import View
from projections.tree.walk import walk


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
