"""What the log is told of images that went out."""

from collections.abc import Mapping
from hashlib import sha256

from eventstore.model.events import ENCODER, Kind
from eventstore.model.facts import Departure, Seal
from eventstore.store import commands
from eventstore.store.writer import Writer
from projections.images.images import Image
from projections.oci import oci_image as oci
from projections.oci.oci_image import OciImage


def record_saved(writer: Writer, saved: Mapping[Image, OciImage], destination: str) -> None:
    """Record where the images went, under which names and digests, and how they are encoded (for an image taken from
    elsewhere that is today's way); call it when what was written is durable.
    """
    with writer.transaction():
        for image, sent in saved.items():
            manifest = writer.content.put(oci.manifest_of(sent))
            encoder = Seal.of(image.seal).encoder if image.seal else ENCODER
            departure = Departure(sha256(sent.config).hexdigest(), encoder, list(sent.names), destination)
            commands.record_image(writer, Kind.IMAGE_SAVED, image.id, manifest, departure)
