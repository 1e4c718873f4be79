"""Reads: what the events mean, as immutable views.  `__all__` is what a program needs of it."""

from typing import TYPE_CHECKING

from eventstore.offers import offers

if TYPE_CHECKING:
    from projections.diff.patches import patch
    from projections.diff.tree_diff import Difference, between
    from projections.edits.edits import deleted, moved, written
    from projections.events.records import Record, Records
    from projections.events.rows import event_row
    from projections.history import logbook
    from projections.history.blame import Blame, Causes, blame
    from projections.refs.containers import live_view
    from projections.refs.places import split_path
    from projections.refs.references import resolve, resolve_container, resolve_image
    from projections.refs.targets import Target, as_base, view
    from projections.tree.symlinks import follow
    from projections.tree.view import View
    from projections.tree.walk import walk

__all__ = [
    "Blame", "Causes", "Difference", "Record", "Records", "Target", "View", "as_base", "between", "blame", "deleted",
    "event_row", "follow", "live_view", "logbook", "moved", "patch", "resolve", "resolve_container", "resolve_image",
    "split_path", "view", "walk", "written",
]  # fmt: skip

__getattr__ = offers(__name__, {
    "diff.patches": ["patch"],
    "diff.tree_diff": ["Difference", "between"],
    "edits.edits": ["deleted", "moved", "written"],
    "events.records": ["Record", "Records"],
    "events.rows": ["event_row"],
    "history": ["logbook"],
    "history.blame": ["Blame", "Causes", "blame"],
    "refs.containers": ["live_view"],
    "refs.places": ["split_path"],
    "refs.references": ["resolve", "resolve_container", "resolve_image"],
    "refs.targets": ["Target", "as_base", "view"],
    "tree.symlinks": ["follow"],
    "tree.view": ["View"],
    "tree.walk": ["walk"],
})  # fmt: skip
