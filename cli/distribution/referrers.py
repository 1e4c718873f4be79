"""Signatures, SBOMs and attestations on their way: kept byte for byte, never made and never checked here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from cli.distribution.layout import Holdings
from cli.registry.repository import Repository
from cli.registry.uploads import Uploads
from cli.streams.reader import chunks_of
from eventstore.errors import InvalidError, MismatchError, NotFoundError
from eventstore.model.digests import digest_of, raw
from eventstore.model.events import Event
from eventstore.model.facts import Referrer
from eventstore.model.paths import shown
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.images import images, referrers
from projections.oci.documents import Json
from projections.oci.oci_image import (
    OCI_MANIFEST,
    Blobs,
    Descriptor,
    OciImage,
    Reference,
    config_digest,
    describe,
    manifest_of,
    parse_descriptor,
)
from projections.oci.referrer import ReferrerManifest, listed, parse_artifact, parse_referrer

MAX_BLOB = 64 << 20


class Kept(NamedTuple):
    """How many `came`, how many were `here`, and of each that is not kept, why."""

    came: int
    here: int
    skipped: tuple[str, ...]


def keep(writer: Writer, repository: Repository, image: str, subject: str) -> Kept:
    """Keep what *repository* lists as referring to the manifest *subject* of an image that is here, in one transaction.

    What is kept already is not asked for. Raise MismatchError or RegistryError; nothing is recorded then.
    """
    here = {event.content for event in referrers.kept(writer.log, image)}
    entries = {descriptor.digest: descriptor for descriptor in map(_entry, repository.referrers(subject))}
    new = [descriptor for descriptor in entries.values() if raw(descriptor.digest) not in here]
    found: dict[bytes, Referrer] = {}
    skipped: list[str] = []
    for descriptor in new:
        try:
            manifest, parsed = _fetched(repository, descriptor, subject)
            for blob in parsed.blobs:
                _keep_blob(writer, repository, blob)
        except MismatchError:  # the registry lies
            raise
        except (InvalidError, NotFoundError) as error:
            skipped.append(str(error))
            continue
        source = f"docker://{repository.registry.name}/{repository.name}"
        found[writer.content.put(manifest)] = _stated(parsed, subject, source)
    with writer.transaction():
        for digest, referrer in found.items():
            commands.keep_referrer(writer, image, digest, referrer)
    return Kept(len(found), len(entries) - len(new), tuple(skipped))


def keep_beside(writer: Writer, holdings: Holdings, source: str) -> Kept:
    """Keep what lies beside images that came, byte for byte: each with the image that it names, else with the first of them.

    Its subject is then that image's manifest.  Raise MismatchError where a blob is not what it says; nothing is recorded then.
    """
    subjects = _subjects(writer, holdings.images)
    new: list[tuple[str, bytes, Referrer]] = []
    skipped = [one.why for one in holdings.aside if one.entry is None or one.image is not None]
    here = 0
    for entry in (one.entry for one in holdings.aside if one.entry is not None and one.image is None):
        try:
            data, parsed = _beside(holdings.blobs, entry)
            subject = parsed.subject if parsed.subject in subjects else _named_subject(entry, subjects)
            for blob in parsed.blobs:
                _check_size(blob, f"{entry.descriptor.digest}")
                _keep_blob(writer, holdings.blobs, blob)
        except MismatchError:
            raise
        except (InvalidError, NotFoundError) as error:
            skipped.append(str(error))
            continue
        image = subjects[subject]
        if any(event.content == raw(entry.descriptor.digest) for event in referrers.kept(writer.log, image)):
            here += 1
        else:
            new.append((image, writer.content.put(data), _stated(parsed, subject, source)))
    with writer.transaction():
        for image, digest, referrer in new:
            commands.keep_referrer(writer, image, digest, referrer)
    return Kept(len(new), here, tuple(skipped))


def _subjects(writer: Writer, found: Iterable[OciImage]) -> dict[str, str]:
    """Return the id of each image by the digests of its manifest and of the index that led to it; manifests first."""
    ids: dict[str, str] = {}
    for image in found:
        config = config_digest(image).removeprefix("sha256:")
        identity = images.born_as(writer.log, config) or config
        for document in (manifest_of(image), image.index):
            if document is not None:
                ids.setdefault(digest_of(document), identity)
    return ids


def _named_subject(entry: Reference, subjects: Mapping[str, str]) -> str:
    """Return what a name such as cosign's sha256-HEX.sig is about, else the first manifest."""
    named = (f"sha256:{hex_digits}" for name in entry.names for hex_digits in re.findall(r"sha256-([0-9a-f]{64})", name))
    return next((digest for digest in named if digest in subjects), next(iter(subjects)))


def _beside(blobs: Blobs, entry: Reference) -> tuple[bytes, ReferrerManifest]:
    """Return an artifact's manifest and what it says, or whatever other blob an index lists."""
    what, descriptor = f"{entry.descriptor.digest}", entry.descriptor
    _check_size(descriptor, what)
    data = blobs.fetch(descriptor)
    if descriptor.media_type == OCI_MANIFEST:
        return data, parse_artifact(data, what)
    return data, ReferrerManifest("", descriptor.media_type, [], {})


def _check_size(blob: Descriptor, what: str) -> None:
    if blob.size > MAX_BLOB:
        raise InvalidError(f"{what}: a blob of {blob.size} bytes, at most {MAX_BLOB} are kept")


def _stated(parsed: ReferrerManifest, subject: str, source: str) -> Referrer:
    return Referrer(raw(subject).hex(), parsed.artifact_type, [describe(blob) for blob in parsed.blobs], source)


def pushable(store: Store, kept: Iterable[Event], subject: str) -> list[Event]:
    """Return the referrers that a registry can list under the manifest *subject*: those that name it themselves."""
    return [event for event in kept if f"sha256:{Referrer.of(event).subject}" == subject and _names(store, event, subject)]


def _names(store: Store, event: Event, subject: str) -> bool:
    content = event.content or b""
    if store.content.erased(content) is not None:
        return True  # whoever pushes is told so
    try:
        return parse_referrer(store.content.read_all(content), "a referrer").subject == subject
    except InvalidError:
        return False


def push(store: Store, repository: Repository, kept: Iterable[Event]) -> Iterator[str]:
    """Give referrers to the repository that has their subject; blobs that it has are not sent.

    Yield the digest (hex) of each manifest that is there now.  Raise RegistryError, or ErasedError where something of one
    was erased.
    """
    for event in kept:
        manifest = store.content.read_all(event.content or b"")
        parsed = parse_referrer(manifest, "a referrer in the store")
        for blob in parsed.blobs:
            if not repository.has(blob.digest):
                Uploads(repository, lambda _: None).send(partial(store.content.read, raw(blob.digest)), blob.digest)
        own = Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest))
        if not repository.put_manifest(own.digest, manifest, OCI_MANIFEST):
            repository.list_referrer(parsed.subject, listed(parsed, own))
        yield own.hex


def _entry(entry: Json) -> Descriptor:
    return parse_descriptor(entry, "a referrer's descriptor")


def _fetched(repository: Repository, descriptor: Descriptor, subject: str) -> tuple[bytes, ReferrerManifest]:
    """Return a referrer's manifest; raise InvalidError where it is none that can be kept."""
    what = f"referrer {descriptor.digest}"
    if descriptor.media_type != OCI_MANIFEST:
        raise InvalidError(f"{what}: is of the type {shown(descriptor.media_type)!r}; OCI image manifests alone are kept")
    manifest = repository.fetch(descriptor)
    found = parse_referrer(manifest, what)
    if found.subject != subject:
        raise InvalidError(f"{what}: is about {found.subject}, not about {subject}; it is not kept")
    for blob in found.blobs:
        _check_size(blob, what)
    return manifest, found


def _keep_blob(writer: Writer, blobs: Blobs, blob: Descriptor) -> None:
    if not writer.content.known(raw(blob.digest)):
        with blobs.open(blob) as stream:
            writer.content.put_stream(chunks_of(stream))
