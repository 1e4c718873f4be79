"""Nodes with several names: which they are, and their names: of some, through the events that gave them; of all, by a walk."""

from collections.abc import Iterable, Iterator

from eventstore.index import tree_events
from eventstore.index.nodes import is_linked, linked_in, links_of, links_to_lower
from eventstore.log.log import ROOT_ID
from eventstore.model.entries import Entry
from projections.tree.view import View
from projections.tree.walk import walk


def linked_nodes(view: View) -> set[int]:
    """Return the nodes that were ever given a second name in *view*: O(hard links of its spans)."""
    within = (linked_in(view.log, span.stream, 1, span.upto) for span in view.spans)
    return {node for _, node in _links_to_lower(view)}.union(*within)


def linked_among(view: View, nodes: Iterable[int]) -> set[int]:
    """Return those of *nodes* that may have a second name in *view*: a look-up each, and one for each link of a layer to
    what a lower layer holds.
    """
    wanted = {node for node in nodes if node}
    below = {node for _, node in _links_to_lower(view)}
    return {node for node in wanted if node in below or is_linked(view.log, node)}


def names_of(view: View, nodes: Iterable[int]) -> set[bytes]:
    """Return every path that names one of *nodes* in *view*: O(links and moves of them) look-ups."""
    wanted = set(nodes)
    given = (path_id for node in wanted for path_id in (view.log.at(node).path, *links_of(view.log, node)))
    waiting = [view.log.path_text(path_id or ROOT_ID) for path_id in given]
    waiting += [path for path, node in _links_to_lower(view) if node in wanted]
    seen, found = set(waiting), set()
    while waiting:
        path = waiting.pop()
        entry = view.lookup(path)
        if entry is not None and entry.node in wanted:
            found.add(path)
        renamed = {*_moved(view, path, wanted)} - seen
        waiting += renamed
        seen |= renamed
    return found


def grouped(view: View, nodes: set[int]) -> dict[int, list[Entry]]:
    """Return *nodes*, none of a directory, each under all its names in *view*: one walk."""
    found: dict[int, list[Entry]] = {}
    for entry in walk(view):
        if entry.node in nodes and not entry.is_dir:
            found.setdefault(entry.node, []).append(entry)
    return found


def _moved(view: View, path: bytes, wanted: set[int]) -> Iterator[bytes]:
    """Yield where moves of *path*, or of a directory above it, brought one of the nodes."""
    ids, _ = view.prefix_ids(path)
    for event in tree_events.moves_from(view.log, ids):
        order = view.order(event.stream, event.version)
        if order is None:
            continue
        renamed = view.log.path_text(event.path or ROOT_ID) + path[len(event.target or b"") :]
        there = view.after(order).lookup(renamed)
        if there is not None and there.node in wanted:
            yield renamed


def _links_to_lower(view: View) -> Iterator[tuple[bytes, int]]:
    """Yield (path, node) of the hard links of layers whose node lies in a lower layer: no index names those."""
    for rank, span in enumerate(view.spans):
        for path_id, _ in links_to_lower(view.log, span.stream, span.upto) if span.layer else ():
            path = view.log.path_text(path_id)
            entry = view.through(rank).lookup(path)
            if entry is not None:
                yield path, entry.node
