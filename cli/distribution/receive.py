"""Images on their way in: layers become streams of events, everything else is kept byte for byte."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from time import monotonic
from typing import NamedTuple

from cli.streams.compression import MAX_SIZE, limit, unpack
from cli.streams.reader import ChunkSource, Reader, chunks_of, verified, verify
from cli.streams.tee import tee
from cli.streams.threads import in_background
from eventstore.content.reader import Content
from eventstore.errors import InvalidError, NotFoundError
from eventstore.log.log import Log
from eventstore.model.digests import named, raw
from eventstore.model.events import Kind
from eventstore.model.facts import Arrival, tar_size
from eventstore.model.paths import shown
from eventstore.retention.reachability import returning_layers
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer
from projections.images import images
from projections.layers import lower_links
from projections.layers.tar import decode
from projections.oci import oci_image
from projections.oci.oci_image import LayerBlob, OciImage
from projections.refs.tags import archive_name

Advance = Callable[[int], None]
Came = Callable[[LayerBlob, float, bool], None]
"""Told of a layer that was read: the seconds it took, and whether its compressed blob is kept."""


class Received(NamedTuple):
    """An image that is here now: `id` is hex, `names` are full; `left_out` says of each name why it cannot be one here."""

    id: str
    names: tuple[str, ...]
    left_out: tuple[str, ...]


class StagedLayer(NamedTuple):
    """A layer's changes, and the content and the size of the tar that they re-encode to."""

    changes: Staged
    framing: bytes
    size: int


def receive(
    writer: Writer, found: Sequence[OciImage], kind: Kind, source: str, advance: Advance, *, max_layer: int = MAX_SIZE,
    came: Came = lambda *_: None,
) -> list[Received]:  # fmt: skip
    """Record the images with their layers and names, in one transaction; no layer may unpack to over *max_layer* bytes.

    Raise InvalidError or MismatchError where one is not what it says; nothing of any is kept then.  No body is read but
    those of `unread`; *advance* is told of their bytes, *came* of each.  A commit of this store that comes
    back is that commit again.
    """
    found = [_completed(writer.log, image) for image in found]
    with ExitStack() as open_until_recorded:
        staged = _staged(writer, unread(writer.log, found), advance, open_until_recorded, max_layer, came)
        with writer.transaction():
            for diff_id, layer in staged.items():
                commands.import_layer(writer, diff_id, *layer)
            return [record(writer, image, kind, source) for image in found]


def unread(log: Log, found: Iterable[OciImage]) -> list[LayerBlob]:
    """Return the layers of images not born here whose bodies must be read, each once.

    Those are the ones that are not here, and of those at hand the ones that never came in this compression, or whose contents
    were pruned and come back with them.
    """
    came: set[tuple[str, str]] | None = None
    returning = returning_layers(log)
    missing: dict[tuple[bytes, str], LayerBlob] = {}
    foreign = (image for image in found if images.born_as(log, _config(image)) is None)
    for layer in (layer for image in foreign for layer in image.layers):
        here = log.stream("layer", layer.diff_id.hex()) is not None
        if here and layer.at_hand and not _is_plain(layer):
            came = {(diff_id, blob["digest"]) for diff_id, blob in images.layer_blobs(log)} if came is None else came
            here = (layer.diff_id.hex(), layer.descriptor.digest) in came
        if not here or (layer.at_hand and layer.diff_id.hex() in returning):
            missing.setdefault((layer.diff_id, layer.descriptor.digest), layer)
    return list(missing.values())


def require_complete(found: Iterable[OciImage], layers: Iterable[LayerBlob]) -> None:
    """Raise NotFoundError where *layers*, which must be read, are not at hand: it says which are missing of which image."""
    missing = {layer.diff_id for layer in layers if not layer.at_hand}
    for image in found:
        lacking = [named(layer.diff_id) for layer in image.layers if layer.diff_id in missing]
        if lacking:
            name = shown(next(iter(image.names), oci_image.config_digest(image)))
            raise NotFoundError(
                f"{name}: {len(lacking)} of its {len(image.layers)} layers are missing in it and here: {', '.join(lacking)}; "
                "load an image that has them first, or have it saved whole"
            )


def _completed(log: Log, image: OciImage) -> OciImage:
    """Return *image* with the sizes of the layers that are here alone, which a docker-archive without them cannot say."""
    if image.manifest is not None or all(layer.at_hand for layer in image.layers):
        return image
    return replace(image, layers=tuple(layer if layer.at_hand else _as_here(log, layer) for layer in image.layers))


def _as_here(log: Log, layer: LayerBlob) -> LayerBlob:
    diff_id = layer.diff_id.hex()
    if log.stream("layer", diff_id) is None:
        return layer
    return replace(layer, descriptor=layer.descriptor._replace(size=tar_size(images.imported_layer(log, diff_id))))


def recompressed(content: Content, image: OciImage) -> list[LayerBlob]:
    """Return the layers of *image* that are here, but not in the compressed blobs that its manifest names."""
    gone = (layer for layer in image.layers if not layer.at_hand and not _is_plain(layer))
    return [layer for layer in gone if not content.has(raw(layer.descriptor.digest))]


def record(writer: Writer, image: OciImage, kind: Kind, source: str) -> Received:
    """Record that an image came, whose layers are here, and move its names to it."""
    names, left_out = _names(image)
    born = images.born_as(writer.log, _config(image))
    if born is None:
        _record_arrival(writer, image, kind, source, names)
    elif born in images.removed(writer.log):
        commands.restore_image(writer, born)
    identity = born or _config(image)
    for name in names:
        commands.move_tag(writer, name, identity)
    return Received(identity, names, left_out)


def _names(image: OciImage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the full names under which an image comes, and why others that its archive gives it are left out."""
    names, left_out = dict[str, None](), []
    for name in image.names:
        try:
            names[archive_name(name, hub=image.hub)] = None
        except InvalidError as error:
            left_out.append(str(error))
    return tuple(names), tuple(left_out)


def _config(image: OciImage) -> str:
    return oci_image.config_digest(image).removeprefix("sha256:")


def _record_arrival(writer: Writer, image: OciImage, kind: Kind, source: str, names: tuple[str, ...]) -> None:
    lower_links.check(writer.log, writer.store.content, [layer.diff_id.hex() for layer in image.layers])
    config, manifest, index = (
        None if document is None else writer.content.put(document) for document in (image.config, image.manifest, image.index)
    )
    assert config is not None
    arrival = Arrival(
        config=config.hex(), layers=[layer.diff_id.hex() for layer in image.layers],
        blobs=[oci_image.describe(layer.descriptor) for layer in image.layers], names=list(names), source=source,
        manifest_type=image.manifest_type, index=None if index is None else index.hex(),
        documents=sorted(digest.hex() for digest in {manifest, index} if digest is not None),
    )  # fmt: skip
    commands.record_image(writer, kind, config.hex(), manifest, arrival)


def open_layer(layer: LayerBlob, *, max_size: int = MAX_SIZE, tell: Callable[[bytes], object] = len) -> Reader:
    """Return the plain tar of *layer*; its end is reached only if blob digest, blob size and diff_id are all true.

    *tell* is told of each chunk of the blob, as it is stored.
    """
    what = f"layer {layer.descriptor.digest}"
    stored = verified(layer.open(), layer.descriptor.digest, layer.descriptor.size, what)
    chunks = tee(chunks_of(stored), tell)
    if _is_plain(layer):
        return Reader(limit(chunks, max_size, what), stored)
    tar = limit(unpack(chunks, what), max_size, what)
    return Reader(verify(tar, named(layer.diff_id), None, f"{what}, unpacked"), stored)


def stage(writer: Writer, tar: Iterable[bytes], max_size: int = MAX_SIZE) -> StagedLayer:
    """Read a layer's plain tar to its end: contents and framing into the content store, changes into an unnamed file.

    *max_size* is how many bytes its files may have together, holes included.
    """
    framing, source = writer.content.stream(), ChunkSource(tar)
    changes = Staged(writer.store, decode(source, writer.content, framing.write, limit=max_size))
    return StagedLayer(changes, framing.close(), source.count)


def _is_plain(layer: LayerBlob) -> bool:
    return layer.descriptor.digest == named(layer.diff_id)


def _staged(
    writer: Writer, layers: list[LayerBlob], advance: Advance, until: ExitStack, max_layer: int, came: Came
) -> dict[bytes, StagedLayer]:
    staged: dict[bytes, StagedLayer] = {}
    returning = returning_layers(writer.log)
    for layer in layers:
        began = monotonic()
        with _reading(writer, layer, advance, max_layer) as tar:
            if layer.diff_id.hex() in returning:
                stage(writer, tar, max_layer).changes.close()
            elif layer.diff_id in staged or writer.log.stream("layer", layer.diff_id.hex()) is not None:
                deque(tar, 0)  # only its compressed form is new
            else:
                staged[layer.diff_id] = stage(writer, tar, max_layer)
                until.callback(staged[layer.diff_id].changes.close)
        came(layer, monotonic() - began, not _is_plain(layer))
    return staged


@contextmanager
def _reading(writer: Writer, layer: LayerBlob, advance: Advance, max_layer: int) -> Iterator[Iterator[bytes]]:
    """Give the plain tar of *layer*, unpacked and verified in a thread of its own; compressed blobs are kept as originals."""
    arrived: deque[bytes] = deque()
    original = None if _is_plain(layer) else writer.originals.stream()

    def keep() -> None:
        """Put what the other thread has read, since SQLite wants this one."""
        while arrived:
            chunk = arrived.popleft()
            advance(len(chunk))
            if original is not None:
                original.write(chunk)

    def kept(tar: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in tar:
            keep()
            yield chunk
        keep()
        if original is not None:
            original.close()

    with open_layer(layer, max_size=max_layer, tell=arrived.append) as tar, in_background(chunks_of(tar)) as unpacked:
        yield kept(unpacked)
