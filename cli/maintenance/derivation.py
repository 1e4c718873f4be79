"""Images made anew without what was erased: each of their layers that held it is encoded without those paths."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from cli.distribution import receive, send
from cli.streams.reader import Reader
from cli.streams.threads import Measured
from eventstore.model.changes import Change
from eventstore.model.digests import named
from eventstore.model.entries import node_of
from eventstore.model.events import Event, Kind, Node
from eventstore.model.facts import tar_size
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.events.records import Records
from projections.history.derivation import SOURCE
from projections.images import images, oci_form
from projections.images.images import Image
from projections.layers.layers import ImportedLayer, Layer
from projections.oci.oci_image import LAYER_TYPES, Descriptor, LayerBlob, OciImage
from projections.refs import tags


class Derived(NamedTuple):
    """An image (hex) and what was made of it; `left_out` says of each name why it cannot be the new one's."""

    old: str
    new: str
    left_out: tuple[str, ...]


def derive(store: Store, writer: Writer, held: Collection[str], gone: Collection[bytes]) -> list[Derived]:
    """Make every image of *held* that has a name anew without the contents *gone*, and give its names to the new one.

    Layers that hold none of it stay what they are.
    """
    made = []
    for image in sorted(held):
        names = tags.now(store.log, image)
        if names:
            found = _without(store, images.get(store.log, image), frozenset(gone), names)
            (arrived,) = receive.receive(writer, [found], Kind.IMAGE_LOADED, SOURCE.format(image), lambda _: None)
            made.append(Derived(image, arrived.id, arrived.left_out))
    return made


def _without(store: Store, image: Image, gone: frozenset[bytes], names: Iterable[str]) -> OciImage:
    dropped: set[bytes] = set()
    spool = send.Spool(store)
    blobs = [_layer(store, layer, gone, dropped, spool) for layer in oci_form.exported_layers(store.log, image)]
    config = json.loads(oci_form.config(store.log, store.content, image, _old_diff_id))
    config["rootfs"]["diff_ids"] = [named(blob.diff_id) for blob in blobs]
    return OciImage(json.dumps(config, separators=(",", ":")).encode(), tuple(blobs), names=tuple(names), hub=True)


def _old_diff_id(layer: Layer) -> bytes:
    """The old config's own layers are told apart by it; all of them are named anew afterwards."""
    return bytes.fromhex(layer.diff_id) if isinstance(layer, ImportedLayer) else bytes(32)


def _layer(store: Store, layer: Layer, gone: frozenset[bytes], dropped: set[bytes], spool: send.Spool) -> LayerBlob:
    """Return the layer as it came where nothing of it goes, else encoded from what is kept of its changes.

    *dropped* are the paths that the layers so far lack for it.
    """
    going = set()
    for change in _changes(store, layer):
        if change.content in gone:
            going.add(change.path)
        elif change.kind == Kind.FILE_WRITTEN:
            dropped.discard(change.path)
    dropped |= going
    links = {change.path for change in _changes(store, layer) if change.kind == Kind.LINK_MADE and change.target in dropped}
    dropped |= links
    if isinstance(layer, ImportedLayer) and not going | links:
        size = tar_size(images.imported_layer(store.log, layer.diff_id))
        return _plain(bytes.fromhex(layer.diff_id), size, lambda: Reader(send.layer_tar(store, layer)))
    kept = (change for change in _changes(store, layer) if change.path not in going | links)
    tar = Measured(send.tar_of(store, kept))
    opener = spool.put(tar)
    return _plain(tar.digest.digest(), tar.size, opener)


def _changes(store: Store, layer: Layer) -> Iterator[Change]:
    if not isinstance(layer, ImportedLayer):
        return send.changes_of(store, layer)
    path, events = Records(store.log).path, store.log.events(store.log.existing("layer", layer.diff_id).id)
    return (Change(Kind(event.kind), path(event.path), *_node(store, event)) for event in events if event.path is not None)


def _node(store: Store, event: Event) -> Node:
    """Return what an event of an imported layer states; of a hard link within it, with the attributes of the file, too."""
    node = node_of(event)
    if event.kind != Kind.LINK_MADE or event.node is None:
        return node
    file = store.log.at(event.node)
    return node._replace(mode=file.mode, uid=file.uid, gid=file.gid, mtime=file.mtime)


def _plain(diff_id: bytes, size: int, opener: Callable[[], BinaryIO]) -> LayerBlob:
    return LayerBlob(diff_id, Descriptor(LAYER_TYPES[""], named(diff_id), size), opener)
