"""What an archive or a layout holds: found by digest, and by two lists that may disagree.

Real writers get one of them wrong.  manifest.json, which Docker and podman read, says which images there are; index.json,
which containerd reads, under which names, manifests and digests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from eventstore.errors import AmbiguousError, InvalidError, MismatchError, NotFoundError
from eventstore.model.digests import digest_of
from eventstore.model.paths import shown
from projections.oci.config import Platform, fit, parse_config, platform_of
from projections.oci.oci_image import (
    INDEXES,
    MANIFESTS,
    MAX_NESTING,
    OCI_INDEX,
    Blobs,
    Descriptor,
    OciImage,
    Reference,
    assemble,
    config_digest,
    fetched,
    manifest_of,
    parse_index,
    parse_manifest,
    require_platform,
)
from projections.oci.oci_layout import ATTESTATION, Aside, Listed, at, no_images_apart, no_such, read_images


class Candidate(NamedTuple):
    """An image's manifest that is at hand: the entry of index.json that leads to it, perhaps *through* an index, all names."""

    entry: Reference
    names: tuple[str, ...]
    manifest: Descriptor
    through: bytes | None
    config: str


def candidates(index: bytes, blobs: Blobs) -> tuple[list[Candidate], list[Aside]]:
    """Return every image that index.json leads to and whose manifest is at hand, whatever its platform; and what is none.

    Each document is read once.
    """
    known, aside = no_images_apart(parse_index(index, OCI_INDEX, "index.json"))
    entries: dict[str, list[Reference]] = {}
    for entry in known:
        entries.setdefault(entry.descriptor.digest, []).append(entry)
    found: dict[str, Candidate] = {}
    for same in entries.values():
        names = tuple(dict.fromkeys(name for entry in same for name in entry.names))
        try:
            for one in _below(blobs, Candidate(same[0], names, same[0].descriptor, None, ""), set()):
                found.setdefault(one.manifest.digest, one)
        except MismatchError:
            raise
        except InvalidError as error:
            aside.append(Aside(str(error), same[0]))
    return list(found.values()), aside


def _below(blobs: Blobs, top: Candidate, seen: set[str], depth: int = 0) -> Iterator[Candidate]:
    kind, digest = top.manifest.media_type, top.manifest.digest
    if digest in seen or (depth and not blobs.at_hand(top.manifest)):
        return
    seen.add(digest)
    if kind in INDEXES:
        if depth == MAX_NESTING:
            raise InvalidError(f"index {digest}: indexes nested more than {MAX_NESTING} deep")
        data = fetched(blobs, top.manifest, f"index {digest}")
        for inner in parse_index(data, kind, f"index {digest}"):
            if not inner.attestation:
                yield from _below(blobs, top._replace(manifest=inner.descriptor, through=top.through or data), seen, depth + 1)
    elif kind in MANIFESTS:
        config, _ = parse_manifest(fetched(blobs, top.manifest, f"manifest {digest}"), kind, f"manifest {digest}")
        yield top._replace(config=config.digest)


def of_layout(index: bytes, blobs: Blobs, ref: str | None, wanted: Platform) -> Listed:
    """Return what index.json alone lists, as `read_images` does; *ref* may be the beginning of a digest, "@sha256:..."."""
    if ref is None or not is_digest(ref):
        return read_images(index, blobs, ref, wanted)
    found, _ = candidates(index, blobs)
    tops = {one.entry.descriptor.digest: one for one in found if at(one.entry.descriptor.digest).startswith(ref)}
    meant = [*tops.values()] or [one for one in found if any(at(d).startswith(ref) for d in (one.manifest.digest, one.config))]
    if not meant:
        raise NotFoundError(no_such(ref, (name for one in found for name in one.names or [at(one.manifest.digest)])))
    if len(meant) > 1:
        raise _ambiguous(ref)
    [one] = meant
    top, through = (one.entry.descriptor, None) if tops else (one.manifest, one.through)
    return Listed([replace(assemble(blobs, top, wanted, index=through), names=one.names)], [])


def is_digest(ref: str) -> bool:
    """Whether *ref* chooses an image by a digest, or by its beginning."""
    return ref.startswith("@sha256:")


def _ambiguous(ref: str) -> AmbiguousError:
    return AmbiguousError(f"{shown(ref)} is the beginning of several digests; give more of it")


def merged(listed: Sequence[OciImage], index: bytes, blobs: Blobs, wanted: Platform) -> Listed:
    """Return the images that manifest.json *listed*, with the names and manifests that *index* (index.json) has for them.

    An image of index.json alone is left aside, but for one that lacks layers: manifest.json cannot list it.
    """
    found, aside = candidates(index, blobs)
    by_config: dict[str, list[Candidate]] = {}
    for one in found:
        by_config.setdefault(one.config, []).append(one)
    images = [_with_manifest(image, by_config.get(config_digest(image), ()), blobs, wanted, aside) for image in listed]
    configs = {config_digest(image) for image in listed}
    taken = {one.entry.descriptor.digest for one in found if one.config in configs}
    for one in found:
        if one.config in configs:
            continue
        try:
            image = replace(assemble(blobs, one.manifest, wanted, index=one.through), names=one.names)
        except MismatchError:
            raise
        except (InvalidError, NotFoundError) as error:
            aside.append(Aside(str(error), one.entry))
            continue
        if not _is_whole(image) and one.entry.descriptor.digest not in taken:
            images.append(image)
        else:
            aside.append(Aside(f"{_called(image)}: index.json lists it, manifest.json does not", one.entry, image))
    return Listed(images, aside)


def _with_manifest(
    image: OciImage, known: Sequence[Candidate], blobs: Blobs, wanted: Platform, aside: list[Aside]
) -> OciImage:
    names = image.names or tuple(dict.fromkeys(name for one in known for name in one.names))
    for one in known:
        try:
            found = assemble(blobs, one.manifest, wanted, index=one.through)
        except MismatchError:
            raise
        except (InvalidError, NotFoundError) as error:
            aside.append(Aside(f"{error}; its layers are those that manifest.json lists", one.entry))
            continue
        if _is_whole(found) or not _is_whole(image):
            return replace(found, names=names, hub=bool(image.names))
    return replace(image, names=names, hub=bool(image.names))


def _is_whole(image: OciImage) -> bool:
    return all(layer.at_hand for layer in image.layers)


def chosen(listed: Listed, ref: str | None, asked: Platform | None) -> Listed:
    """Return of what is *listed* what *ref* (a name or a digest) and the platform *asked* for leave, else NotFoundError."""
    if ref is not None:
        apart = [one.image for one in listed.aside if one.image is not None]
        return Listed(_called_so([*listed.images, *apart], ref), [])
    if asked is None:
        return listed
    fitting = [image for image in listed.images if _fits(image, asked)]
    others = [Aside(f"{_called(image)}: is not for {asked}", None, image) for image in listed.images if image not in fitting]
    if not fitting:
        fitting = [one.image for one in listed.aside if one.image is not None and _fits(one.image, asked)]
        others = []
    if not fitting:
        require_platform(listed.images, asked)
    return Listed(fitting, [*others, *(one for one in listed.aside if one.image not in fitting)])


def _called_so(images: Sequence[OciImage], ref: str) -> list[OciImage]:
    if is_digest(ref):
        found = [image for image in images if any(at(digest).startswith(ref) for digest in _digests(image))]
        if len({config_digest(image) for image in found}) > 1:
            raise _ambiguous(ref)
    else:
        found = [replace(image, names=(ref,)) for image in images if ref in image.names]
    if not found:
        raise NotFoundError(no_such(ref, (name for image in images for name in image.names or [at(_digests(image)[0])])))
    return found


def _digests(image: OciImage) -> list[str]:
    own = config_digest(image) if image.manifest is None else digest_of(manifest_of(image))
    return [own, config_digest(image), *([digest_of(image.index)] if image.index else [])]


def _fits(image: OciImage, asked: Platform) -> bool:
    its = platform_of(parse_config(image.config, "config"))
    return not str(its) or fit(its, asked) is not None


def _called(image: OciImage) -> str:
    return shown(next(iter(image.names), at(_digests(image)[0])))


def told(aside: Sequence[Aside]) -> list[str]:
    """Return of each thing that was left aside why, but for attestations, which come with most images."""
    return [one.why for one in aside if one.why != ATTESTATION]
