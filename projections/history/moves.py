"""What tags named: every move of one or of all, as its reflog counts them back."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import TagMove
from projections.events.records import Record, Records
from projections.refs.tags import spellings


class Move(NamedTuple):
    """A tag (in full) came to name `image`, None where it was deleted, after `before`; TAG@{`step`} is that."""

    tag: str
    step: int
    image: str | None
    before: str | None
    record: Record


def of_tags(log: Log, tag: str | None) -> Iterator[Move]:
    """Yield the moves of a tag, of all where *tag* is None, the latest first; nothing where it never was one.  O(moves)."""
    stream = None if tag is None else log.stream("tag", tag)
    if tag is not None and stream is None:
        return
    found: list[Event] = [
        event for kind in (Kind.TAG_MOVED, Kind.TAG_DELETED) for event in log.of_kind(kind, stream.id if stream else None)
    ]
    records, last = Records(log), {event.stream: 0 for event in found}
    for event in found:
        last[event.stream] = max(last[event.stream], event.version)
    for event in sorted(found, key=lambda event: -event.position):
        record, move = records.of(event), TagMove.of(event)
        yield Move(record.name, last[event.stream] - event.version, move.image, move.old, record)


def of_repository(log: Log, name: str) -> Iterator[Move]:
    """As `of_tags`, the moves of all tags of the repository *name*, as it is written or below localhost/."""
    repositories = {full.rpartition(":")[0] for full in spellings(name)}
    return (move for move in of_tags(log, None) if move.tag.rpartition(":")[0] in repositories)
