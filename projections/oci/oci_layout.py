"""The OCI image layout (image-spec, image-layout.md): what index.json leads to, and the one that names given images."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.digests import digest_of
from eventstore.model.paths import shown
from projections.oci.config import Platform
from projections.oci.documents import Json, encode, field, items, read_object
from projections.oci.oci_image import (
    CONTAINERD_NAME,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    REF_NAME,
    SCHEMA_1,
    Blobs,
    Descriptor,
    NotAnImageError,
    OciImage,
    Reference,
    assemble,
    check_name,
    choose,
    describe,
    manifest_of,
    parse_index,
    there,
)

ATTESTATION = "an attestation about an image"
MARKER = encode({"imageLayoutVersion": "1.0.0"})
"""The bytes of the file `oci-layout`."""


def check_marker(data: bytes) -> None:
    """Refuse an `oci-layout` file of another major version than 1."""
    version = field(read_object(data, "oci-layout"), "imageLayoutVersion", str, "oci-layout")
    if version.partition(".")[0] != "1":
        raise InvalidError(f"oci-layout: version {shown(version)!r}, 1.0.0 is read")


class Aside(NamedTuple):
    """What is left aside, and *why*: an entry of index.json that is no image, or an *image* that a better list lacks."""

    why: str
    entry: Reference | None = None
    image: OciImage | None = None


class Listed(NamedTuple):
    images: list[OciImage]
    aside: list[Aside]


def read_images(index: bytes, blobs: Blobs, ref: str | None, wanted: Platform) -> Listed:
    """Return the images that index.json leads to, one for each digest: that named *ref*, else all.

    What is no image is left aside, unless there is nothing else: then InvalidError says what it is.
    """
    references = parse_index(index, OCI_INDEX, "index.json")
    if ref is not None:
        references = _named(references, ref)
    found: dict[str, OciImage] = {}
    known, aside = no_images_apart(references)
    for group in _groups(known):
        chosen = _one(there(blobs, group), wanted)
        key = chosen.descriptor.digest
        try:
            image = found.get(key) or assemble(blobs, chosen.descriptor, wanted)
        except NotAnImageError as error:
            aside.append(Aside(str(error), chosen))
            continue
        found[key] = replace(image, names=tuple(dict.fromkeys((*image.names, *chosen.names))))
    if not found:
        raise InvalidError(next((one.why for one in aside if one.why != ATTESTATION), "index.json: lists no image"))
    return Listed(list(found.values()), aside)


def no_images_apart(references: Sequence[Reference]) -> tuple[list[Reference], list[Aside]]:
    """Return the *references* that may be images, and those of which their entries say that they are none."""
    known, aside = list[Reference](), list[Aside]()
    for reference in references:
        kind, digest = reference.descriptor.media_type, reference.descriptor.digest
        if reference.attestation:
            aside.append(Aside(ATTESTATION, reference))
        elif kind in (*MANIFESTS, *INDEXES, *SCHEMA_1):
            known.append(reference)
        else:
            aside.append(Aside(f"{digest}: {shown(kind)!r} is not the media type of a manifest or an index", reference))
    return known, aside


def build_index(images: Sequence[OciImage], old: bytes | None = None) -> bytes:
    """Return the index.json that names *images*, and what *old* named under other names: equal inputs, equal bytes."""
    document: Json = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    if old is not None:
        parse_index(old, OCI_INDEX, "index.json")
        document = read_object(old, "index.json")
    added = [entry for image in images for entry in _entries(image)]
    kept = [entry for entry in items(document, "manifests", dict, "index.json") if not _replaced(entry, added)]
    return encode({**document, "manifests": [*kept, *added]})


def _named(references: Sequence[Reference], ref: str) -> list[Reference]:
    found = [r for r in references if ref in (r.ref_name, *r.names)]
    if not found:
        named = (name for r in references for name in r.names or [at(r.descriptor.digest)])
        raise NotFoundError(f"index.json: {no_such(ref, named)}")
    return found


def no_such(ref: str, there: Iterable[str]) -> str:
    """Return what is said where no image is called *ref*, with the names that there are."""
    return f"no image {shown(ref)!r}; there is {', '.join(sorted(set(map(shown, there)))) or 'none'}"


def at(digest: str) -> str:
    """Return how an image is chosen that has no name."""
    return f"@{digest}"


def _groups(references: Sequence[Reference]) -> list[list[Reference]]:
    """The entries that are one image: those of one name, or nameless ones for different platforms."""
    named: dict[tuple[str, ...], dict[str, Reference]] = {}
    for reference in references:
        named.setdefault(reference.names, {}).setdefault(reference.descriptor.digest, reference)
    groups = [list(group.values()) for names, group in named.items() if names]
    nameless = list(named.get((), {}).values())
    return [*groups, nameless] if _by_platform(nameless) else [*groups, *([r] for r in nameless)]


def _one(group: Sequence[Reference], wanted: Platform) -> Reference:
    if len(group) == 1:
        return group[0]
    if not _by_platform(group):
        raise InvalidError(f"index.json: {shown(group[0].names[0])!r} stands for {len(group)} images; keep one of them")
    return choose(group, wanted, "index.json")


def _by_platform(group: Sequence[Reference]) -> bool:
    platforms = {reference.platform for reference in group}
    return len(group) > 1 and None not in platforms and len(platforms) == len(group)


def _entries(image: OciImage) -> list[Json]:
    manifest = manifest_of(image)
    entry = describe(Descriptor(image.manifest_type, digest_of(manifest), len(manifest)))
    names = [check_name(name, "image") for name in image.names]
    return [{**entry, "annotations": {CONTAINERD_NAME: name, REF_NAME: name}} for name in names] or [entry]


def _replaced(entry: Json, added: Sequence[Json]) -> bool:
    """A new entry takes the place of one with its name, or of the same image without one."""
    name = _ref_name(entry)
    return any(_ref_name(new) == name and (name or new["digest"] == entry["digest"]) for new in added)


def _ref_name(entry: Json) -> str | None:
    name: str | None = (entry.get("annotations") or {}).get(REF_NAME)
    return name
