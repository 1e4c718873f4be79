"""Images on their way out: originals where they are kept, else encoded from events."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from cli.adapters.beside import hashed
from cli.adapters.blobs import Extent, OpenFile, gzip_blocks, pieces, reader
from eventstore import commands
from eventstore.changes import Change
from eventstore.events import Event, Kind
from eventstore.store import Store, Writer
from projections import images, layers, lineage, oci
from projections.containers import view_at
from projections.images import Image
from projections.layer_tar import ENCODER, encode, reassemble
from projections.layers import FolderLayer, ImportedLayer, Layer, SealedLayer
from projections.oci import Descriptor, LayerBlob, OciImage
from projections.oci_digest import named, raw
from projections.view import View


class Encoded(NamedTuple):
    """A layer's plain tar: `diff_id` (32 bytes) and size in bytes."""

    diff_id: bytes
    size: int


def oci_image(store: Store, image: Image, names: Iterable[str] = (), *, compress: bool = False) -> OciImage:
    """Return the image as others exchange it; layers are encoded while they are read, gzip'd where *compress* says so.

    What came from elsewhere has its manifest and blobs verbatim as long as all its originals are kept.
    """
    base = images.base_image(store.log, image)
    arrival = None if base is None else _arrival(store, base)
    came = {} if arrival is None else _descriptors(arrival)
    found = tuple(
        layer_blob(store, layer, came, compress=compress) for layer in images.exported_layers(store.log, image)
    )
    manifest = None if image.seal is not None or arrival is None else _manifest(store, arrival, found)
    kind = json.loads(arrival.detail or "{}")["manifest_type"] if manifest is not None and arrival else oci.OCI_MANIFEST
    return OciImage(image_config(store, image), found, manifest, kind, tuple(names))


def image_config(store: Store, image: Image) -> bytes:
    """Return the image's OCI config; the layers born here are encoded once for it, and their digests cached."""
    return images.config(store.log, store.content, image, lambda layer: diff_id(store, layer))


def diff_id(store: Store, layer: Layer) -> bytes:
    return bytes.fromhex(layer.diff_id) if isinstance(layer, ImportedLayer) else encoded(store, layer).diff_id


def layer_tar(store: Store, layer: Layer) -> Iterator[bytes]:
    """Yield the layer's plain tar: the very bytes it came with, or those that the encoder makes of its events."""
    if isinstance(layer, ImportedLayer):
        return _original_tar(store, layer)

    def read(change: Change) -> Iterator[bytes]:
        return store.content.read(change.content) if change.content else iter(())

    return encode(_changes(store, layer), read)


def _changes(store: Store, layer: FolderLayer | SealedLayer) -> Iterator[Change]:
    if isinstance(layer, FolderLayer):
        return layers.whole(layer_view(store, layer.name))
    view = view_at(store, layer.container, layer.last)
    before = view_at(store, layer.container, layer.first - 1)
    return layers.changes(before, view, view.spans[-1].stream, layer.first, layer.last)


def encoded(store: Store, layer: FolderLayer | SealedLayer) -> Encoded:
    """Return what a layer born here encodes to; computed once, then from cache/."""
    key = layer.name if isinstance(layer, FolderLayer) else f"{layer.container}-{layer.first}-{layer.last}"
    cached = store.cache("encoded", f"{key}-v{ENCODER}.json")
    try:
        with open(cached, encoding="ascii") as file:
            stated = json.load(file)
            return Encoded(bytes.fromhex(stated["diff_id"]), stated["size"])
    except (OSError, ValueError, KeyError):
        pass
    digest, size = sha256(), 0
    for chunk in layer_tar(store, layer):
        digest.update(chunk)
        size += len(chunk)
    _remember(cached, {"diff_id": digest.hexdigest(), "size": size})
    return Encoded(digest.digest(), size)


def _remember(path: str, stated: dict[str, Any]) -> None:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(fd, "w", encoding="ascii") as file:
            json.dump(stated, file)
        os.replace(temporary, path)
    except OSError:
        return  # a cache that cannot be written costs time alone


def _original_tar(store: Store, layer: ImportedLayer) -> Iterator[bytes]:
    stream = store.log.stream("layer", layer.diff_id)
    assert stream is not None
    contents = layers.Contents(store.log, stream.id)
    framing = images.imported_layer(store.log, layer.diff_id)["framing"]

    def read(path: bytes) -> Iterator[bytes]:
        content = contents.of(path)
        return iter(()) if content is None else store.content.read(content)

    return reassemble(reader(store.content.read(framing)), read)


def layer_view(store: Store, name: str) -> View:
    """Return one layer stream alone as a view."""
    return View(store.log, store.content, lineage.of_layers(store.log, [name]))


def _arrival(store: Store, image: str) -> Event:
    """Return the latest arrival whose manifest and blobs can be given back as they came, else the latest of all."""
    arrivals = images.arrivals(store.log, image)
    whole = (event for event in arrivals if event.content is not None and _is_kept(store, _descriptors(event)))
    return next(whole, arrivals[0])


def _descriptors(arrival: Event) -> dict[str, Descriptor]:
    """Return diff_id (hex) -> the blob in which an arrival brought that layer."""
    stated = json.loads(arrival.detail or "{}")
    blobs = (oci.parse_descriptor(blob, "layer") for blob in stated["blobs"])
    return dict(zip(stated["layers"], blobs, strict=True))


def _is_kept(store: Store, came: Mapping[str, Descriptor]) -> bool:
    return all(blob.hex == layer or store.content.has(raw(blob.digest)) for layer, blob in came.items())


def _manifest(store: Store, arrival: Event, blobs: Iterable[LayerBlob]) -> bytes | None:
    """Return the manifest of an arrival, as long as the blobs are those that it names."""
    promised = [blob["digest"] for blob in json.loads(arrival.detail or "{}")["blobs"]]
    if arrival.content is None or promised != [blob.descriptor.digest for blob in blobs]:
        return None
    return store.content.read_all(arrival.content)


def layer_blob(
    store: Store, layer: Layer, came: Mapping[str, Descriptor] = MappingProxyType({}), *, compress: bool = False
) -> LayerBlob:
    """Return a layer as it is sent: in the blob that it *came* in (by diff_id), where that is kept, else plain or gzip'd."""
    original = came.get(layer.diff_id) if isinstance(layer, ImportedLayer) else None
    if isinstance(layer, ImportedLayer):
        tar = Encoded(bytes.fromhex(layer.diff_id), images.imported_layer(store.log, layer.diff_id)["size"])
    else:
        tar = encoded(store, layer)
    if original is not None and raw(original.digest) != tar.diff_id and store.content.has(raw(original.digest)):
        return LayerBlob(tar.diff_id, original, lambda: reader(store.content.read(raw(original.digest))))
    if compress:
        return _gzipped(store, layer, tar)
    descriptor = Descriptor(oci.LAYER_TYPES[""], named(tar.diff_id), tar.size)
    return LayerBlob(tar.diff_id, descriptor, lambda: hashed(layer_tar(store, layer), named(tar.diff_id), tar.size))


def _gzipped(store: Store, layer: Layer, tar: Encoded) -> LayerBlob:
    """Return the layer compressed into an unnamed file, since its size must be known before it is sent."""
    digest, size = sha256(), 0
    with tempfile.TemporaryFile(dir=spool_folder(store)) as spool:
        for chunk in gzip_blocks(layer_tar(store, layer)):
            spool.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        spool.flush()
        file = OpenFile(os.dup(spool.fileno()))
    descriptor = Descriptor(oci.LAYER_TYPES["gzip"], named(digest.digest()), size)
    return LayerBlob(tar.diff_id, descriptor, lambda: reader(pieces(Extent(file, 0, size))))


def record_saved(writer: Writer, saved: Mapping[Image, OciImage], destination: str) -> None:
    """Record where the images went, under which names and digests; call it when what was written is durable."""
    with writer.transaction():
        for image, sent in saved.items():
            manifest = writer.content.put(oci.manifest_of(sent))
            commands.record_image(
                writer, Kind.IMAGE_SAVED, image.id, manifest, destination=destination, names=list(sent.names),
                config=sha256(sent.config).hexdigest(), encoder=ENCODER,
            )  # fmt: skip


def spool_folder(store: Store) -> str:
    """Return where large unnamed files may be put while a command runs."""
    path = store.cache("spool")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path
