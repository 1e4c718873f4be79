"""Blame: the events that made a path what it is, and behind each the chain of why."""

from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import NotFoundError
from eventstore.index.nodes import attribute_changes
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.entries import Entry
from eventstore.model.paths import shown
from projections.events.path_events import MAKING, NAMING, touches
from projections.events.records import Record
from projections.history.commits import Commit, ImageLayer
from projections.history.origins import Origins
from projections.refs import containers, tags
from projections.refs.references import Target
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
    time later; each None where there is no such event.  Of a path that is not there `removed` took it away, and `entry`
    before that was `last`.  `erased` is the event that erased its content, or its last one.
    """

    path: bytes
    entry: Entry | None
    content: Cause | None
    name: Cause | None
    attributes: Cause | None
    removed: Cause | None
    last: Entry | None
    erased: Cause | None


class Causes:
    """Answers why an event of a target's view is, with one look-up for what its events share."""

    def __init__(self, log: Log, content: Content, target: Target) -> None:
        self._origins = Origins(log, content, target)

    def of(self, position: int) -> Cause:
        log, record = self._origins.log, self._origins.records.at(position)
        commit, layer = self._origins.commit(record), self._origins.layer(record)
        container = containers.get(log, record.name).name if record.kind == "container" else None
        image = commit.id if commit else layer.image if layer else None
        return Cause(record, container, commit, tags.now(log, image) if image else [], layer)


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
    named = (touch.event.position for touch in touches(view, path) if touch.event.kind in NAMING)
    name = next(named, made)
    attributes = _attributes_changed(view, entry)
    return Blame(
        path, entry, causes.of(made), causes.of(name) if name != made else None,
        causes.of(attributes) if attributes else None, None, None, _erased(causes, view, entry),
    )  # fmt: skip


def _content_made(view: View, entry: Entry) -> int:
    """Return the position of the event that brought what *entry* is: of layers that say the same, the lowest one's."""
    node = view.log.at(entry.node)
    if not view.is_layer(node.stream):
        return entry.node
    brought = (
        touch.event.position
        for touch in touches(view, entry.path, follow=True)
        if touch.event.kind in MAKING and touch.path == view.log.path_text(touch.event.path or ROOT_ID)
    )
    return next(brought, entry.node)


def _erased(causes: Causes, view: View, entry: Entry | None) -> Cause | None:
    position = view.content.erased(entry.content) if entry is not None and entry.content else None
    return None if position is None else causes.of(position)


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
