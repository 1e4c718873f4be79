"""Which events of an imported layer are not what its tar says: read again, entry by entry."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from cli.distribution import receive, send
from cli.streams.reader import Reader
from eventstore.errors import LayerlogError
from eventstore.integrity.findings import Finding, of_event
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.changes import Change
from eventstore.model.entries import node_of
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from projections.events.records import Records
from projections.images import images
from projections.layers.layers import ImportedLayer
from projections.layers.tar import decode
from projections.oci import oci_image
from projections.oci.oci_image import LayerBlob

MOST = 100


class Hasher:
    """Keeps nothing; says only what each content would be called."""

    def put(self, data: bytes) -> bytes:
        return sha256(data).digest()

    def put_stream(self, chunks: Iterable[bytes]) -> bytes:
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
        return digest.digest()


def differences(store: Store, diff_id: str) -> Iterator[Finding]:
    """Yield the events of the layer (at most `MOST`) that differ from its kept blob, or else from its own framing.

    Nothing is said where neither can be read.
    """
    with suppress(LayerlogError), closing(Staged(store, _changes(store, diff_id))) as staged:
        yield from islice(_compared(store.log, diff_id, staged.in_layer_order()), MOST)


def _changes(store: Store, diff_id: str) -> Iterator[Change]:
    kept = next(kept_blobs(store, diff_id), None)
    tar = Reader(send.layer_tar(store, ImportedLayer(diff_id))) if kept is None else receive.open_layer(kept)
    with tar:
        yield from decode(tar, Hasher())


def kept_blobs(store: Store, diff_id: str) -> Iterator[LayerBlob]:
    """Yield the compressed forms of an imported layer that are kept."""
    for layer, blob in images.layer_blobs(store.log):
        descriptor = oci_image.parse_descriptor(blob, f"layer {diff_id[:12]}")
        digest = bytes.fromhex(descriptor.hex)
        if layer == diff_id != descriptor.hex and store.content.has(digest):
            yield LayerBlob(bytes.fromhex(diff_id), descriptor, _opener(store, digest))


def _opener(store: Store, digest: bytes) -> Callable[[], BinaryIO]:
    return lambda: Reader(store.content.read(digest))


def _compared(log: Log, diff_id: str, changes: Iterator[Change]) -> Iterator[Finding]:
    stream = log.stream("layer", diff_id)
    records = Records(log)
    for change, event in zip(changes, log.events(stream.id if stream else 0), strict=False):
        recorded = Change(Kind(event.kind), records.path(event.path or ROOT_ID), *node_of(event))
        for field, stated, true in zip(Change._fields, recorded, change, strict=True):
            if stated != true:
                problem = f"states {field} {_text(stated)} where its layer's tar has {_text(true)}"
                yield of_event(event.position, problem, "layer")


def _text(value: object) -> str:
    if isinstance(value, bytes) and len(value) == 32:
        return value.hex()
    return shown(value) if isinstance(value, bytes | str) else str(value)
