"""What made a path what it is, and each of its lines: as text for people, every line escaped, and as JSON rows."""

from collections.abc import Iterable, Iterator
from typing import Any

from cli.display.events import built_text, step_text, what
from cli.display.formats import human_size, short_id, shown_time, subject
from cli.display.history import (
    built_by,
    command_text,
    commit_row,
    layer_author,
    layer_row,
    loaded_by,
    made_at,
    names_text,
    person,
    source_text,
    who,
)
from cli.display.output import paint
from eventstore.model.digests import named
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events.records import Record, actor_text
from projections.events.rows import event_row, place, placed
from projections.history.blame import Blame, Cause, Line
from projections.history.origins import ImageLayer
from projections.refs.points import Points

CAUSES = ("content", "name", "attributes", "removed", "erased", "returned", "attributes_returned")


def blame_text(found: Blame, points: Points) -> Iterator[str]:
    path = "/" + shown(found.path)
    if found.entry is None:
        assert found.removed is not None
        yield f"{path} is not there"
        yield from cause_lines("removed", found.removed, points)
        if found.last is not None and found.last.content is not None:
            yield f"last:       {named(found.last.content)}, {human_size(found.last.size)}{_reach(found.removed, path, points)}"
        yield from cause_lines("erased", found.erased, points)
        return
    yield path
    if found.content is None:
        yield "the root of every view; no event made it"
        return
    for label in ("content", "returned", "name", "attributes"):
        yield from cause_lines(label, getattr(found, label), points)
    if found.attributes_returned != found.returned:
        yield from cause_lines("returned", found.attributes_returned, points)
    yield from cause_lines("erased", found.erased, points)


def _reach(removed: Cause, path: str, points: Points) -> str:
    """Return how to see what a container removed, where that is by an event of its own."""
    record = removed.record
    return f"; `layerlog cat {points.spelled(record.name, record.event.version - 1)}:{path}`" if removed.container else ""


def cause_lines(label: str, cause: Cause | None, points: Points) -> Iterator[str]:
    if cause is None:
        return
    record = cause.record
    yield f"{label + ':':<12}{what(record)}"
    yield f"  event    {placed(record, points)}{_once(cause, points)}{step_text(record)}"
    if cause.layer is not None:
        yield from _layer_lines(cause.layer, record, cause.tags)
        return
    yield f"  when     {shown_time(record.time)}"
    yield f"  author   {shown(record.author) if record.author else 'nobody named'} (claimed)"
    yield f"  actor    {shown(actor_text(record))} (observed)"
    yield f"  command  {command_text(record)} ({shown(record.known)})"
    yield from (f"  step     {built_text(build)}: {subject(build['instruction'])}" for build in filter(None, [record.build]))
    commit = cause.commit
    if commit is not None:
        by = f" by {shown(commit.author)}" if commit.author else ""
        yield f"  commit   {short_id(commit.id)}{names_text(cause.tags)}{by}: {subject(commit.message)}"
    elif record.kind == "container":
        yield "  commit   not yet sealed"


def _layer_lines(layer: ImageLayer, record: Record, tags: list[str]) -> Iterator[str]:
    """Yield who made the layer that an event came with, and who brought it in: with its image, or with another one before."""
    yield f"  image    {short_id(layer.image)}{names_text(tags)}, layer {layer.number} of {layer.total}"
    yield f"  author   {layer_author(layer)}"
    yield from (f"  made     {made} (the image's word)" for made in made_at(layer))
    yield f"  built by {subject(built_by(layer)) or 'not said'}"
    yield f"  loaded   {shown_time(layer.arrival.time)}{source_text(layer)}"
    yield f"  loader   {loaded_by(layer.arrival)}"
    yield f"  command  {command_text(layer.arrival)}"
    if record.changeset.context != layer.arrival.changeset.context:
        yield f"  was here {shown_time(record.time)}, by {loaded_by(record)}: {command_text(record)}"


def _once(cause: Cause, points: Points) -> str:
    """Return what the container was called last, where that is no longer its name."""
    if cause.container is None or points.container(cause.record.name) == cause.container:
        return ""
    return f", of the container that was {shown(cause.container)}"


class LineColumns:
    """Lines of a text file, each behind what brought it: the commit or layer, the event, who made it, when.

    The columns are as wide as what *causes* (all that the lines have) fill, so that no name is cut.
    """

    def __init__(self, causes: Iterable[Cause], lines: int, points: Points) -> None:
        self._points, self._number = points, len(str(lines))
        causes = list(causes)
        self._event = max((len(place(cause.record, points)) for cause in causes), default=0)
        self._who = max((len(_who(cause)) for cause in causes), default=0)

    def text(self, number: int, line: Line, cause: Cause, *, renamed: bool, returned: Cause | None = None) -> str:
        record = cause.record
        unsealed = f"{'(unsealed)':<12}"
        came = short_id(cause.commit.id) if cause.commit else short_id(record.name) if record.kind == "layer" else unsealed
        event = f"{place(record, self._points):>{self._event}}" + (f" /{shown(line.path)}" if renamed else "")
        when = shown_time(cause.layer.time if cause.layer else record.time)
        made = f"{_who(cause):<{self._who}} {when} {number:>{self._number}}"
        back = f"; brought back by {_who(returned)}, {place(returned.record, self._points)}" if returned is not None else ""
        return f"{paint(came, 'yellow')} {event} ({made}{back}) " + "\t".join(map(shown, line.text.split(b"\t")))


def _who(cause: Cause) -> str:
    return person(cause.layer.author) if cause.layer is not None and cause.layer.author else who(cause.record)


# -- as rows


def blame_row(found: Blame) -> dict[str, Any]:
    last = found.last.content if found.last is not None else None
    return {
        "path": b"/" + found.path,
        "there": found.entry is not None,
        **{key: cause_row(getattr(found, key)) for key in CAUSES},
        "last_content": named(last) if last else None,
    }


def cause_row(cause: Cause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "event": event_row(cause.record),
        "container": cause.container,
        "commit": commit_row(cause.commit, cause.tags) if cause.commit else None,
        "layer": layer_row(cause.layer, cause.tags) if cause.layer else None,
    }


def line_row(number: int, line: Line, cause: Cause, returned: Cause | None) -> dict[str, Any]:
    record = cause.record
    return {
        "line": number,
        "text": line.text,
        "position": line.position,
        "path": b"/" + line.path,
        "time": rfc3339(record.time),
        "author": cause.layer.author or None if cause.layer else record.author,
        "loaded_by": record.author if cause.layer else None,
        "actor": dict(record.actor),
        "returned": line.returned,
        "returned_by": returned.record.author if returned is not None else None,
        "commit": cause.commit.id if cause.commit else None,
        "layer": cause.layer.diff_id if cause.layer else None,
        "build": None if record.build is None else dict(record.build),
    }
