"""A part of a view, listed or on its way elsewhere: paths relative to its top, each hard-linked node whole only once."""

from collections.abc import Iterable, Iterator

from eventstore.model.changes import Change, link
from eventstore.model.entries import Entry, node_of
from eventstore.model.events import Kind
from eventstore.model.paths import join, split
from projections.tree.hard_links import linked_nodes
from projections.tree.symlinks import require
from projections.tree.view import View
from projections.tree.walk import walk


def below(view: View, top: bytes) -> Iterator[Entry]:
    """Return *top* and all below it in tree order, with paths relative to it: *top* itself is b""."""
    found, cut = walk(view, top), len(top) + 1
    return (entry._replace(path=entry.path[cut:]) for entry in found) if top else found


def beneath(entries: Iterable[Entry], name: bytes) -> Iterator[Entry]:
    """Yield *entries* with their paths below *name*."""
    for entry in entries:
        yield entry._replace(path=join(name, entry.path) if entry.path else name)


def as_changes(view: View, entries: Iterable[Entry]) -> Iterator[Change]:
    linked = linked_nodes(view)
    firsts: dict[int, bytes] = {}
    for entry in entries:
        first = firsts.get(entry.node)
        if first is not None:
            yield as_link(entry, first)
            continue
        if entry.node in linked and not entry.is_dir:
            firsts[entry.node] = entry.path
        yield as_change(entry)


def as_change(entry: Entry) -> Change:
    return Change(Kind.FILE_WRITTEN, entry.path, *node_of(entry))


def as_link(entry: Entry, target: bytes) -> Change:
    """Return *entry* as one more name of *target*; it states the node's attributes, since some tools apply a link's."""
    return link(entry.path, target)._replace(mode=entry.mode, uid=entry.uid, gid=entry.gid, mtime=entry.mtime)


def listed(view: View, path: bytes, *, recursive: bool = False, itself: bool = False) -> Iterator[tuple[bytes, Entry]]:
    """Yield (name, entry): what is in a directory, all that is below it, or *path* itself (whole, with its slash).

    Raise NotFoundError where nothing is.
    """
    entry = require(view, path)
    if itself or not entry.is_dir:
        yield b"/" + path, entry
    elif recursive:
        for found in below(view, path):
            if found.path:
                yield found.path, found._replace(path=join(path, found.path))
    else:
        for found in view.children(path):
            yield split(found.path)[1], found
