"""What made a path what it is, and each of its lines: as text for people, every line escaped, and as JSON rows."""

from collections.abc import Iterator
from typing import Any

from cli.display.formats import human_size, short_id, whole_seconds
from cli.display.history import built_by, command_text, commit_row, layer_row, names_text, source_text, subject, what
from cli.display.output import paint
from eventstore.model.digests import named
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events.records import actor_text
from projections.events.rows import event_row
from projections.history.blame import Blame, Cause, Line


def blame_text(found: Blame) -> Iterator[str]:
    path = "/" + shown(found.path)
    if found.entry is None:
        assert found.removed is not None
        yield f"{path} is not there"
        yield from cause_lines("removed", found.removed)
        if found.last is not None and found.last.content is not None:
            yield f"last:       {named(found.last.content)}, {human_size(found.last.size)}{_reach(found.removed, path)}"
        yield from cause_lines("erased", found.erased)
        return
    yield path
    if found.content is None:
        yield "the root of every view; no event made it"
        return
    for label in ("content", "name", "attributes", "erased"):
        yield from cause_lines(label, getattr(found, label))


def _reach(removed: Cause, path: str) -> str:
    """Return how to see what a container removed, where that is by an event of its own."""
    before = removed.record.event.version - 1
    return f"; `layerlog cat {short_id(removed.record.name)}@{before}:{path}`" if removed.container else ""


def cause_lines(label: str, cause: Cause | None) -> Iterator[str]:
    if cause is None:
        return
    record = cause.record
    yield f"{label + ':':<12}{what(record)}"
    yield f"  event    {record.event.position}, version {record.event.version} of {where(cause)}"
    yield f"  when     {rfc3339(record.time)}"
    yield f"  author   {shown(record.author) if record.author else 'nobody named'} (claimed)"
    yield f"  actor    {shown(actor_text(record))} (observed)"
    yield f"  command  {command_text(record)} ({shown(record.known)})"
    commit, layer = cause.commit, cause.layer
    if commit is not None:
        by = f" by {shown(commit.author)}" if commit.author else ""
        yield f"  commit   {short_id(commit.id)}{names_text(cause.tags)}{by}: {subject(commit.message)}"
    elif record.kind == "container":
        yield "  commit   not yet sealed"
    if layer is not None:
        yield f"  image    {short_id(layer.image)}{names_text(cause.tags)}, layer {layer.number} of {layer.total}"
        yield f"  built by {subject(built_by(layer)) or 'not said'}"
        yield f"  loaded   {rfc3339(layer.arrival.time)}{source_text(layer)}"


def where(cause: Cause) -> str:
    name = short_id(cause.record.name)
    return f"container {shown(cause.container)} ({name})" if cause.container else f"{cause.record.kind} {name}"


def line_text(number: int, line: Line, cause: Cause, width: int, *, renamed: bool) -> str:
    """Return one line of a text file behind what brought it: the commit or layer, who, when."""
    record = cause.record
    came = short_id(cause.commit.id) if cause.commit else short_id(record.name) if record.kind == "layer" else "(unsealed)  "
    author = (cause.layer.built.author if cause.layer else record.author) or str(record.actor.get("login"))
    name = f" /{shown(line.path)}" if renamed else ""
    text = "\t".join(map(shown, line.text.split(b"\t")))
    when = whole_seconds(rfc3339(record.time))
    return f"{paint(came, 'yellow')} {line.position:>7}{name} ({subject(author, 24):<24} {when} {number:>{width}}) {text}"


# -- as rows


def blame_row(found: Blame) -> dict[str, Any]:
    last = found.last.content if found.last is not None else None
    return {
        "path": b"/" + found.path,
        "there": found.entry is not None,
        **{key: cause_row(getattr(found, key)) for key in ("content", "name", "attributes", "removed", "erased")},
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


def line_row(number: int, line: Line, cause: Cause) -> dict[str, Any]:
    record = cause.record
    return {
        "line": number,
        "text": line.text,
        "position": line.position,
        "path": b"/" + line.path,
        "time": rfc3339(record.time),
        "author": record.author,
        "actor": dict(record.actor),
        "commit": cause.commit.id if cause.commit else None,
        "layer": cause.layer.diff_id if cause.layer else None,
    }
