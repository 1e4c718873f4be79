"""What an undo, a redo or a restore brought back: who had written that content there before, or given it those attributes, as
far as the log says so.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from operator import attrgetter

from eventstore.index.nodes import attribute_changes
from eventstore.log.log import ROOT_ID
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from projections.events.path_events import touches
from projections.events.records import Record, Records
from projections.tree.view import Order, View

_RESTORING = ("restore", "revert")
_WITH_VALUE = ("--store",)
_WRITING = (Kind.FILE_WRITTEN,)
_GIVING = (Kind.FILE_WRITTEN, Kind.DIRECTORY_IMPLIED, Kind.ATTRIBUTES_CHANGED)
Attribute = Callable[[Entry], object]
ATTRIBUTES: Sequence[Attribute] = tuple(map(attrgetter, ("mode", "uid", "gid", "mtime", "xattrs")))


def source(view: View, records: Records, event: Event, path: bytes) -> tuple[View, Event] | None:
    """Return the view in which what *event* wrote at *path* was before, and the event that had written it there.

    None where the log does not say that it brought something back: its changeset undoes or redoes others, or its command is
    one that brings back, and the very same content was there.  Look-ups, and for a restore those of the path's history.
    """
    order = view.order(event.stream, event.version)
    if order is None or event.kind != Kind.FILE_WRITTEN:
        return None
    record = records.of(event)
    for before in _before(view, record, order, path, _WRITING):
        entry = before.lookup(path)
        if entry is not None and entry.node and (entry.content, entry.target) == (event.content, event.target):
            return before, view.log.at(entry.node)
    return None


def attributes_source(view: View, records: Records, event: Event, path: bytes) -> tuple[View, Event] | None:
    """Return the view in which *path* had the attributes that *event* gave it, and the event that had given it those.

    None as `source`.  Of a change of attributes it is those that it changed, of a write all of them.
    """
    order = view.order(event.stream, event.version)
    if order is None or event.kind not in (Kind.FILE_WRITTEN, Kind.ATTRIBUTES_CHANGED):
        return None
    for before in _before(view, records.of(event), order, path, _GIVING):
        entry, now = before.lookup(path), view.after(order).lookup(path)
        was = view.before(order).lookup(path) if event.kind == Kind.ATTRIBUTES_CHANGED else None
        given = [attribute for attribute in ATTRIBUTES if was is None or now is None or attribute(was) != attribute(now)]
        if entry is not None and now is not None and entry.node and given and _agree(entry, now, given):
            return before, _giver(before, entry, given)
    return None


def _giver(view: View, entry: Entry, given: Collection[Attribute]) -> Event:
    """Return the event that gave what *entry* is in *view* one of these attributes last, or that made it."""
    for change in attribute_changes(view.log, entry.node):
        order = view.order(change.stream, change.version)
        was = view.before(order).lookup(view.log.path_text(change.path or ROOT_ID)) if order is not None else entry
        if was is None or not _agree(was, entry, given):
            return change
    return view.log.at(entry.node)


def _agree(one: Entry, other: Entry, attributes: Collection[Attribute]) -> bool:
    return all(attribute(one) == attribute(other) for attribute in attributes)


def _before(view: View, record: Record, order: Order, path: bytes, kinds: Collection[int]) -> Iterator[View]:
    """Yield the views that *record* says it brought back, the latest first; for a restore, those after events of *kinds*."""
    rank, version = order
    undoes, redoes = record.context.get("undoes", ()), record.context.get("redoes", ())
    if undoes or redoes:
        then = undoes[-1][0] - 1 if undoes else redoes[-1][1]
        if 0 < then < version:
            yield view.after((rank, then))
    elif verb(record) in _RESTORING:
        earlier = view.before(order)
        written = (touch for touch in touches(earlier, path) if touch.event.kind in kinds and touch.path == path)
        yield from (earlier.after(touch.order) for touch in written)


def verb(record: Record) -> str:
    """Return the name of the command that made an event, "" where there is none."""
    words = iter(record.command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
