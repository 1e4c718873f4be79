"""Images on their way out: originals where they are kept, else encoded from events."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from cli.adapters.blobs import Extent, OpenFile, gzip_blocks, pieces, reader
from eventstore.changes import Change
from eventstore.store import Store
from projections import images, layers, lineage, oci
from projections.containers import view_at
from projections.images import Image
from projections.layer_tar import ENCODER, encode, reassemble
from projections.layers import FolderLayer, ImportedLayer, Layer, SealedLayer
from projections.oci import Descriptor, LayerBlob, OciImage
from projections.oci_digest import named
from projections.oci_platform import wanted_platform
from projections.view import View


class Encoded(NamedTuple):
    """A layer's plain tar: `diff_id` (32 bytes) and size in bytes."""

    diff_id: bytes
    size: int


def oci_image(store: Store, image: Image, names: Iterable[str] = (), *, compress: bool = False) -> OciImage:
    """Return the image as others exchange it; layers are encoded while they are read, gzip'd where *compress* says so.

    What came from elsewhere has its manifest and blobs verbatim as long as all its originals are kept.
    """
    found = [_blob(store, image, layer, compress=compress) for layer in images.exported_layers(store.log, image)]
    manifest, kind = _manifest(store, image, found)
    return OciImage(image_config(store, image), tuple(found), manifest, kind, tuple(names))


def image_config(store: Store, image: Image) -> bytes:
    """Return the image's OCI config; the layers born here are encoded once for it, and their digests cached."""
    return images.config(
        store.log, store.content, image, lambda layer: diff_id(store, layer), wanted_platform(None, os.uname().machine)
    )


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
    view = layer_view(store, layer.diff_id)
    framing = images.imported_layer(store.log, layer.diff_id)["framing"]

    def read(path: bytes) -> Iterator[bytes]:
        return view.read(view.get(path))

    return reassemble(reader(store.content.read(framing)), read)


def layer_view(store: Store, name: str) -> View:
    """Return one layer stream alone as a view."""
    return View(store.log, store.content, lineage.of_layers(store.log, [name]))


def _blob(store: Store, image: Image, layer: Layer, *, compress: bool) -> LayerBlob:
    if isinstance(layer, ImportedLayer):
        original = _original_blob(store, layer)
        if original is not None:
            return original
        size = images.imported_layer(store.log, layer.diff_id)["size"]
        tar = Encoded(bytes.fromhex(layer.diff_id), size)
    else:
        tar = encoded(store, layer)
    if compress:
        return _gzipped(store, layer, tar)
    descriptor = Descriptor(oci.LAYER_TYPES[""], named(tar.diff_id), tar.size)
    return LayerBlob(tar.diff_id, descriptor, lambda: reader(layer_tar(store, layer)))


def _original_blob(store: Store, layer: ImportedLayer) -> LayerBlob | None:
    """Return the compressed blob that the layer came in, where one is kept."""
    for stated in images.blobs_of_layer(store.log, layer.diff_id):
        descriptor = oci.parse_descriptor(stated, f"layer {layer.diff_id[:12]}")
        digest = bytes.fromhex(descriptor.hex)
        if descriptor.hex != layer.diff_id and store.content.has(digest):
            return LayerBlob(bytes.fromhex(layer.diff_id), descriptor, lambda: reader(store.content.read(digest)))
    return None


def _gzipped(store: Store, layer: Layer, tar: Encoded) -> LayerBlob:
    """Return the layer compressed into an unnamed file, since its size must be known before it is sent."""
    spool = tempfile.TemporaryFile(dir=_spool(store))
    digest, size = sha256(), 0
    for chunk in gzip_blocks(layer_tar(store, layer)):
        spool.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    spool.flush()
    file = OpenFile(os.dup(spool.fileno()))
    spool.close()
    descriptor = Descriptor(oci.LAYER_TYPES["gzip"], named(digest.digest()), size)
    return LayerBlob(tar.diff_id, descriptor, lambda: reader(pieces(Extent(file, 0, size))))


def _spool(store: Store) -> str:
    path = store.cache("spool")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def _manifest(store: Store, image: Image, blobs: list[LayerBlob]) -> tuple[bytes | None, str]:
    """Return the manifest that the image came with, as long as the blobs are those that it names."""
    if image.seal is None:
        arrival = lineage.arrival(store.log, image.id)
        stated = json.loads(arrival.detail or "{}")
        promised = [blob["digest"] for blob in stated["blobs"]]
        if arrival.content is not None and promised == [blob.descriptor.digest for blob in blobs]:
            return store.content.read_all(arrival.content), stated["manifest_type"]
    return None, oci.OCI_MANIFEST

