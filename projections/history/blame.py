"""Blame: the events that made a path what it is, or each line of a text, and behind each the chain of why."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ConflictError, ErasedError, NotFoundError
from eventstore.index.nodes import attribute_changes
from eventstore.log.log import ROOT_ID
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from eventstore.model.paths import shown
from projections.diff.line_diff import MAX_TEXT, is_binary, matches
from projections.events.path_events import MAKING, NAMING, Touch, touches
from projections.events.records import Record, Records
from projections.history import brought_back
from projections.history.commits import Commit
from projections.history.origins import ImageLayer, Origins
from projections.refs import containers, tags
from projections.tree.view import View


class Cause(NamedTuple):
    """An event and why it is: `container` names the one it was made in; `commit` is None where it is not yet sealed;
    `layer` is the one that it came with, and through that its image and archive.
    """

    record: Record
    container: str | None
    commit: Commit | None
    tags: list[str]
    layer: ImageLayer | None


class Blame(NamedTuple):
    """What `path` is (`entry`, None: it is not there) and what made it so.

    `content` wrote it, `name` brought it to this path by a move or a hard link, `attributes` changed its mode, owner or
    time later, or, where these came back, gave them first; each None where there is no such event.  Of a path that is not
    there `removed` took it away, and `entry` before that was `last`.  `erased` is the event that erased its content, or its
    last one.  `returned` is the undo, redo or restore that brought the content back, of what `content` had written before,
    and `attributes_returned` the one that brought back the attributes that `attributes` had given.
    """

    path: bytes
    entry: Entry | None
    content: Cause | None
    name: Cause | None
    attributes: Cause | None
    removed: Cause | None
    last: Entry | None
    erased: Cause | None
    returned: Cause | None = None
    attributes_returned: Cause | None = None


class Causes(Origins):
    """Answers why an event of a target's view is, with one look-up for what its events share."""

    def of(self, position: int) -> Cause:
        record = self.records.at(position)
        commit, layer = self.commit(record), self.layer(record)
        container = containers.get(self.log, record.name).name if record.kind == "container" else None
        image = commit.id if commit else layer.image if layer else None
        return Cause(record, container, commit, tags.now(self.log, image) if image else [], layer)


def blame(causes: Causes, view: View, path: bytes) -> Blame:
    """Return why *path* is what it is in *view*; raise NotFoundError where it never was anything there.

    O(depth + moves and attribute changes since its content came) index look-ups.
    """
    entry = view.lookup(path)
    if entry is None:
        return _of_absent(causes, view, path)
    if not entry.node:
        return Blame(path, entry, None, None, None, None, None, None)
    made = _content_made(view, entry)
    written = _first_written(causes, view, made)
    named = (touch.event.position for touch in touches(view, path) if touch.event.kind in NAMING)
    name = next(named, made)
    attributes, attributes_returned = _attributes_given(causes, view, entry, made, written)
    return Blame(
        path, entry, causes.of(written), causes.of(name) if name != made else None,
        causes.of(attributes) if attributes else None, None, None, _erased(causes, view, entry),
        causes.of(made) if written != made else None, causes.of(attributes_returned) if attributes_returned else None,
    )  # fmt: skip


def _content_made(view: View, entry: Entry) -> int:
    """Return the position of the event that brought what *entry* is: of layers that say the same, the lowest one's."""
    if not view.is_layer(view.log.at(entry.node).stream):
        return entry.node
    brought = (
        touch.event.position
        for touch in touches(view, entry.path, follow=True)
        if touch.event.kind in MAKING and touch.path == view.log.path_text(touch.event.path or ROOT_ID)
    )
    return next(brought, entry.node)


def _first_written(causes: Causes, view: View, made: int) -> int:
    """Return the position of the event that wrote what the one at *made* brought back, or *made* where it wrote it itself."""
    event = view.log.at(made)
    path = view.log.path_text(event.path or ROOT_ID)
    while (found := brought_back.source(view, causes.records, event, path)) is not None:
        view, event = found
    if event.position == made:
        return made
    found_there = view.lookup(path)
    return event.position if found_there is None else _content_made(view, found_there)


def _erased(causes: Causes, view: View, entry: Entry | None) -> Cause | None:
    position = view.content.erased(entry.content) if entry is not None and entry.content else None
    return None if position is None else causes.of(position)


def _attributes_given(causes: Causes, view: View, entry: Entry, made: int, written: int) -> tuple[int | None, int | None]:
    """Return the positions of the event that gave the attributes, and of what brought them back.

    The first is None where they are those of the write at *written*, the second where they never were away.
    """
    latest = _attributes_changed(view, entry)
    event, back = view.log.at(latest or made), None
    path = view.log.path_text(event.path or ROOT_ID)
    while (found := brought_back.attributes_source(view, causes.records, event, path)) is not None:
        back = latest or made
        view, event = found
        path = view.log.path_text(event.path or ROOT_ID)
    if back is None or event.kind == Kind.ATTRIBUTES_CHANGED:
        return latest if back is None else event.position, back
    found_there = view.lookup(path)
    given = event.position if found_there is None else _content_made(view, found_there)
    return (None, None) if latest is None and given == written else (given, back)


def _attributes_changed(view: View, entry: Entry) -> int | None:
    """Return the position of the latest change of the node's attributes, by whichever name."""
    changes = attribute_changes(view.log, entry.node)
    return next((change.position for change in changes if view.order(change.stream, change.version) is not None), None)


def _of_absent(causes: Causes, view: View, path: bytes) -> Blame:
    removal = next(touches(view, path), None)
    if removal is None:
        raise NotFoundError(f"no such path: /{shown(path)}, and no event was ever about it; `layerlog ls` shows what is there")
    last = view.before(removal.order).lookup(path)
    return Blame(path, None, None, None, None, causes.of(removal.event.position), last, _erased(causes, view, last))


class Line(NamedTuple):
    """`position` is the event that wrote the line, `path` what the file was called then; `text` has no line end.  `returned` is
    the undo, redo or restore that last brought it back, where it was away.
    """

    position: int
    path: bytes
    text: bytes
    returned: int | None = None


def blame_lines(view: View, path: bytes) -> list[Line]:
    """Return the lines of the text file at *path*; raise NotFoundError or ConflictError where it is none.

    O(versions of the file) comparisons, fewer where all lines are found sooner; memory holds two versions.
    """
    entry = view.get(path)
    if not entry.is_file:
        raise ConflictError(f"/{shown(path)} is no regular file, so it has no lines; blame it without --lines")
    if entry.size > MAX_TEXT:
        raise ConflictError(f"/{shown(path)} has {entry.size} bytes; --lines takes files of up to {MAX_TEXT}, blame it without")
    text = _text(view.content, entry.content, entry.size)
    if text is None:
        raise ConflictError(f"/{shown(path)} is binary, so it has no lines; `layerlog blame` without --lines says who wrote it")
    found, returned = _origins(view, path, text)
    return [Line(found[n].event.position, found[n].path, line, returned.get(n)) for n, line in enumerate(text)]


def _origins(view: View, path: bytes, text: list[bytes]) -> tuple[dict[int, Touch], dict[int, int]]:
    """Return, for each line of the latest version, the touch that wrote it, and what brought it back (a position) where it was
    away.
    """
    found: dict[int, Touch] = {}
    returned: dict[int, int] = {}
    newer, alive, records = text, {index: index for index in range(len(text))}, Records(view.log)
    history = versions(view, path)
    latest = next(history)
    while alive:
        touch = next(history, None)
        older = _lines_or_none(view, touch.event) if touch is not None else None
        kept = _kept(older, newer, alive) if older is not None else {}
        back = brought_back.source(view, records, latest.event, latest.path)
        if back is not None:
            for line in set(alive.values()).difference(kept.values()):
                returned.setdefault(line, latest.event.position)
            history = versions(back[0], latest.path)
            latest = next(history)
            continue
        if touch is None or older is None:
            break
        found.update((line, latest) for line in set(alive.values()).difference(kept.values()))
        newer, alive, latest = older, kept, touch
    found.update((line, latest) for line in alive.values())
    return found, returned


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
