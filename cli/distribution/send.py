"""Images on their way out: originals where they are kept, else encoded from events."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from cli.streams.compression import PACKERS
from cli.streams.files import Extent, OpenFile, unnamed_file
from cli.streams.reader import PIECE, Reader, pieces_of
from cli.streams.threads import Measured, hashed
from eventstore.model.changes import Change
from eventstore.model.digests import named, raw
from eventstore.model.events import ARRIVALS, Event
from eventstore.model.facts import Arrival, tar_size
from eventstore.store.store import Store
from projections.images import images, oci_form
from projections.images.images import Image
from projections.layers import layers, sizes
from projections.layers.layers import FolderLayer, ImportedLayer, Layer, LeftOut, SealedLayer, ignored
from projections.layers.tar import encode, reassemble
from projections.oci import oci_image as oci
from projections.oci.oci_image import Descriptor, LayerBlob, OciImage
from projections.tree import lineage
from projections.tree.view import View

ENCODED = "encoded"
"""The folder below cache/ that remembers what layers encode to."""


class Encoded(NamedTuple):
    """A layer's plain tar: `diff_id` (32 bytes) and size in bytes."""

    diff_id: bytes
    size: int


def oci_image(
    store: Store, image: Image, names: Iterable[str] = (), *, compress: str = "", left_out: LeftOut = ignored
) -> OciImage:
    """Return the image as others exchange it; its layers are encoded while they are read.

    Those that did not come packed are packed as *compress* says ("gzip", "zstd", "" for not at all). *left_out* is told of
    names that no layer can hold. What came from elsewhere has its manifest and blobs verbatim as long as all its originals
    are kept.
    """
    came = blobs_that_came(store, image)
    exported = oci_form.exported_layers(store.log, image)
    spool = Spool(store)
    found = {layer: layer_blob(store, layer, spool, came, compress=compress, left_out=left_out) for layer in exported}
    config = oci_form.config(store.log, store.content, image, lambda layer: found[layer].diff_id)
    return assembled(store, image, config, [found[layer] for layer in exported], names)


def assembled(store: Store, image: Image, config: bytes, blobs: Sequence[LayerBlob], names: Iterable[str]) -> OciImage:
    """Return the image of these parts, with the manifest that it came with where that still names them."""
    arrival = _arrival(store, image.id) if image.came else None
    manifest = None if arrival is None else _manifest(store, arrival, blobs)
    kind = Arrival.of(arrival).manifest_type if manifest is not None and arrival else oci.OCI_MANIFEST
    return OciImage(config, tuple(blobs), manifest, kind, tuple(names))


def blobs_that_came(store: Store, image: Image) -> dict[str, Descriptor]:
    """Return diff_id (hex) -> the blob in which the image, or what it stands on, brought that layer."""
    base = images.base_image(store.log, image)
    return {} if base is None else _descriptors(_arrival(store, base))


def image_config(store: Store, image: Image) -> bytes:
    """Return the image's OCI config; the layers born here are encoded once for it, and their digests cached."""
    return oci_form.config(store.log, store.content, image, lambda layer: plain_form(store, layer).diff_id)


def plain_in_manifest(store: Store, image: Image) -> set[Layer]:
    """Return the layers with which an image came as plain tars: packed, they would not be those that its manifest names."""
    arrival = _arrival(store, image.id) if image.came else None
    if arrival is None or arrival.content is None:
        return set()
    return {ImportedLayer(diff_id) for diff_id, blob in _descriptors(arrival).items() if blob.hex == diff_id}


def plain_form(store: Store, layer: Layer) -> Encoded:
    if isinstance(layer, ImportedLayer):
        return Encoded(bytes.fromhex(layer.diff_id), tar_size(images.imported_layer(store.log, layer.diff_id)))
    return encoded(store, layer)


def layer_tar(store: Store, layer: Layer, left_out: LeftOut = ignored) -> Iterator[bytes]:
    """Yield the layer's plain tar: the very bytes it came with, or those that the encoder makes of its events."""
    if isinstance(layer, ImportedLayer):
        return _original_tar(store, layer)
    return tar_of(store, changes_of(store, layer, left_out))


def tar_of(store: Store, changes: Iterable[Change]) -> Iterator[bytes]:
    """Yield the layer tar that the encoder makes of *changes*, with the contents that the store has."""

    def read(change: Change) -> Iterator[bytes]:
        return store.content.read(change.content) if change.content else iter(())

    return encode(changes, read)


def changes_of(store: Store, layer: FolderLayer | SealedLayer, left_out: LeftOut = ignored) -> Iterator[Change]:
    """Yield what a layer that no tar framed changes, in the order in which its encoder writes it."""
    return sizes.held(store.log, store.content, layer, left_out)


def encoded(store: Store, layer: FolderLayer | SealedLayer) -> Encoded:
    """Return what a layer born here encodes to; computed once, then from cache/."""
    found = _remembered(store, layer)
    if found is None:
        found = encoded_anew(store, layer)
        remember(store, layer, found)
    return found


def encoded_anew(store: Store, layer: FolderLayer | SealedLayer) -> Encoded:
    """Return what a layer encodes to, whatever cache/ says."""
    seen = Measured(layer_tar(store, layer))
    deque(seen, 0)
    return Encoded(seen.digest.digest(), seen.size)


def _cached_name(layer: FolderLayer | SealedLayer) -> tuple[str, str]:
    key = layer.name if isinstance(layer, FolderLayer) else f"{layer.container}-{layer.first}-{layer.last}"
    return ENCODED, f"{key}-v{layer.encoder}.json"


def _remembered(store: Store, layer: FolderLayer | SealedLayer) -> Encoded | None:
    try:
        stated = json.loads(store.cache.read(*_cached_name(layer)) or b"")
        return Encoded(bytes.fromhex(stated["diff_id"]), stated["size"])
    except (ValueError, KeyError):
        return None


def remember(store: Store, layer: Layer, found: Encoded) -> None:
    """Let the next one who asks need not encode the layer; of one taken from elsewhere the log knows it."""
    if not isinstance(layer, ImportedLayer):
        stated = {"diff_id": found.diff_id.hex(), "size": found.size}
        store.cache.write(json.dumps(stated).encode(), *_cached_name(layer))


def _original_tar(store: Store, layer: ImportedLayer) -> Iterator[bytes]:
    contents = layers.Contents(store.log, store.log.existing("layer", layer.diff_id).id)
    framing = images.imported_layer(store.log, layer.diff_id).content or b""

    def read(path: bytes) -> Iterator[bytes]:
        content = contents.of(path)
        return iter(()) if content is None else store.content.read(content)

    return reassemble(Reader(store.content.read(framing)), read)


def layer_view(store: Store, name: str) -> View:
    """Return one layer stream alone as a view."""
    return View(store.log, store.content, lineage.of_layers(store.log, [name]))


def _arrival(store: Store, image: str) -> Event:
    """Return the latest arrival whose manifest and blobs can be given back as they came, else the latest of all."""
    arrivals = lineage.travels(store.log, image, ARRIVALS)
    whole = (event for event in arrivals if event.content is not None and _is_kept(store, _descriptors(event)))
    return next(whole, arrivals[0])


def _descriptors(arrival: Event) -> dict[str, Descriptor]:
    """Return diff_id (hex) -> the blob in which an arrival brought that layer."""
    stated = Arrival.of(arrival)
    blobs = (oci.parse_descriptor(blob, "layer") for blob in stated.blobs)
    return dict(zip(stated.layers, blobs, strict=True))


def _is_kept(store: Store, came: Mapping[str, Descriptor]) -> bool:
    return all(blob.hex == layer or store.content.has(raw(blob.digest)) for layer, blob in came.items())


def _manifest(store: Store, arrival: Event, blobs: Iterable[LayerBlob]) -> bytes | None:
    """Return the manifest of an arrival, as long as the blobs are those that it names."""
    promised = [blob["digest"] for blob in Arrival.of(arrival).blobs]
    if arrival.content is None or promised != [blob.descriptor.digest for blob in blobs]:
        return None
    return store.content.read_all(arrival.content)


class Spool:
    """One unnamed file for what must be written before its digest and size are known; gone with its last reader."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file: OpenFile | None = None
        self._end = 0

    def put(self, chunks: Iterable[bytes]) -> Callable[[], Reader]:
        """Write *chunks*; return what opens them."""
        if self._file is None:
            self._file = unnamed_file(spool_folder(self._store))
        file, start = self._file, self._end
        with open(file.descriptor, "wb", buffering=PIECE, closefd=False) as out:
            out.writelines(chunks)
            size = out.tell() - start
        self._end += size
        return lambda: Reader(pieces_of(Extent(file, start, size)))


def layer_blob(
    store: Store, layer: Layer, spool: Spool, came: Mapping[str, Descriptor] = MappingProxyType({}), *, compress: str = "",
    left_out: LeftOut = ignored,
) -> LayerBlob:  # fmt: skip
    """Return a layer as it is sent: in the blob that it *came* in (by diff_id), where that is kept, else plain or packed."""
    original = kept_blob(store, layer, came)
    if original is not None:
        return original
    tar = known_form(store, layer)
    if compress or tar is None:
        return _spooled(store, layer, spool, left_out, compress=compress)
    descriptor, size = Descriptor(oci.LAYER_TYPES[""], named(tar.diff_id), tar.size), tar.size
    return LayerBlob(tar.diff_id, descriptor, lambda: hashed(layer_tar(store, layer, left_out), descriptor.digest, size))


def kept_blob(store: Store, layer: Layer, came: Mapping[str, Descriptor]) -> LayerBlob | None:
    """Return the compressed blob that a layer *came* in, None where it is not kept, or came plain."""
    if isinstance(layer, ImportedLayer) and (original := came.get(layer.diff_id)) and original.hex != layer.diff_id:
        digest = raw(original.digest)
        if store.content.has(digest):
            return LayerBlob(raw(layer.diff_id), original, lambda: Reader(store.content.read(digest)))
    return None


def known_form(store: Store, layer: Layer) -> Encoded | None:
    """Return a layer's plain tar as far as that costs nothing: None where it was never encoded before."""
    return plain_form(store, layer) if isinstance(layer, ImportedLayer) else _remembered(store, layer)


def _spooled(store: Store, layer: Layer, spool: Spool, left_out: LeftOut, *, compress: str) -> LayerBlob:
    plain = Measured(layer_tar(store, layer, left_out))
    stored = Measured(PACKERS[compress](plain)) if compress else plain
    opener = spool.put(stored)
    tar = Encoded(plain.digest.digest(), plain.size)
    remember(store, layer, tar)
    descriptor = Descriptor(oci.LAYER_TYPES[compress], named(stored.digest.digest()), stored.size)
    return LayerBlob(tar.diff_id, descriptor, opener)


def spool_folder(store: Store) -> str:
    """Return where large unnamed files may be put while a command runs: in the cache, of a read-only store in TMPDIR."""
    path = store.cache.path("spool")
    with suppress(OSError):
        os.makedirs(path, mode=0o700, exist_ok=True)
    if os.access(path, os.W_OK):
        return path
    from tempfile import gettempdir

    return gettempdir()
