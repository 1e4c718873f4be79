"""Blame by line: for each line of a text file, the write that brought it, back through moves and hard links."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ConflictError, ErasedError
from eventstore.log.log import ROOT_ID
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from eventstore.model.paths import shown
from projections.diff.line_diff import MAX_TEXT, is_binary, matches
from projections.events.path_events import Touch, touches
from projections.tree.view import View


class Line(NamedTuple):
    """`position` is the event that brought the line, `path` what the file was called then; `text` has no line end."""

    position: int
    path: bytes
    text: bytes


def blame_lines(view: View, path: bytes) -> list[Line]:
    """Return the lines of the text file at *path*; raise NotFoundError or ConflictError where it is none.

    O(versions of the file) comparisons, fewer where all lines are found sooner; memory holds two versions.
    """
    entry = view.get(path)
    _require_text_size(entry)
    text = _text(view.content, entry.content, entry.size)
    if text is None:
        raise ConflictError(f"/{shown(path)} is binary, so it has no lines; `layerlog blame` without --lines says who wrote it")
    return [Line(touch.event.position, touch.path, line) for touch, line in zip(_origins(view, path, text), text, strict=True)]


def _require_text_size(entry: Entry) -> None:
    if not entry.is_file:
        raise ConflictError(f"/{shown(entry.path)} is no regular file, so it has no lines; blame it without --lines")
    if entry.size > MAX_TEXT:
        raise ConflictError(
            f"/{shown(entry.path)} has {entry.size} bytes; --lines takes files of up to {MAX_TEXT}, blame it without"
        )


def _origins(view: View, path: bytes, text: list[bytes]) -> list[Touch]:
    """Return, for each line of the latest version, the touch that wrote it."""
    found: dict[int, Touch] = {}
    newer, alive = text, {index: index for index in range(len(text))}
    latest: Touch | None = None
    for touch in versions(view, path):
        older = newer if latest is None else _lines_or_none(view, touch.event)
        if older is None:
            break
        if latest is not None:
            kept = _kept(older, newer, alive)
            gone = set(alive.values()).difference(kept.values())
            found.update((line, latest) for line in gone)
            alive = kept
        newer, latest = older, touch
        if not alive:
            break
    assert latest is not None
    found.update((line, latest) for line in alive.values())
    return [found[index] for index in range(len(text))]


def _kept(older: list[bytes], newer: list[bytes], alive: dict[int, int]) -> dict[int, int]:
    """Return which of the lines that *alive* holds (index in *newer* -> final line) *older* has too, by their index there."""
    runs = ((old + n, new + n) for old, new, count in matches(older, newer) for n in range(count))
    return {old: alive[new] for old, new in runs if new in alive}


def versions(view: View, path: bytes) -> Iterator[Touch]:
    """Yield the writes that gave the file at *path* its contents, newest first, back to where it was not there."""
    for touch in touches(view, path, follow=True):
        kind, named = touch.event.kind, view.log.path_text(touch.event.path or ROOT_ID)
        if kind == Kind.FILE_WRITTEN and touch.path == named:
            yield touch
        elif not (
            kind == Kind.ATTRIBUTES_CHANGED
            or (kind == Kind.LINK_MADE and touch.path == named)
            or (kind == Kind.PATH_MOVED and (touch.path + b"/").startswith(named + b"/"))
        ):
            return


def _lines_or_none(view: View, event: Event) -> list[bytes] | None:
    """Return the lines that an event wrote, or None where that was no text, too large, or was erased."""
    if event.content is None or event.size > MAX_TEXT:
        return None if event.size else []
    try:
        return _text(view.content, event.content, event.size)
    except ErasedError:
        return None


def _text(content: Content, digest: bytes | None, size: int) -> list[bytes] | None:
    """Return the lines of a content without their ends, or None where it is binary (a NUL near its start, as in git)."""
    data = content.read_all(digest) if digest is not None and size else b""
    if is_binary(data):
        return None
    lines = data.split(b"\n")
    return lines[:-1] if not lines[-1] else lines
