"""Referrers: manifests of signatures, SBOMs and the like, which name the manifest that they are about (image-spec 1.1)."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from eventstore.errors import InvalidError
from projections.oci import documents
from projections.oci.documents import Json
from projections.oci.oci_image import MAX_LAYERS, OCI_MANIFEST, Descriptor, describe, parse_descriptor

_KNOWN = ("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations")


class ReferrerManifest(NamedTuple):
    """`blobs` are its config and layers, each once; `artifact_type` is its config's type where it states none.

    `subject` is "" where it names none, which only an artifact beside an image may.
    """

    subject: str
    artifact_type: str
    blobs: list[Descriptor]
    annotations: dict[str, Any]


def parse_referrer(data: bytes, what: str) -> ReferrerManifest:
    """Return what an OCI image manifest with a subject says; raise InvalidError for anything else."""
    found = parse_artifact(data, what)
    if not found.subject:
        raise InvalidError(f"{what}: the field 'subject' is missing")
    return found


def parse_artifact(data: bytes, what: str) -> ReferrerManifest:
    """Return what an OCI image manifest says, whatever it is the manifest of; raise InvalidError for anything else."""
    document = documents.read_object(data, what, known=_KNOWN)
    stated = documents.field(document, "mediaType", str, what, OCI_MANIFEST)
    if stated != OCI_MANIFEST or "manifests" in document:
        raise InvalidError(f"{what}: is not an OCI image manifest; those alone are kept as referrers")
    stated_subject = documents.field(document, "subject", dict, what, {})
    subject = parse_descriptor(stated_subject, f"{what}, subject").digest if stated_subject else ""
    config = parse_descriptor(documents.field(document, "config", dict, what), f"{what}, config")
    layers = documents.items(document, "layers", dict, what)
    if len(layers) > MAX_LAYERS:
        raise InvalidError(f"{what}: {len(layers)} layers, at most {MAX_LAYERS} are read")
    blobs = [config, *(parse_descriptor(layer, f"{what}, layer {n}") for n, layer in enumerate(layers, 1))]
    kind = documents.field(document, "artifactType", str, what, "") or config.media_type
    return ReferrerManifest(subject, kind, _once(blobs), documents.field(document, "annotations", dict, what, {}))


def listed(found: ReferrerManifest, manifest: Descriptor) -> Json:
    """Return the descriptor by which an index lists a referrer (distribution-spec 1.1, "Pushing Manifests with Subject")."""
    noted = {"annotations": found.annotations} if found.annotations else {}
    return {**describe(manifest), "artifactType": found.artifact_type, **noted}


def _once(blobs: Iterable[Descriptor]) -> list[Descriptor]:
    return list({blob.digest: blob for blob in blobs}.values())
