"""What `rmi` may take away, by Docker's rules, and what was removed and can be brought back, by an old name or an id."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.errors import AmbiguousError, ConflictError, NotFoundError
from eventstore.index.names import bearers, is_removed, tag_target
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import TagMove
from eventstore.model.paths import shown
from projections.images import image_list, images
from projections.refs import containers, suggestions, tags
from projections.refs.references import id_prefix


class Removal(NamedTuple):
    """The full names to take from an image, and whether it goes with them."""

    image: str
    names: list[str]
    whole: bool


def plan(log: Log, image: str, name: str | None, *, force: bool) -> Removal:
    """Return what removing *image* means: by *name*, one of its full names, or by its id (None).

    A name of several only goes; the last one takes the image along unless others were made from it.  Raise
    ConflictError where a container stands on the image, or an id has several names, unless *force*; and where images
    were made from what is removed by id.
    """
    found, names = images.require_there(log, image), tags.now(log, image)
    if name is not None and len(names) > 1:
        return Removal(image, [name], whole=False)
    if name is None and len(names) > 1 and not force:
        listed = ", ".join(tags.shown_names(names))
        raise ConflictError(f"image {image[:12]} has {len(names)} names ({listed}); remove them by name, or all with -f")
    for user in image_list.users(log, found) if not force else ():
        used = shown(containers.get(log, user).name)
        raise ConflictError(
            f"image {image[:12]} is what container {used} stands on; remove that one first (`layerlog rm {used}`), or use -f"
        )
    made = image_list.children(log, found)
    if made and name is None:
        raise ConflictError(f"image {image[:12]} is what {made[0][:12]} was made from; remove that one first")
    return Removal(image, names, whole=not made)


# -- and back again


class Removed(NamedTuple):
    """Something that is gone: `kind` is container, image or tag, `id` a container's or image's id or a tag's full name.

    `image` is what a tag named last; `tags` are the names that an image lost when it went, and that nobody has now.
    """

    kind: str
    id: str
    name: str
    image: str | None = None
    tags: tuple[str, ...] = ()

    def shown(self, digits: int = 64) -> str:
        """Return a tag as Docker shows it, else that many digits of the id."""
        return tags.shown_names([self.id])[0] if self.kind == "tag" else self.id[:digits]


def find_removed(log: Log, text: str) -> Removed:
    """Return what *text* named before it was removed; a container's name means the last one that bore it.

    Raise NotFoundError or AmbiguousError.
    """
    found = list(_by_name(log, text)) or list(_by_id(log, text))
    if not found:
        step = suggestions.removed_like(log, text) or "`layerlog ps -a` and `layerlog events` list what was"
        raise NotFoundError(f"nothing that was removed is called {shown(text)}; {step}")
    if len(found) > 1:
        listed = ", ".join(f"{removed.kind} {removed.shown(12)}" for removed in found[:4])
        raise AmbiguousError(f"{shown(text)} means {len(found)} removed things ({listed}); give an id, or name a tag in full")
    return found[0]


def all_removed(log: Log) -> Iterator[Removed]:
    """Yield everything that could be brought back: containers, the latest first, images, then tags that name nothing now."""
    for container in containers.all_containers(log):
        if container.removed:
            yield Removed("container", container.id, container.name)
    for image in sorted(images.removed(log)):
        yield Removed("image", image, image[:12], tags=tuple(_tags_lost(log, image)))
    last = {event.stream: event for event in log.of_kind(Kind.TAG_DELETED)}
    for stream, event in sorted(last.items()):
        if event.version == log.version(stream):
            name = log.stream_of(stream).name
            yield Removed("tag", name, name, TagMove.of(event).old)


def _by_name(log: Log, text: str) -> Iterator[Removed]:
    last = next((container for stream, container in bearers(log, text) if is_removed(log, stream)), None)
    if last is not None:
        yield Removed("container", last, text)
    for full in tags.spellings(text):
        stream = log.stream("tag", full)
        if stream is not None and tag_target(log, full) is None:
            yield Removed("tag", full, text, TagMove.of(log.event(stream.id, stream.version)).old)
            return


def _by_id(log: Log, text: str) -> Iterator[Removed]:
    prefix = id_prefix(text)
    if prefix is None:
        return
    for name in log.beginning("container", prefix):
        if (container := containers.get(log, name)).removed:
            yield Removed("container", name, container.name)
    for name in log.beginning("image", prefix):
        if images.get(log, name).removed:
            yield Removed("image", name, name[:12], tags=tuple(_tags_lost(log, name)))


def _tags_lost(log: Log, image: str) -> Iterator[str]:
    """Yield the tags that were taken from *image* in the changeset that removed it and that name nothing now."""
    removal = log.latest(Kind.IMAGE_REMOVED, log.existing("image", image).id)
    assert removal is not None
    changeset = log.changeset(removal.position)
    for event in log.everything(changeset.first, changeset.first + changeset.events - 1):
        if event.kind == Kind.TAG_DELETED and TagMove.of(event).old == image:
            name = log.stream_of(event.stream).name
            if tag_target(log, name) is None:
                yield name
