"""What an undo, a redo or a restore brought back: who had written that content there before, as far as the log says so."""

from collections.abc import Iterator

from eventstore.model.events import Event, Kind
from projections.events.path_events import touches
from projections.events.records import Record, Records
from projections.tree.view import Order, View

_RESTORING = ("restore", "revert")
_WITH_VALUE = ("--store",)


def source(view: View, records: Records, event: Event, path: bytes) -> tuple[View, Event] | None:
    """Return the view in which what *event* wrote at *path* was before, and the event that had written it there.

    None where the log does not say that it brought something back: its changeset undoes or redoes others, or its command is
    one that brings back, and the very same content was there.  Look-ups, and for a restore those of the path's history.
    """
    order = view.order(event.stream, event.version)
    if order is None or event.kind != Kind.FILE_WRITTEN:
        return None
    record = records.of(event)
    for before in _before(view, record, order, path):
        entry = before.lookup(path)
        if entry is not None and entry.node and (entry.content, entry.target) == (event.content, event.target):
            return before, view.log.at(entry.node)
    return None


def _before(view: View, record: Record, order: Order, path: bytes) -> Iterator[View]:
    """Yield the views that *record* says it brought back, the latest first."""
    rank, version = order
    undoes, redoes = record.context.get("undoes", ()), record.context.get("redoes", ())
    if undoes or redoes:
        then = undoes[-1][0] - 1 if undoes else redoes[-1][1]
        if 0 < then < version:
            yield view.after((rank, then))
    elif verb(record) in _RESTORING:
        earlier = view.before(order)
        written = (touch for touch in touches(earlier, path) if touch.event.kind == Kind.FILE_WRITTEN and touch.path == path)
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
