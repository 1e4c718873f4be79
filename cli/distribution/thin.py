"""Thin images: without the layers that who gets them has, by their diff_ids, whatever their compression."""

from dataclasses import replace

from eventstore.log.log import Log
from eventstore.model.digests import check_digest, raw
from eventstore.model.events import Kind
from projections.oci import documents
from projections.oci.oci_image import OciImage

MAX_INVENTORY = 64 << 20
_KEY = "layers"


def inventory_of(log: Log) -> bytes:
    """Return, as JSON, the diff_ids of all layers that came into the store: what a thin image can be completed from."""
    names = {log.stream_of(event.stream).name for event in log.of_kind(Kind.LAYER_IMPORTED) if event.content is not None}
    return documents.encode({_KEY: [f"sha256:{name}" for name in sorted(names)]})


def parse_inventory(data: bytes, what: str) -> frozenset[bytes]:
    """Return the diff_ids that an inventory lists; InvalidError where it is none."""
    document = documents.read_object(data, what, limit=MAX_INVENTORY, known=(_KEY,))
    documents.field(document, _KEY, list, what)
    return frozenset(raw(check_digest(digest, what)) for digest in documents.items(document, _KEY, str, what))


def thin(image: OciImage, had: frozenset[bytes]) -> OciImage:
    """Return *image* without the layers *had*."""
    return replace(image, without=had.intersection(layer.diff_id for layer in image.layers))
