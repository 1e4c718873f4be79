"""OciImage: an image on its way between a store and an archive, a layout folder or a registry (OCI image-spec 1.1).

Bytes first, meaning second: config, manifest and index are the very bytes that the source gave, so that every digest
survives; what they say is computed by the functions here.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO, NamedTuple, Protocol

from eventstore.errors import InvalidError, MismatchError, NotFoundError
from eventstore.model.digests import check_digest, digest_of
from eventstore.model.paths import shown
from projections.oci import documents
from projections.oci.config import Platform, diff_ids, fit, parse_config, platform_of
from projections.oci.documents import MAX_CONFIG, MAX_DOCUMENT, Json

MAX_LAYERS = 1000
"""Docker stops at 127 layers and overlayfs at 500; more than this is an attack."""
MAX_NESTING = 3
MAX_NAME = 1024

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_INDEX)
CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)

_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar"
COMPRESSIONS = ("", "gzip", "zstd")
"""How a layer blob is stored; "" is a plain tar."""
LAYER_TYPES: Mapping[str, str] = {how: f"{_OCI_LAYER}+{how}" if how else _OCI_LAYER for how in COMPRESSIONS}
"""compression -> the OCI media type."""
_FOREIGN_TYPES = {how: f"{_OCI_FOREIGN}+{how}" if how else _OCI_FOREIGN for how in COMPRESSIONS}
_AS_OCI: dict[str, str] = {
    **{oci: oci for oci in (*LAYER_TYPES.values(), *_FOREIGN_TYPES.values())},
    **{f"{_DOCKER_LAYER}.{how}".rstrip("."): LAYER_TYPES[how] for how in COMPRESSIONS},
    **{f"{_DOCKER_FOREIGN}.{how}".rstrip("."): _FOREIGN_TYPES[how] for how in COMPRESSIONS},
}

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
_ATTESTATION = "vnd.docker.reference.type"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+/-]*")


class Descriptor(NamedTuple):
    """A blob by media type, digest ("sha256:" and 64 lower-case hex digits) and size in bytes."""

    media_type: str
    digest: str
    size: int

    @property
    def hex(self) -> str:
        return self.digest.removeprefix("sha256:")


@dataclass(frozen=True)
class LayerBlob:
    """A layer as it is stored.

    `diff_id` is the raw digest of the plain tar; `open` returns the bytes that `descriptor` names, and reading them to
    their end raises MismatchError where they are others.  One that is not `at_hand` is opened only where nothing else will do:
    it is far away, or left out.
    """

    diff_id: bytes
    descriptor: Descriptor
    open: Callable[[], BinaryIO] = field(compare=False, repr=False)
    at_hand: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class OciImage:
    """`layers` lowest first; `manifest` is None where the source had none (a docker-archive); `index` led to it.

    `hub` says that names without a domain are Docker Hub's, as in RepoTags; `without` are the diff_ids of layers whose blobs do
    not go along, as who gets it has them.
    """

    config: bytes
    layers: tuple[LayerBlob, ...]
    manifest: bytes | None = None
    manifest_type: str = OCI_MANIFEST
    names: tuple[str, ...] = ()
    index: bytes | None = None
    hub: bool = field(default=False, compare=False)
    without: frozenset[bytes] = field(default=frozenset(), compare=False)


class Blobs(Protocol):
    """Where the blobs of an image are: a layout folder, an archive, a registry."""

    def fetch(self, descriptor: Descriptor) -> bytes:
        """Return a whole small blob; MismatchError unless it has the size and digest that *descriptor* says."""

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """Return a large blob, verified as it is read; NotFoundError where it is not there."""

    def at_hand(self, descriptor: Descriptor) -> bool:
        """Return whether a large blob is there, and to be had at once."""


class Reference(NamedTuple):
    """One entry of an index: a descriptor, the platform it is for and the names it was given, whatever they are."""

    descriptor: Descriptor
    platform: Platform | None
    names: tuple[str, ...]
    ref_name: str | None
    attestation: bool


class NotAnImageError(InvalidError):
    """A manifest, or what an index lists, is something else: an artifact, a signature, a chart."""


# digests


def check(data: bytes, descriptor: Descriptor, what: str) -> bytes:
    """Return *data* as it is; MismatchError unless it has the size and digest of *descriptor*."""
    if len(data) != descriptor.size:
        raise MismatchError(f"{what}: {len(data)} bytes, {descriptor.size} were promised; get it again")
    if digest_of(data) != descriptor.digest:
        raise MismatchError(f"{what}: the bytes are {digest_of(data)}, not {descriptor.digest}; get it again")
    return data


def config_digest(image: OciImage) -> str:
    """Return the digest that Docker shows as the image's id."""
    return digest_of(image.config)


def manifest_of(image: OciImage) -> bytes:
    """Return the source's manifest, or the one that `build_manifest` makes where there was none."""
    return image.manifest if image.manifest is not None else build_manifest(image.config, image.layers)


# media types


def compression(media_type: str) -> str:
    """Return how a layer of *media_type* is stored: "", "gzip" or "zstd"; InvalidError for any other type."""
    if media_type not in _AS_OCI:
        raise InvalidError(f"{shown(media_type)!r} is not a layer's media type; tar, tar+gzip and tar+zstd are read")
    return _AS_OCI[media_type].partition("+")[2]


def as_oci(media_type: str) -> str:
    """Return the OCI media type that means what *media_type* (Docker's or OCI's, of a layer) means."""
    compression(media_type)
    return _AS_OCI[media_type]


# manifests and indexes


def parse_descriptor(document: Json, what: str) -> Descriptor:
    """Return the descriptor that *document* is; its other fields are not looked at."""
    documents.check_spelling(document, ("mediaType", "digest", "size"), what)
    size = documents.field(document, "size", int, what)
    if not 0 <= size < 1 << 63:
        raise InvalidError(f"{what}: a size of {size} bytes")
    media_type = documents.field(document, "mediaType", str, what)
    return Descriptor(media_type, check_digest(documents.field(document, "digest", str, what), what), size)


def parse_manifest(data: bytes, media_type: str, what: str) -> tuple[Descriptor, list[Descriptor]]:
    """Return (config, layers lowest first) of an image manifest of *media_type*."""
    document = _document(data, media_type, what)
    if "manifests" in document:
        raise InvalidError(f"{what}: both a manifest and an index; no reader can trust that")
    config = parse_descriptor(documents.field(document, "config", dict, what), f"{what}, config")
    if config.media_type not in CONFIGS:
        raise NotAnImageError(f"{what}: holds {shown(config.media_type)!r}, not an image")
    layers = documents.items(document, "layers", dict, what)
    if len(layers) > MAX_LAYERS:
        raise InvalidError(f"{what}: {len(layers)} layers, at most {MAX_LAYERS} are read")
    found = [parse_descriptor(layer, f"{what}, layer {n}") for n, layer in enumerate(layers, 1)]
    for layer in found:
        if layer.media_type not in _AS_OCI:
            raise NotAnImageError(f"{what}: no image, for {shown(layer.media_type)!r} is not a layer's media type")
    return config, found


def parse_index(data: bytes, media_type: str, what: str) -> list[Reference]:
    """Return the entries of an index of *media_type*, in its order."""
    document = _document(data, media_type, what)
    if "layers" in document or "config" in document:
        raise InvalidError(f"{what}: both a manifest and an index; no reader can trust that")
    entries = documents.items(document, "manifests", dict, what)
    return [_reference(entry, f"{what}, entry {n}") for n, entry in enumerate(entries, 1)]


def build_manifest(config: bytes, layers: Sequence[LayerBlob]) -> bytes:
    """Return the OCI manifest of an image that has none: equal inputs give equal bytes."""
    stored = [layer.descriptor._replace(media_type=as_oci(layer.descriptor.media_type)) for layer in layers]
    return documents.encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": describe(Descriptor(OCI_CONFIG, digest_of(config), len(config))),
            "layers": [describe(layer) for layer in stored],
        }
    )


def describe(descriptor: Descriptor) -> Json:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}


def as_oci_image(image: OciImage) -> OciImage:
    """Return *image* with OCI's media types; its manifest, and so its digest, is another one if it had Docker's.

    umoci, and skopeo's oci: transports, see no other types in a layout.
    """
    return image if image.manifest_type == OCI_MANIFEST else replace(image, manifest=None, manifest_type=OCI_MANIFEST)


def check_name(name: str, what: str) -> str:
    """Return *name* as it is; InvalidError unless it can be an image's name in some tool (letters, digits, ._:@+/-)."""
    parts = name.split("/")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not all(parts) or {".", ".."} & set(parts):
        raise InvalidError(f"{what}: {shown(name[:100])!r} cannot be an image's name; give it another")
    return name


_TOP_LEVEL = ("schemaVersion", "mediaType", "config", "layers", "manifests")


def _document(data: bytes, media_type: str, what: str) -> Json:
    document = documents.read_object(data, what, known=_TOP_LEVEL)
    version = documents.field(document, "schemaVersion", int, what)
    stated = documents.field(document, "mediaType", str, what, media_type)
    if version == 1 or media_type in SCHEMA_1 or stated in SCHEMA_1:
        raise InvalidError(f"{what}: a schema 1 manifest (Docker before 1.10); convert it: skopeo copy --format oci")
    if version != 2:
        raise InvalidError(f"{what}: schemaVersion {version}, 2 is read")
    if stated != media_type:
        raise InvalidError(f"{what}: says it is {shown(stated)!r}, was named as {shown(media_type)!r}")
    return document


def _reference(entry: Json, what: str) -> Reference:
    notes = documents.field(entry, "annotations", dict, what, {})
    names = [documents.field(notes, key, str, what) for key in (CONTAINERD_NAME, REF_NAME) if notes.get(key) is not None]
    descriptor, platform = parse_descriptor(entry, what), documents.field(entry, "platform", dict, what, {})
    return Reference(
        descriptor,
        platform_of(platform, what) if platform else None,
        tuple(names[:1]),
        notes.get(REF_NAME),
        _ATTESTATION in notes,
    )


def choose(references: Sequence[Reference], wanted: Platform, what: str) -> Reference:
    """Return the entry that runs best on *wanted*; a single one that says nothing of platforms is taken.

    NotFoundError lists the platforms there are; attestations are no images.
    """
    images = [reference for reference in references if not reference.attestation]
    if len(images) == 1 and images[0].platform is None:
        return images[0]
    fitting = [(rank, r) for r in images if r.platform and (rank := fit(r.platform, wanted)) is not None]
    if fitting:
        return max(fitting, key=lambda pair: pair[0])[1]
    there = ", ".join(sorted({shown(str(r.platform)) for r in images if r.platform})) or "none that says its platform"
    raise NotFoundError(f"{what}: no image for {wanted}; there is {there}: choose with --platform")


# images


def assemble(
    blobs: Blobs, top: Descriptor, wanted: Platform, *, index: bytes | None = None, depth: int = 0
) -> OciImage:
    """Return the image that *top*, a manifest or an index of manifests, leads to; layer blobs are not read.

    *depth* indexes, *index* the first of them, led to *top*.
    """
    if top.media_type in INDEXES:
        what = f"index {top.digest}"
        if depth == MAX_NESTING:
            raise InvalidError(f"{what}: indexes nested more than {MAX_NESTING} deep")
        data = fetched(blobs, top, what)
        chosen = choose(there(blobs, parse_index(data, top.media_type, what)), wanted, what)
        return assemble(blobs, chosen.descriptor, wanted, index=index or data, depth=depth + 1)
    what = f"manifest {top.digest}"
    if top.media_type not in (*MANIFESTS, *SCHEMA_1):
        raise NotAnImageError(f"{what}: {shown(top.media_type)!r} is not the media type of a manifest or an index")
    manifest = fetched(blobs, top, what)
    stored, layers = parse_manifest(manifest, top.media_type, what)
    config = fetched(blobs, stored, f"config {stored.digest}", MAX_CONFIG)
    return OciImage(config, _layers(blobs, config, layers), manifest, top.media_type, index=index)


def _layers(blobs: Blobs, config: bytes, stored: Sequence[Descriptor]) -> tuple[LayerBlob, ...]:
    what = f"config {digest_of(config)}"
    ids = diff_ids(parse_config(config, what, layers=len(stored)))
    found = zip(ids, stored, strict=True)
    return tuple(LayerBlob(diff_id, d, partial(blobs.open, d), blobs.at_hand(d)) for diff_id, d in found)


def there(blobs: Blobs, references: Sequence[Reference]) -> Sequence[Reference]:
    """Return the *references* that are at hand; all where none is: who has one platform of an index has not the others."""
    return [reference for reference in references if blobs.at_hand(reference.descriptor)] or references


def fetched(blobs: Blobs, descriptor: Descriptor, what: str, limit: int = MAX_DOCUMENT) -> bytes:
    """Return a document of at most *limit* bytes, which is what *descriptor* says."""
    if descriptor.size > limit:
        raise InvalidError(f"{what}: {descriptor.size} bytes, at most {limit} are read")
    return check(blobs.fetch(descriptor), descriptor, what)


Opener = Callable[[], BinaryIO]


def blobs_of(images: Iterable[OciImage]) -> Iterator[tuple[Descriptor, Opener]]:
    """Return every blob of *images* that goes along, once: for each image its layers, its config, its manifest."""
    sizes: dict[str, int] = {}
    for image in images:
        for descriptor, opener in _blobs_of(image):
            if descriptor.digest not in sizes:
                yield descriptor, opener
            if sizes.setdefault(descriptor.digest, descriptor.size) != descriptor.size:
                raise MismatchError(f"blob {descriptor.digest}: two sizes are promised for it")


def _blobs_of(image: OciImage) -> Iterator[tuple[Descriptor, Opener]]:
    for layer in image.layers:
        if layer.diff_id not in image.without:
            yield layer.descriptor, layer.open
    for kind, data in ((OCI_CONFIG, image.config), (image.manifest_type, manifest_of(image))):
        yield Descriptor(kind, digest_of(data), len(data)), partial(io.BytesIO, data)


def require_platform(images: Iterable[OciImage], asked: Platform) -> None:
    """Raise NotFoundError if one of *images* says that it is for another platform than was *asked* for."""
    for image in images:
        its = platform_of(parse_config(image.config, f"config {config_digest(image)}"))
        if str(its) and fit(its, asked) is None:
            raise NotFoundError(f"image {config_digest(image)}: is for {shown(str(its))}, not for {asked}")
