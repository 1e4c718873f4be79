"""Commits, layers and causes as JSON rows; events within them are as `projections/events/rows.py` says."""

from typing import Any

from eventstore.model.digests import named
from eventstore.model.facts import Arrival
from eventstore.model.times import rfc3339
from projections.events.rows import event_row
from projections.history.blame import Blame, Cause
from projections.history.blame_lines import Line
from projections.history.commits import Commit, ImageLayer
from projections.history.logbook import Item
from projections.refs.tags import shown_names


def commit_row(commit: Commit, tags: list[str]) -> dict[str, Any]:
    return {
        "commit": commit.id,
        "tags": shown_names(tags),
        "container": commit.container,
        "from": commit.first,
        "version": commit.last,
        "position": commit.position,
        "parent": commit.parent,
        "author": commit.author,
        "actor": dict(commit.record.actor),
        "command": commit.record.command,
        "time": rfc3339(commit.time),
        "message": commit.message,
    }


def layer_row(layer: ImageLayer, tags: list[str]) -> dict[str, Any]:
    return {
        "layer": layer.diff_id,
        "tags": shown_names(tags),
        "image": layer.image,
        "number": layer.number,
        "created": layer.built.created or None,
        "created_by": layer.built.created_by or None,
        "author": layer.built.author or None,
        "comment": layer.built.comment or None,
        "loaded": rfc3339(layer.arrival.time),
        "source": Arrival.of(layer.arrival.event).source,
    }


def item_row(item: Item, tags: list[str], *, touched: bool) -> dict[str, Any]:
    """Return a commit's, a layer's or (commit null) the unsealed rest's row; `events` are there where paths were asked for."""
    if item.commit is not None:
        row = commit_row(item.commit, tags)
    elif item.layer is not None:
        row = layer_row(item.layer, tags)
    else:
        row = {"commit": None, "container": item.container}
    return row | ({"events": [event_row(record) for record in item.touched]} if touched else {})


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
