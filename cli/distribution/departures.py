"""What the log is told of images that went out."""

from collections.abc import Mapping
from hashlib import sha256

from eventstore.model.events import ENCODER, Kind
from eventstore.model.facts import Departure, Seal
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


def record_pushed(writer: Writer, image: Image, sent: OciImage, destination: str, compression: str) -> None:
    """As `record_saved`, for a repository; its blobs are known from then on, and *compression* is what made blobs for it."""
    departure = _departure(writer, image, sent, destination)
    departure.layers = [layer.diff_id.hex() for layer in sent.layers]
    departure.blobs = [oci.describe(layer.descriptor) for layer in sent.layers]
    departure.compression = compression
    _record(writer, Kind.IMAGE_PUSHED, image, sent, departure)


def _departure(writer: Writer, image: Image, sent: OciImage, destination: str) -> Departure:
    encoder = Seal.of(image.seal).encoder if image.id and image.seal else ENCODER
    config = sha256(sent.config).hexdigest()
    without = sorted(diff_id.hex() for diff_id in sent.without)
    return Departure(
        config, encoder, list(sent.names), destination, point=images.point_of(writer.log, image), without=without
    )


def _record(writer: Writer, kind: Kind, image: Image, sent: OciImage, departure: Departure) -> None:
    """What is no image here, a point, is known by its config's digest, as an image taken from elsewhere is."""
    with writer.transaction():
        manifest = writer.content.put(oci.manifest_of(sent))
        commands.record_image(writer, kind, image.id or departure.config, manifest, departure)
