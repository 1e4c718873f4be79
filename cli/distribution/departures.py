"""What the log is told of images that went out."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from eventstore.model.events import ENCODER, Kind
from eventstore.model.facts import Departure, Seal, Serving
from eventstore.store import commands
from eventstore.store.writer import Writer
from projections.images import images
from projections.images.images import Image
from projections.oci import oci_image as oci
from projections.oci.oci_image import OciImage


def record_saved(writer: Writer, saved: Mapping[Image, OciImage], destination: str) -> None:
    """Record where the images went, under which names and digests, and how they are encoded (for an image taken from
    elsewhere that is today's way); call it when what was written is durable.
    """
    with writer.transaction():
        for image, sent in saved.items():
            _record(writer, Kind.IMAGE_SAVED, image, sent, _departure(writer, image, sent, destination))


def record_pushed(
    writer: Writer, image: Image, sent: OciImage, destination: str, compression: str, referrers: Sequence[str]
) -> None:
    """As `record_saved`, for a repository; its blobs are known from then on.

    *compression* is what made blobs for it, *referrers* (hex) are the manifests about the image that went along.
    """
    departure = _departure(writer, image, sent, destination)
    departure.layers = [layer.diff_id.hex() for layer in sent.layers]
    departure.blobs = [oci.describe(layer.descriptor) for layer in sent.layers]
    departure.compression, departure.referrers = compression, referrers
    _record(writer, Kind.IMAGE_PUSHED, image, sent, departure)


def record_served(
    writer: Writer, image: Image, sent: OciImage, *, asked: str, user: str, address: str, agent: str, compression: str
) -> None:
    """Record that a client of ours was given the image's manifest; it gets the blobs as it likes."""
    left = _departure(writer, image, sent, "")
    serving = Serving(left.config, left.encoder, asked, address, user, agent, compression, left.point)
    _record(writer, Kind.IMAGE_SERVED, image, sent, serving)


def stream_name(image: Image, sent: OciImage) -> str:
    """Return by which name the log has what left: what is no image here, a point, is known by its config's digest."""
    return image.id or oci.config_digest(sent).removeprefix("sha256:")


def _departure(writer: Writer, image: Image, sent: OciImage, destination: str) -> Departure:
    encoder = Seal.of(image.seal).encoder if image.id and image.seal else ENCODER
    config = sha256(sent.config).hexdigest()
    without = sorted(diff_id.hex() for diff_id in sent.without)
    return Departure(
        config, encoder, list(sent.names), destination, point=images.point_of(writer.log, image), without=without
    )


def _record(writer: Writer, kind: Kind, image: Image, sent: OciImage, departure: Departure | Serving) -> None:
    with writer.transaction():
        manifest = writer.content.put(oci.manifest_of(sent))
        commands.record_image(writer, kind, stream_name(image, sent), manifest, departure)
