"""Origins: what brought an event into a view - a commit, or a layer of an image taken from elsewhere, made by whom it says."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ErasedError
from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import FolderBase, ImageBase, base_in
from eventstore.model.times import clamped, stated_time
from projections.events.records import Record, Records
from projections.history.commits import Commit, of_seal
from projections.history.derivation import first_arrived
from projections.images import images
from projections.oci.config import History, history, parse_config
from projections.refs.targets import Target, bottom, containers_under
from projections.tree import lineage


class ImageLayer(NamedTuple):
    """A layer that came with an image taken from elsewhere: the `number`th of `total` from below.

    `built` is the image's own word, as `author`, who is said to have made it ("": nobody): where the layer's step names
    nobody, whom the image as a whole names.  `arrival` is the event that first brought the image in, or, where that was made
    anew, the one that it was made of.
    """

    image: str
    number: int
    total: int
    diff_id: str
    built: History
    author: str
    arrival: Record

    @property
    def time(self) -> int:
        """When the image says that it was made, ns, cut to 64 bits; when it came in, where it says no time or a later one."""
        stated = stated_time(self.built.created)
        return self.arrival.time if stated is None else min(clamped(stated), self.arrival.time)


def image_layers_under(log: Log, content: Content, target: Target) -> list[ImageLayer]:
    """Return the imported layers that the target's view stands on, the uppermost first, as the build history tells them."""
    base = bottom(log, target)
    if not isinstance(base, ImageBase):
        return []
    found = image_layers(Records(log), content, base.image)
    return found if base.layers is None else found[-base.layers :]


def image_layers(records: Records, content: Content, image: str) -> list[ImageLayer]:
    """Return the layers of an image taken from elsewhere, the uppermost first; of one whose config was erased, without its
    word.
    """
    author, built = _built(records.log, content, image)
    arrival = records.of(lineage.arrival(records.log, first_arrived(records.log, image)))
    layers = lineage.layers_of(records.log, image)
    built += [History()] * (len(layers) - len(built))
    return [
        ImageLayer(image, number, len(layers), diff_id, step, step.author or author, arrival)
        for number, (diff_id, step) in enumerate(zip(layers, built, strict=False), 1)
    ][::-1]


def maker_of(log: Log, content: Content, layer: str) -> ImageLayer | Commit | None:
    """Return a layer (its whole id) as one of the image that first brought it, or the commit that made it of a folder; None
    where neither did: O(images), for a folder's O(containers).
    """
    bringing = [image for image in images.arrived(log) if layer in lineage.layers_of(log, image.id)]
    if bringing:
        first = min(bringing, key=lambda image: image.position)
        return next(one for one in image_layers(Records(log), content, first.id) if one.diff_id == layer)
    for event in log.of_kind(Kind.CONTAINER_CREATED):
        base = base_in(event)
        if isinstance(base, FolderBase) and base.layer == layer and (seal := seals.over(log, event.stream, 1)) is not None:
            return of_seal(Records(log), seal)
    return None


def image_layers_everywhere(log: Log, content: Content) -> Iterator[ImageLayer]:
    """Yield the layers of every image taken from elsewhere, removed ones too, what came last first; streaming.

    Where an image was made anew, once, as the latest of them has them.
    """
    records, latest = Records(log), dict[str, str]()
    for image in sorted(images.arrived(log), key=lambda image: -image.position):
        first = first_arrived(log, image.id)
        if first == image.id:
            yield from image_layers(records, content, latest.pop(first, first))
        else:
            latest.setdefault(first, image.id)


def _built(log: Log, content: Content, image: str) -> tuple[str, list[History]]:
    """Return who an image says is its author, and the steps that made its layers, the lowest first."""
    try:
        config = parse_config(images.original_config(log, content, image), "config")
    except ErasedError:
        return "", []
    return str(config.get("author") or ""), [step for step in history(config) if not step.empty_layer]


class Origins:
    """Answers for the events of one target's view; what they share is looked up once."""

    def __init__(self, log: Log, content: Content, target: Target) -> None:
        self.log = log
        self.records = Records(log)
        self.content = content
        self.target = target

    def commit(self, record: Record) -> Commit | None:
        """Return the commit over a container's event, or over the folder that an import made a layer of; else None."""
        if record.kind == "container":
            seal = seals.over(self.log, record.event.stream, record.event.version)
        elif self._folder is not None and self._folder[0] == record.name:
            seal = seals.over(self.log, self._folder[1], 1)
        else:
            return None
        return None if seal is None else of_seal(self.records, seal)

    def layer(self, record: Record) -> ImageLayer | None:
        """Return the layer of an image taken from elsewhere that brought an event, None where none did."""
        return self._layers.get(record.name) if record.kind == "layer" else None

    @cached_property
    def _layers(self) -> dict[str, ImageLayer]:
        return {layer.diff_id: layer for layer in image_layers_under(self.log, self.content, self.target)}

    @cached_property
    def _folder(self) -> tuple[str, int] | None:
        """The folder's layer at the bottom of the view, and the stream of the container that its commit sealed."""
        under = containers_under(self.log, self.target)
        base = lineage.base_of(self.log, under[-1][0]) if under else None
        return (base.layer, under[-1][0]) if isinstance(base, FolderBase) else None
