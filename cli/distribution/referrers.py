"""Signatures, SBOMs and attestations on their way: kept byte for byte, never made and never checked here."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

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
from projections.images import referrers
from projections.oci.documents import Json
from projections.oci.oci_image import OCI_MANIFEST, Descriptor, describe, parse_descriptor
from projections.oci.referrer import ReferrerManifest, listed, parse_referrer

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
        blobs = [describe(blob) for blob in parsed.blobs]
        found[writer.content.put(manifest)] = Referrer(raw(subject).hex(), parsed.artifact_type, blobs, source)
    with writer.transaction():
        for digest, referrer in found.items():
            commands.keep_referrer(writer, image, digest, referrer)
    return Kept(len(found), len(entries) - len(new), tuple(skipped))


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
        if blob.size > MAX_BLOB:
            raise InvalidError(f"{what}: a blob of {blob.size} bytes, at most {MAX_BLOB} are kept")
    return manifest, found


def _keep_blob(writer: Writer, repository: Repository, blob: Descriptor) -> None:
    if not writer.content.known(raw(blob.digest)):
        with repository.open(blob) as stream:
            writer.content.put_stream(chunks_of(stream))
