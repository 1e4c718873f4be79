"""What each kind of event states in its `detail`, as one typed value a kind; shapes of older schemas are lifted here.

Every value is read by `of`.  Its fields are the keys of FORMAT.md ("Events"), or its `stated` makes those of them.  The bases
are matched and so NamedTuples; the others are plain classes, as every command that reads a tree imports them all, and one
NamedTuple costs as much as ten of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind


class ImageBase(NamedTuple):
    """An image taken from elsewhere, by its config digest (hex), or its lowest `layers` alone (None: all)."""

    image: str
    layers: int | None = None


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
    """Return the image taken from elsewhere that *base* is, or is the lowest layers of, None where it is none."""
    return base.image if isinstance(base, ImageBase) else None


def platform_of(base: Base) -> str | None:
    """Return what a base that is no image is recorded to run on."""
    return base.platform if isinstance(base, FolderBase | EmptyBase) else None


def base_stated(base: Base) -> dict[str, Any] | None:
    return None if base is None else {key: value for key, value in base._asdict().items() if value is not None}


def base_in(created: Event) -> Base:
    """Return what a container was made from, by its ContainerCreated."""
    match created.stated.get("base"):
        case {"image": image, "layers": int(layers)}:
            return ImageBase(image, layers)
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


class ConfigChange:
    """ConfigChanged: the `instructions` as they were given, and which fields of the run config (by OCI's names) they left how:
    those of `set` have these values from then on, those of `unset` none.

    `set` is None where schema 1 wrote the event: then the instructions alone say it, as its parser reads them.
    """

    def __init__(self, instructions: tuple[str, ...], changed: dict[str, Any] | None, unset: tuple[str, ...] = ()) -> None:
        self.instructions, self.set, self.unset = instructions, changed, unset

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


History = tuple[int, Sequence[tuple[str, str]]]


class Seal:
    """Committed: the events `first`.. (`events` of them) are a layer; `encoder` says how it is encoded (schema 1 said nothing,
    and means the first).  `guards` says what was to be refused and was let through, None where nothing was.

    Of a step of a build `created_by` is what its image's history says of it, and `created` (ns) when, where that is not the
    time of the event.  `history` tells of the build anew where the commits below are not just its steps: how many of the steps
    since the base image stay, and for each one after those its commit ("": it changed no file) and what is said of it.
    Of a commit that an erasure made anew, `made_of` is the one (hex) that it tells again without what was erased.
    """

    def __init__(
        self, first: int, events: int, parent: str | None, author: str | None, message: str | None, encoder: int,
        guards: dict[str, Any] | None = None, *, created: int | None = None, created_by: str | None = None,
        history: History | None = None, made_of: str | None = None,
    ) -> None:  # fmt: skip
        self.first, self.events, self.parent = first, events, parent
        self.author, self.message, self.encoder, self.guards = author, message, encoder, guards
        self.created, self.created_by, self.history, self.made_of = created, created_by, history, made_of

    @property
    def is_step(self) -> bool:
        """Whether a build made it."""
        return self.created_by is not None or self.history is not None

    @classmethod
    def of(cls, event: Event) -> "Seal":
        said = event.stated
        return cls(
            said["from"], said["events"], said["parent"], said["author"], said["message"], said.get("encoder", 1),
            said.get("guards"), created=said.get("created"), created_by=said.get("created_by"),
            history=said.get("history"), made_of=said.get("made_of"),
        )  # fmt: skip

    @property
    def stated(self) -> dict[str, Any]:
        optional = ("guards", "created", "created_by", "history", "made_of")
        said = vars(self).copy()
        first = said.pop("first")
        return {"from": first, **{key: value for key, value in said.items() if key not in optional or value is not None}}


def tar_size(imported: Event) -> int:
    """Return the bytes of the tar that a layer was imported from (LayerImported), 0 where that was a folder."""
    return int(imported.stated.get("size", 0))


class Arrival:
    """ImageLoaded and ImagePulled: all digests hex; `layers` lowest first, and `blobs` the descriptors that they came in."""

    def __init__(
        self, config: str, layers: list[str], blobs: list[dict[str, Any]], names: list[str], source: str, manifest_type: str,
        index: str | None, documents: list[str],
    ) -> None:  # fmt: skip
        self.config, self.layers, self.blobs, self.names = config, layers, blobs, names
        self.source, self.manifest_type, self.index, self.documents = source, manifest_type, index, documents

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


class Departure:
    """ImageSaved and ImagePushed: where to, under which names, with which config (hex), and encoded how.

    `layers` (diff_ids, hex) and `blobs` are as in an `Arrival`, where it was pushed; `compression` is what made those of them
    that were made here. `point` is CONTAINER@VERSION of what is no commit; `without` are layers whose blobs did not go along;
    `referrers` are the manifests (hex) about the image that did.
    """

    def __init__(
        self, config: str, encoder: int, names: list[str], destination: str, *, layers: Sequence[str] = (),
        blobs: Sequence[dict[str, Any]] = (), compression: str = "", point: str = "", without: Sequence[str] = (),
        referrers: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.config, self.encoder, self.names, self.destination = config, encoder, names, destination
        self.layers, self.blobs, self.compression, self.point, self.without = layers, blobs, compression, point, without
        self.referrers = referrers

    @classmethod
    def of(cls, event: Event) -> "Departure":
        said = event.stated
        return cls(
            said.get("config", ""), said.get("encoder", 0), said.get("names", []), said.get("destination", ""),
            layers=said.get("layers", ()), blobs=said.get("blobs", ()), compression=said.get("compression", ""),
            point=said.get("point", ""), without=said.get("without", ()), referrers=said.get("referrers", ()),
        )  # fmt: skip

    @property
    def stated(self) -> dict[str, Any]:
        optional = ("layers", "blobs", "compression", "point", "without", "referrers")
        return {key: value for key, value in vars(self).items() if value or key not in optional}


class Serving(NamedTuple):
    """ImageServed: the manifest that `user` at `address` was given by the program `agent`, for what was `asked`.

    `config`, `encoder`, `point` and `compression` are as in a `Departure`; `user` is "" where none had to be said.
    """

    config: str
    encoder: int
    asked: str
    address: str
    user: str = ""
    agent: str = ""
    compression: str = ""
    point: str = ""

    @classmethod
    def of(cls, event: Event) -> "Serving":
        said = event.stated
        return cls(
            said.get("config", ""), said.get("encoder", 0), said.get("asked", ""), said.get("address", ""),
            said.get("user", ""), said.get("agent", ""), said.get("compression", ""), said.get("point", ""),
        )  # fmt: skip

    @property
    def stated(self) -> dict[str, Any]:
        return {key: value for key, value in self._asdict().items() if value}


class Referrer(NamedTuple):
    """ReferrerKept: what is about the manifest `subject` (hex), of which type, from where; `blobs` are its descriptors, each
    once.
    """

    subject: str
    artifact_type: str
    blobs: list[dict[str, Any]]
    source: str

    @classmethod
    def of(cls, event: Event) -> "Referrer":
        said = event.stated
        return cls(said.get("subject", ""), said.get("artifact_type", ""), said.get("blobs", []), said.get("source", ""))


def travelled(event: Event) -> tuple[list[str], str]:
    """Return the names under which an image came or went, and where from or to; nothing for events of other kinds."""
    if event.kind in ARRIVALS:
        arrival = Arrival.of(event)
        return arrival.names, arrival.source
    if event.kind == Kind.IMAGE_SERVED:
        serving = Serving.of(event)
        return [serving.asked], "@".join(filter(None, (serving.user, serving.address)))
    if event.kind in DEPARTURES:
        departure = Departure.of(event)
        return departure.names, departure.destination
    return [], ""


class TagMove:
    """TagMoved and TagDeleted: from the image `old` (None: from nothing) to `image` (None: to nothing)."""

    def __init__(self, image: str | None, old: str | None) -> None:
        self.image, self.old = image, old

    @classmethod
    def of(cls, event: Event) -> "TagMove":
        stated = event.stated
        return cls(stated.get("image"), stated["old"])

    @property
    def stated(self) -> dict[str, Any]:
        return vars(self) if self.image else {"old": self.old}


class Signature:
    """CommitSigned: `signature` is armoured, `signer` the fingerprint of the key."""

    def __init__(self, commit: str, signature: str, signer: str) -> None:
        self.commit, self.signature, self.signer = commit, signature, signer

    @classmethod
    def of(cls, event: Event) -> "Signature":
        return cls(**event.stated)


def reason_of(event: Event) -> str | None:
    """Return why, as ContentErased, ContentReadmitted and OriginalsDropped state it; None for other events."""
    reason: str | None = event.stated.get("reason")
    return reason
