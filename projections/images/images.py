"""Images: those taken from elsewhere and those that commits made, their names, sizes and configs."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ConflictError
from eventstore.index import provenance
from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind
from eventstore.model.facts import (
    Arrival,
    Base,
    ConfigChange,
    Departure,
    ImageBase,
    image_of,
)
from projections.refs.targets import Target
from projections.tree import lineage


class Image(NamedTuple):
    """An image as it is now, or what one would be that a point of a container, or some layers of an image, are.

    `id` is 64 hex digits, "" of such a point; `seal` is the Committed event of one born here, of a point the event that it
    ends with; `position` is when it first came into the store; `cut` are the lowest layers of an image taken from
    elsewhere, of which alone it is.
    """

    id: str
    seal: Event | None
    position: int
    removed: bool
    cut: ImageBase | None = None

    @property
    def came(self) -> bool:
        """Whether it was taken from elsewhere as it is."""
        return self.seal is None and self.cut is None


def get(log: Log, image: str) -> Image:
    """Return an image by its whole id; raise DamagedError where it is none."""
    seal = log.seal(image)
    position = seal.position if seal else lineage.arrival(log, image).position
    return Image(image, seal, position, _removed(log, image))


def at(log: Log, container: str, version: int) -> Image:
    """Return what a container was at a version, as an image: the commit's that sealed it there, else one without an id."""
    event = log.event(log.existing("container", container).id, version)
    return get(log, event.commit) if event.kind == Kind.COMMITTED else Image("", event, event.position, removed=False)


def of_cut(log: Log, cut: ImageBase) -> Image:
    """Return the lowest layers of an image taken from elsewhere, as an image without an id."""
    return get(log, cut.image)._replace(id="", cut=cut)


def of_target(log: Log, target: Target) -> Image:
    """Return what *target* is, as an image: one that is here, or what a point would be as one."""
    if target.cut is not None:
        return of_cut(log, target.cut)
    if target.image is None and target.container is not None:
        return at(log, target.container, target.version)
    return get(log, target.image or "")


def point_of(log: Log, image: Image) -> str:
    """Return CONTAINER@VERSION, or IMAGE~N (whole ids), of what is no image but a point, "" of an image."""
    if image.cut is not None:
        return f"{image.cut.image}~{len(lineage.layers_of(log, image.cut.image)) - (image.cut.layers or 0)}"
    if image.id or image.seal is None:
        return ""
    return f"{log.stream_of(image.seal.stream).name}@{image.seal.version}"


def of_point(log: Log, point: str) -> Image:
    """Return what `point_of` spelled."""
    container, _, version = point.partition("@")
    if version:
        return at(log, container, int(version))
    image, _, steps = point.partition("~")
    return of_cut(log, ImageBase(image, len(lineage.layers_of(log, image)) - int(steps)))


def all_images(log: Log) -> Iterator[Image]:
    """Yield every image there ever was, newest first: O(images)."""
    return newest_first(log, [*arrived(log), *map(of_seal, log.of_kind(Kind.COMMITTED))])


def of_seal(seal: Event) -> Image:
    """Return the image that a commit made, as it was then."""
    return Image(seal.commit, seal, seal.position, removed=False)


def newest_first(log: Log, images: Iterable[Image]) -> Iterator[Image]:
    """Yield *images* as they came into the store, and whether they are removed now."""
    gone = removed(log)
    return (image._replace(removed=image.id in gone) for image in sorted(images, key=lambda image: -image.position))


def arrived(log: Log) -> Iterator[Image]:
    """Yield the images taken from elsewhere, removed ones too."""
    return (Image(name, None, position, removed=False) for name, position in provenance.arrived(log))


def removed(log: Log) -> set[str]:
    """Return the images that are removed now: O(removals)."""
    return {name for name in provenance.ever_removed(log) if _removed(log, name)}


def _removed(log: Log, image: str) -> bool:
    stream = log.stream("image", image)
    if stream is None:
        return False
    latest = (log.latest(kind, stream.id) for kind in (Kind.IMAGE_REMOVED, Kind.IMAGE_RESTORED, *ARRIVALS))
    last = max(filter(None, latest), key=lambda event: event.version, default=None)
    return last is not None and last.kind == Kind.IMAGE_REMOVED


def require_there(log: Log, image: str) -> Image:
    """As `get`, but raise ConflictError for an image that was removed."""
    found = get(log, image)
    if found.removed:
        raise ConflictError(f"image {image[:12]} was removed; `layerlog undelete {image[:12]}` brings it back")
    return found


def imported_layer(log: Log, diff_id: str) -> Event:
    """Return the event that ends a layer which came as a tar; its `content` is the framing."""
    return next(log.of_kind(Kind.LAYER_IMPORTED, log.existing("layer", diff_id).id))


def original_config(log: Log, content: Content, image: str) -> bytes:
    """Return the config of an image taken from elsewhere, byte for byte."""
    return content.read_all(bytes.fromhex(Arrival.of(lineage.arrival(log, image)).config))


def base_image(log: Log, image: Image) -> str | None:
    """Return the image taken from elsewhere whose layers *image* begins with, None where that is scratch or a folder."""
    return image_of(bottom(log, image))


def bottom(log: Log, image: Image) -> Base:
    """Return what lies at the bottom of *image*, below all containers."""
    if image.seal is None:
        return image.cut or ImageBase(image.id)
    return lineage.base_of(log, containers_under(log, image)[-1][0])


def containers_under(log: Log, image: Image) -> list[tuple[int, int]]:
    """As `lineage.containers_under`, for an image born here; [] for one taken from elsewhere."""
    return [] if image.seal is None else lineage.containers_under(log, image.seal.stream, image.seal.version)


def config_changes_under(log: Log, chain: Iterable[tuple[int, int]]) -> Iterator[ConfigChange]:
    """Yield what changed the config of *chain*, (stream, version) of containers lowest first."""
    return (change for stream, version in chain for change in config_changes(log, stream, 1, version))


def config_changes(log: Log, stream: int, first: int, last: int) -> Iterator[ConfigChange]:
    """Yield what the events first..last of a container changed of its config."""
    return (ConfigChange.of(e) for e in log.of_kind(Kind.CONFIG_CHANGED, stream) if first <= e.version <= last)


def instructions(log: Log, stream: int, first: int, last: int) -> list[str]:
    """Return the instructions by which the events first..last of a container changed its config."""
    return [instruction for change in config_changes(log, stream, first, last) for instruction in change.instructions]


def born_as(log: Log, config: str) -> str | None:
    """Return the commit that went out with this config digest (hex) and so is the image that comes back, or None."""
    for kind in DEPARTURES:
        for event in log.of_kind(kind):
            image = log.stream_of(event.stream).name
            if Departure.of(event).config == config and image != config:
                return image
    return None


def layer_blobs(log: Log) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (diff_id, the blob's descriptor) of every form in which a layer ever came in: O(images)."""
    for kind in ARRIVALS:
        for event in log.of_kind(kind):
            arrival = Arrival.of(event)
            yield from zip(arrival.layers, arrival.blobs, strict=False)
