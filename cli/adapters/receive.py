"""Images on their way in: layers become streams of events, everything else is kept byte for byte."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from cli.adapters.blobs import layer_tar, pieces, reader, verified
from eventstore import commands
from eventstore.events import Kind
from eventstore.staging import Staged
from eventstore.store import Writer
from projections import oci
from projections.layer_tar import decode
from projections.names import image_name
from projections.oci import LayerBlob, OciImage
from projections.oci_digest import named

Advance = Callable[[int], None]


def receive(
    writer: Writer, images: Iterable[OciImage], kind: Kind, source: str, advance: Advance, *, names: tuple[str, ...] | None = None
) -> list[str]:
    """Record *images* with their layers and names, each in one transaction; return their ids (hex).

    No body of a layer that is here already is read.  Raise InvalidError or MismatchError where an image is not what it
    says; nothing of it is kept then.  *advance* is told of the blob bytes read.
    """
    return [_receive(writer, image, kind, source, advance, image.names if names is None else names) for image in images]


def _receive(writer: Writer, image: OciImage, kind: Kind, source: str, advance: Advance, names: tuple[str, ...]) -> str:
    full_names = [str(image_name(name)) for name in names]
    missing = [layer for layer in _distinct(image.layers) if writer.log.stream("layer", layer.diff_id.hex()) is None]
    with _staged(writer, missing, advance) as staged, writer.transaction():
        for layer, changes, framing, size in staged:
            commands.import_layer(writer, layer.diff_id, changes, framing, size)
        config = writer.content.put(image.config)
        documents = [document for document in (image.manifest, image.index) if document is not None]
        kept = {digest.hex() for digest in map(writer.content.put, documents)}
        commands.record_image(
            writer, kind, config.hex(), writer.content.put(image.manifest) if image.manifest is not None else None,
            source=source, names=full_names, config=config.hex(), manifest_type=image.manifest_type,
            index=writer.content.put(image.index).hex() if image.index is not None else None,
            layers=[layer.diff_id.hex() for layer in image.layers], blobs=[_blob(layer) for layer in image.layers],
            documents=sorted(kept),
        )  # fmt: skip
        for name in full_names:
            commands.move_tag(writer, name, config.hex())
    return config.hex()


def _blob(layer: LayerBlob) -> dict[str, Any]:
    return oci.describe(layer.descriptor)


def _distinct(layers: Iterable[LayerBlob]) -> Iterator[LayerBlob]:
    seen = set()
    for layer in layers:
        if layer.diff_id not in seen:
            seen.add(layer.diff_id)
            yield layer


Received = tuple[LayerBlob, Staged, bytes, int]


@contextmanager
def _staged(writer: Writer, layers: list[LayerBlob], advance: Advance) -> Iterator[list[Received]]:
    staged: list[Received] = []
    try:
        for layer in layers:
            staged.append(_stage(writer, layer, advance))
        yield staged
    finally:
        for _, changes, _, _ in staged:
            changes.close()


def _stage(writer: Writer, layer: LayerBlob, advance: Advance) -> Received:
    """Read one layer to its end: contents and framing into the content store, changes into a temporary table."""
    framing = writer.content.stream()
    plain = layer.descriptor.digest == named(layer.diff_id)
    original = None if plain else writer.originals.stream()
    with layer_tar(_watched(layer, original.write if original else _ignore, advance)) as tar:
        counted = _Counted(tar)
        changes = Staged(writer.store.db, decode(counted, writer.content, framing.write))
    if original is not None:
        original.close()
    return layer, changes, framing.close(), counted.size


def _watched(layer: LayerBlob, write: Callable[[bytes], object], advance: Advance) -> LayerBlob:
    """Return *layer*, whose stored bytes go to *write* as they are read."""

    def pass_on(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            write(chunk)
            advance(len(chunk))
            yield chunk

    def opened() -> BinaryIO:
        stored = verified(layer.open(), layer.descriptor.digest, layer.descriptor.size)
        found = reader(pass_on(pieces(stored)), stored)
        found.claim = stored.claim
        return found

    return replace(layer, open=opened)


def _ignore(_: bytes) -> None:
    pass


class _Counted:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int, /) -> bytes:
        found = self._stream.read(size)
        self.size += len(found)
        return found
