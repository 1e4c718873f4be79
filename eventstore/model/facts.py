"""What each kind of event states in its `detail`, as one typed value a kind; shapes of older schemas are lifted here.

Every value is read by `of` and written by its `stated`, whose keys are those of FORMAT.md ("Events").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from eventstore.model.events import ARRIVALS, DEPARTURES, Event


class ImageBase(NamedTuple):
    """An image taken from elsewhere, by its config digest (hex)."""

    image: str


class ContainerBase(NamedTuple):
    """Another container as it was after its event `version`."""

    container: str
    version: int


class FolderBase(NamedTuple):
    """The layer that a host folder became, and what it runs on."""

    layer: str
    platform: str | None


class EmptyBase(NamedTuple):
    """Nothing, for a platform."""

    platform: str


Base = ImageBase | ContainerBase | FolderBase | EmptyBase | None
"""What a container was made from; None is scratch."""


def image_of(base: Base) -> str | None:
    """Return the image taken from elsewhere that *base* is, None where it is none."""
    return base.image if isinstance(base, ImageBase) else None


def platform_of(base: Base) -> str | None:
    """Return what a base that is no image is recorded to run on."""
    return base.platform if isinstance(base, FolderBase | EmptyBase) else None


def base_stated(base: Base) -> dict[str, Any] | None:
    return None if base is None else {key: value for key, value in base._asdict().items() if value is not None}


def base_of(stated: dict[str, Any] | None) -> Base:
    match stated:
        case {"image": image}:
            return ImageBase(image)
        case {"container": container, "version": version}:
            return ContainerBase(container, version)
        case {"layer": str(layer), **more}:
            platform = more.get("platform")
            return FolderBase(layer, str(platform) if platform else None)
        case {"platform": platform}:
            return EmptyBase(platform)
    return None


class Creation(NamedTuple):
    """ContainerCreated."""

    name: str
    base: Base

    @classmethod
    def of(cls, event: Event) -> "Creation":
        stated = event.stated
        return cls(str(stated["name"]), base_of(stated.get("base")))

    @property
    def stated(self) -> dict[str, Any]:
        return {"name": self.name, "base": base_stated(self.base)}


class ConfigChange(NamedTuple):
    """ConfigChanged: the `instructions` as they were given, and which fields of the run config (by OCI's names) they left how:
    those of `set` have these values from then on, those of `unset` none.

    `set` is None where schema 1 wrote the event: then the instructions alone say it, as its parser reads them.
    """

    instructions: tuple[str, ...]
    set: dict[str, Any] | None
    unset: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: Event) -> "ConfigChange":
        stated = event.stated
        return cls(tuple(stated["instructions"]), stated.get("set"), tuple(stated.get("unset", ())))

    @property
    def stated(self) -> dict[str, Any]:
        return {"instructions": list(self.instructions), "set": self.set or {}, "unset": list(self.unset)}

    def texts(self) -> Iterator[str]:
        """Yield every text in what the change sets, names and values alike."""
        waiting: list[Any] = [self.set]
        while waiting:
            match waiting.pop():
                case str(text):
                    yield text
                case dict(fields):
                    waiting += [*fields.keys(), *fields.values()]
                case list(items):
                    waiting += items


class Seal(NamedTuple):
    """Committed: the events `first`.. (`events` of them) are a layer; `encoder` says how it is encoded (schema 1 said nothing,
    and means the first).
    """

    first: int
    events: int
    parent: str | None
    author: str | None
    message: str | None
    encoder: int

    @classmethod
    def of(cls, event: Event) -> "Seal":
        said = event.stated
        return cls(said["from"], said["events"], said["parent"], said["author"], said["message"], said.get("encoder", 1))

    @property
    def stated(self) -> dict[str, Any]:
        said = self._asdict()
        return {"from": said.pop("first"), **said}


class Framing(NamedTuple):
    """LayerImported: the `content` with which the layer's files make its very tar again, of `size` bytes; None and 0 where a
    folder was imported.
    """

    content: bytes | None
    size: int

    @classmethod
    def of(cls, event: Event) -> "Framing":
        return cls(event.content, event.stated.get("size", 0))


@dataclass(frozen=True)
class Arrival:
    """ImageLoaded and ImagePulled: all digests hex; `layers` lowest first, and `blobs` the descriptors that they came in."""

    config: str
    layers: list[str]
    blobs: list[dict[str, Any]]
    names: list[str]
    source: str
    manifest_type: str
    index: str | None
    documents: list[str]

    @classmethod
    def of(cls, event: Event) -> "Arrival":
        said = event.stated
        return cls(
            said.get("config", ""), said.get("layers", []), said.get("blobs", []), said.get("names", []),
            said.get("source", ""), said.get("manifest_type", ""), said.get("index"), said.get("documents", []),
        )  # fmt: skip

    @property
    def stated(self) -> dict[str, Any]:
        return vars(self)


class Departure(NamedTuple):
    """ImageSaved and ImagePushed: where to, under which names, with which config (hex), and encoded how.

    `layers` (diff_ids, hex) and `blobs` are as in an `Arrival`, where it was pushed; `compression` is what made those of them
    that were made here. `point` is CONTAINER@VERSION of what is no commit; `without` are the
    layers whose blobs did not go along.
    """

    config: str
    encoder: int
    names: list[str]
    destination: str
    layers: Sequence[str] = ()
    blobs: Sequence[dict[str, Any]] = ()
    compression: str = ""
    point: str = ""
    without: Sequence[str] = ()

    @classmethod
    def of(cls, event: Event) -> "Departure":
        said = event.stated
        return cls(
            said.get("config", ""), said.get("encoder", 0), said.get("names", []), said.get("destination", ""),
            said.get("layers", ()), said.get("blobs", ()), said.get("compression", ""), said.get("point", ""),
            said.get("without", ()),
        )  # fmt: skip

    @property
    def stated(self) -> dict[str, Any]:
        optional = ("layers", "blobs", "compression", "point", "without")
        return {key: value for key, value in self._asdict().items() if value or key not in optional}


def travelled(event: Event) -> tuple[list[str], str]:
    """Return the names under which an image came or went, and where from or to; nothing for events of other kinds."""
    if event.kind in ARRIVALS:
        arrival = Arrival.of(event)
        return arrival.names, arrival.source
    if event.kind in DEPARTURES:
        departure = Departure.of(event)
        return departure.names, departure.destination
    return [], ""


class TagMove(NamedTuple):
    """TagMoved and TagDeleted: from the image `old` (None: from nothing) to `image` (None: to nothing)."""

    image: str | None
    old: str | None

    @classmethod
    def of(cls, event: Event) -> "TagMove":
        stated = event.stated
        return cls(stated.get("image"), stated["old"])

    @property
    def stated(self) -> dict[str, Any]:
        return self._asdict() if self.image else {"old": self.old}


class Signature(NamedTuple):
    """CommitSigned: `signature` is armoured, `signer` the fingerprint of the key."""

    commit: str
    signature: str
    signer: str

    @classmethod
    def of(cls, event: Event) -> "Signature":
        return cls(**event.stated)

    @property
    def stated(self) -> dict[str, Any]:
        return self._asdict()


class Erasure(NamedTuple):
    """ContentErased, ContentReadmitted and OriginalsDropped: why."""

    reason: str | None

    @classmethod
    def of(cls, event: Event) -> "Erasure":
        return cls(event.stated.get("reason"))
