"""Touches: the events that made a path what it is, newest first, found through the log's indexes alone.

A path is touched by events about it, by those that hide or move a directory above it, and by attribute changes through
another name of its node.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import NamedTuple

from eventstore.index.by_path import about
from eventstore.index.nodes import attribute_changes, changed_among
from eventstore.index.tree_events import moves_from, streams_about
from eventstore.log.log import ROOT_ID
from eventstore.model.batches import growing_batches
from eventstore.model.entries import same_node
from eventstore.model.events import ATTRIBUTES, HIDES, NAMES, PUTS_DIRECTORY, Event, Kind
from projections.tree.view import Order, View, of_event

MAKING = (Kind.FILE_WRITTEN, Kind.DIRECTORY_IMPLIED)
"""The kinds of event that make a node."""
NAMING = (*MAKING, Kind.LINK_MADE, Kind.PATH_MOVED)
"""The kinds of event that give a node a name."""


Candidate = tuple[Order, Event, bool]
"""An event's order, itself, and whether it is about the path itself and not about a directory above it."""


class Touch(NamedTuple):
    """An event that touched a path, which was called `path` when it did; `order` is its place in the view asked."""

    order: Order
    event: Event
    path: bytes


def touches(view: View, path: bytes, *, follow: bool = False) -> Iterator[Touch]:
    """Yield the events that touched *path*, newest first, streaming; with *follow* through moves and hard links.

    O(depth + events yielded) index look-ups; the log's length does not show.
    """
    came_from: tuple[View, bytes] | None = (view, path)
    while came_from is not None:
        view, path = came_from
        came_from = None
        for touch in _touches(view, path):
            yield touch
            came_from = _came_from(view, touch) if follow else None
            if came_from is not None:
                break


def _came_from(view: View, touch: Touch) -> tuple[View, bytes] | None:
    """Return where what the touch named *path* was before, where it was moved here or is one more name of it."""
    event, source = touch.event, touch.event.target or b""
    named = view.log.path_text(event.path or ROOT_ID)
    if event.kind == Kind.PATH_MOVED and (touch.path == named or touch.path.startswith(named + b"/")):
        return view.before(touch.order), source + touch.path[len(named) :]
    if event.kind == Kind.LINK_MADE and touch.path == named and source != named:
        rank = touch.order[0]
        return (view.through(rank) if view.spans[rank].layer else view.before(touch.order)), source
    return None


def _touches(view: View, path: bytes) -> Iterator[Touch]:
    """As `touches`, under this one name.  Attribute changes through other names join the naming event before them."""
    waiting: list[Touch] = []
    newest = (len(view.spans), 0)
    last = None
    for run in growing_batches(pairwise(chain(_candidates(view, path), [None]))):
        as_made = _as_made(view, [candidate for candidate, _ in run if candidate])
        for candidate, older in run:
            assert candidate is not None
            order, event, direct = candidate
            if order == last or not _mattered(view, order, event, path, direct=direct):
                continue
            last = order
            if not _restated(view, candidate, older, path):
                waiting.append(Touch(order, event, path))
            if event.effect != ATTRIBUTES:
                node = _node_named(view, order, event, path, direct=direct)
                if node not in as_made:
                    waiting.extend(_through_other_names(view, node, order, newest, path))
                yield from sorted(waiting, key=lambda touch: touch.order, reverse=True)
                waiting, newest = [], order
    yield from waiting


def restates(view: View, touch: Touch) -> bool:
    """Whether the imported layer that holds the event leaves the path just what it was below the layer, which is no change.

    Layers name the directories above what they hold, and overlay copies whole files up for a change that is taken back.  Of a
    directory that was deleted or cleared before it is stated again nothing is left out: what was in it is gone.
    """
    (rank, _), event, path = touch
    if not rank or not view.spans[rank].layer or not _is_named_below(view, rank, event.path or ROOT_ID):
        return False
    below, here = view.through(rank - 1).lookup(path), view.through(rank).lookup(path)
    if below is None or here is None or not same_node(below, here):
        return False
    if not here.is_dir:
        return True
    before = view.before(touch.order).lookup(path)
    return event.kind in MAKING and before is not None and before.node == below.node


def _is_named_below(view: View, rank: int, path_id: int) -> bool:
    lower = {span.stream for span in view.spans[:rank]}
    return not lower.isdisjoint(streams_about(view.log, path_id))


def _restated(view: View, candidate: Candidate, older: Candidate | None, path: bytes) -> bool:
    """As `restates`; where the event before was a lower layer's about the path itself, the two events alone say it."""
    order, event, direct = candidate
    if older is not None and direct and older[2] and event.kind == older[1].kind == Kind.FILE_WRITTEN:
        rank, lower = order[0], older[0][0]
        if lower < rank and view.spans[rank].layer and view.spans[lower].layer:
            return same_node(of_event(path, event), of_event(path, older[1]))
    return restates(view, Touch(order, event, path))


def _as_made(view: View, run: Iterable[Candidate]) -> set[int]:
    """Return the nodes that the events of *run* made and whose attributes no event changed."""
    made = {event.position for _, event, direct in run if direct and event.kind in MAKING}
    return made - changed_among(view.log, made)


def _mattered(view: View, order: Order, event: Event, path: bytes, *, direct: bool) -> bool:
    """Whether an event changed what *path* is; one about the path itself always counts."""
    if direct and event.kind != Kind.DIRECTORY_IMPLIED:
        return True
    before = view.before(order).lookup(path)
    if direct:
        return before is None or not before.is_dir
    return before is not None or view.after(order).lookup(path) is not None


def _node_named(view: View, order: Order, event: Event, path: bytes, *, direct: bool) -> int | None:
    """Return the node that *path* named from the event on, or None where it named none."""
    if direct and event.kind in MAKING:
        return event.position
    if event.kind not in (Kind.PATH_MOVED, Kind.LINK_MADE):
        return None
    found = view.after(order).lookup(path)
    return found and found.node


def _through_other_names(view: View, node: int | None, order: Order, newest: Order, path: bytes) -> Iterator[Touch]:
    """Yield the attribute changes of *node* between two orders that came by another name than *path*."""
    for event in attribute_changes(view.log, node) if node is not None else ():
        found = view.order(event.stream, event.version)
        if found is not None and order < found < newest and view.log.path_text(event.path or ROOT_ID) != path:
            yield Touch(found, event, path)


def _candidates(view: View, path: bytes) -> Iterable[Candidate]:
    ids, rest = view.prefix_ids(path)
    above = ids if rest else ids[:-1]
    sources = [_about(view, path_id, effect, direct=False) for path_id in above for effect in (NAMES, HIDES)]
    sources += [_taken(view, path_id, direct=False) for path_id in above]
    if not rest:
        sources += [_about(view, ids[-1], effect, direct=True) for effect in (PUTS_DIRECTORY, NAMES, ATTRIBUTES, HIDES)]
        sources.append(_taken(view, ids[-1], direct=True))
    return heapq.merge(*sources, key=lambda candidate: candidate[0], reverse=True)


def _about(view: View, path_id: int, effect: int, *, direct: bool) -> Iterator[Candidate]:
    for rank in sorted(view.ranks_about(path_id, (effect,)), reverse=True):
        span = view.spans[rank]
        for event in about(view.log, path_id, effect, span.stream, span.upto):
            yield (rank, event.version), event, direct


def _taken(view: View, path_id: int, *, direct: bool) -> Iterator[Candidate]:
    """Yield the moves that took the path away: few, so all at once."""
    ordered = ((view.order(event.stream, event.version), event) for event in moves_from(view.log, [path_id]))
    yield from sorted(((order, event, direct) for order, event in ordered if order), key=lambda c: c[0], reverse=True)
