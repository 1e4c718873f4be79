"""What was removed and can be brought back: containers, images and tags, by an old name or an id."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from eventstore.commands import tag_target
from eventstore.errors import AmbiguousError, InvalidError, NotFoundError
from eventstore.events import Kind
from eventstore.log import Log
from eventstore.paths import shown
from projections import containers, images
from projections.names import image_name, local

_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{2,64})")


class Removed(NamedTuple):
    """Something that is gone: `kind` is container, image or tag, `id` a container's or image's id or a tag's full name.

    `image` is what a tag named last; `tags` are the names that an image lost when it went, and that nobody has now.
    """

    kind: str
    id: str
    name: str
    image: str | None = None
    tags: tuple[str, ...] = ()


def find_removed(log: Log, text: str) -> Removed:
    """Return what *text* named before it was removed; a container's name means the last one that bore it.

    Raise NotFoundError or AmbiguousError.
    """
    found = list(_by_name(log, text)) or list(_by_id(log, text))
    if not found:
        raise NotFoundError(
            f"nothing that was removed is called {shown(text)}; `layerlog ps -a` and `layerlog events` list what was"
        )
    if len(found) > 1:
        listed = ", ".join(f"{removed.kind} {removed.id[:12]}" for removed in found[:4])
        raise AmbiguousError(f"{shown(text)} means {len(found)} removed things ({listed}); give an id, or name a tag in full")
    return found[0]


def _by_name(log: Log, text: str) -> Iterator[Removed]:
    bearers = log.db.execute(
        "SELECT DISTINCT s.name FROM event e JOIN stream s ON s.id = e.stream "
        "WHERE json_extract(e.detail, '$.name') = ? AND e.kind IN (20, 21) AND e.path IS NULL ORDER BY s.id DESC",
        (text,),
    ).fetchall()
    gone = (container for (container,) in bearers if containers.get(log, container).removed)
    newest = next(gone, None)
    if newest is not None:
        yield Removed("container", newest, text)
    tag = _deleted_tag(log, text)
    if tag is not None:
        yield tag


def _deleted_tag(log: Log, text: str) -> Removed | None:
    try:
        name = image_name(text)
    except InvalidError:
        return None
    for full in map(str, (name, local(name))):
        stream = log.stream("tag", full)
        if stream is not None and tag_target(log, full) is None:
            last = next(log.events(stream.id, stream.version))
            return Removed("tag", full, text, json.loads(last.detail or "{}")["old"])
    return None


def _by_id(log: Log, text: str) -> Iterator[Removed]:
    match = _HEX.fullmatch(text)
    rows = log.db.execute(
        "SELECT kind, name FROM stream WHERE kind IN ('container', 'image') AND name >= ? AND name < ? LIMIT 50",
        (match[1], match[1] + "g") if match else ("", ""),
    )
    for kind, name in rows.fetchall():
        if kind == "container" and containers.get(log, name).removed:
            yield Removed("container", name, containers.get(log, name).name)
        elif kind == "image" and images.get(log, name).removed:
            yield Removed("image", name, name[:12], tags=tuple(_tags_lost(log, name)))


def _tags_lost(log: Log, image: str) -> Iterator[str]:
    """Yield the tags that were taken from *image* in the changeset that removed it and that name nothing now."""
    stream = log.stream("image", image)
    assert stream is not None
    removal = max(log.of_kind(Kind.IMAGE_REMOVED, stream.id), key=lambda event: event.version)
    changeset, _ = log.changeset_of(removal.position)
    for event in log.everything(changeset.first, changeset.first + changeset.events - 1):
        if event.kind == Kind.TAG_DELETED and json.loads(event.detail or "{}")["old"] == image:
            name = log.stream_of(event.stream).name
            if tag_target(log, name) is None:
                yield name
