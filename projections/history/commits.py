"""Commits: what a seal says, who sealed it, where it went; those that a view stands on, and the one over an event of it."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ErasedError
from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import FolderBase, ImageBase, Seal, Signature, base_in, travelled
from eventstore.model.times import clamped, stated_time
from projections.events.records import Record, Records
from projections.images import images
from projections.oci.config import History, history, parse_config
from projections.refs.targets import Target, bottom, containers_under
from projections.tree import lineage

RETOLD = "The steps of this build, told anew: some were reused from builds with another config."
"""Stands for the message of a commit that seals nothing but what the image's history says."""


class Commit(NamedTuple):
    """A seal over the events first..last of a container's stream; `author` is the claimed one, `id` 64 hex digits."""

    id: str
    container: str
    first: int
    last: int
    parent: str | None
    author: str | None
    message: str
    record: Record

    @property
    def time(self) -> int:
        return self.record.time

    @property
    def position(self) -> int:
        return self.record.event.position

    @property
    def guards(self) -> dict[str, Any] | None:
        """What was to be refused and what was let through, None where no guard stood."""
        return Seal.of(self.record.event).guards


class ImageLayer(NamedTuple):
    """A layer that came with an image taken from elsewhere: the `number`th of `total` from below.

    `built` is the image's own word, as `author`, who is said to have made it ("": nobody): where the layer's step names
    nobody, whom the image as a whole names.  `arrival` is the event that first brought the image in.
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



class Signed(NamedTuple):
    """A signature over a commit by the key of that fingerprint; whether it holds `verify` says."""

    signer: str
    record: Record


class Sent(NamedTuple):
    """An image on its way out: `how` is save, push or serve."""

    how: str
    where: str
    record: Record


def of_seal(records: Records, seal: Event) -> Commit:
    return _of_record(records.of(seal))


def of_seals(records: Records, found: Iterable[Event]) -> Iterator[Commit]:
    return map(_of_record, records.each(found))


def _of_record(record: Record) -> Commit:
    event, seal = record.event, Seal.of(record.event)
    message = seal.message or seal.created_by or ("" if seal.history is None else RETOLD)
    return Commit(event.commit, record.name, seal.first, event.version, seal.parent, seal.author, message, record)


def over(records: Records, positions: Iterable[int]) -> dict[int, Commit]:
    """Return the commits that close over the events at *positions*, by those; what is not sealed is left out."""
    closing = seals.over_each(records.log, positions)
    found = {commit.position: commit for commit in of_seals(records, set(closing.values()))}
    return {position: found[seal.position] for position, seal in closing.items()}


def signatures(records: Records, ids: Iterable[str]) -> dict[str, list[Signed]]:
    """Return the signatures of those of the commits *ids* that have any, the oldest first: no look-up where there are none."""
    if next(records.log.of_kind(Kind.COMMIT_SIGNED), None) is None:
        return {}
    found: dict[str, list[Signed]] = {}
    for record in records.each(seals.signatures_of(records.log, ids)):
        stated = Signature.of(record.event)
        found.setdefault(stated.commit, []).append(Signed(stated.signer, record))
    return found


# -- what a view stands on


def commits_under(log: Log, target: Target) -> Iterator[Commit]:
    """Yield the commits that the target's view stands on, newest first."""
    records = Records(log)
    for stream, version in containers_under(log, target):
        yield from of_seals(records, seals.down(log, stream, version))


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
    arrival = records.of(lineage.arrival(records.log, image))
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
    """Yield the layers of every image taken from elsewhere, removed ones too, what came last first; streaming."""
    records = Records(log)
    for image in sorted(images.arrived(log), key=lambda image: -image.position):
        yield from image_layers(records, content, image.id)


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


# -- what became of an image


def sent(log: Log, image: str) -> Iterator[Sent]:
    """Yield where the image went: saves, then pushes, each oldest first."""
    stream = log.stream("image", image)
    records = Records(log)
    for kind, how in ((Kind.IMAGE_SAVED, "save"), (Kind.IMAGE_PUSHED, "push"), (Kind.IMAGE_SERVED, "serve")):
        for event in log.of_kind(kind, stream.id) if stream else ():
            yield Sent(how, travelled(event)[1], records.of(event))
