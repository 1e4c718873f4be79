"""What a run of events changed: the view before it and the view after."""

from collections.abc import Iterator
from typing import NamedTuple

from projections.diff.tree_diff import Difference, between, touched_by
from projections.tree.view import View


class Around(NamedTuple):
    """The view before a run of events and after it; `events` is (stream, first, last) of a container's."""

    before: View
    after: View
    events: tuple[int, int, int] | None


def differences(found: Around) -> Iterator[Difference]:
    """Yield all that changed, in tree order: O(paths touched), or O(the tree) for an imported layer."""
    if found.events is not None:
        return touched_by(found.before, found.after, *found.events)
    return between(found.before, found.after)
