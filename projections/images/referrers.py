"""What is kept beside an image: signatures, SBOMs, attestations, each about one manifest of it."""

from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.events import Event, Kind
from eventstore.model.facts import Referrer
from projections.oci.documents import Json


def kept(log: Log, image: str) -> list[Event]:
    """Return the ReferrerKept events of an image, by its id, oldest first."""
    stream = log.stream("image", image)
    return list(log.of_kind(Kind.REFERRER_KEPT, stream.id)) if stream else []


def document(event: Event) -> Json:
    """Return what `inspect` tells of one; its size is that of its blobs."""
    stated = Referrer.of(event)
    return {
        "Digest": named(event.content or b""),
        "Subject": f"sha256:{stated.subject}",
        "ArtifactType": stated.artifact_type,
        "Size": sum(blob["size"] for blob in stated.blobs),
    }
