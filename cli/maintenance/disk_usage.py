"""Where the disk space goes, and what could be had back."""

import os
from collections.abc import Iterator
from typing import Any

from eventstore.disk import cache_mounts
from eventstore.retention import collection, compaction
from eventstore.store.store import Store
from projections.images import images, oci_form
from projections.images.images import Image
from projections.layers import layers
from projections.layers.layers import Layer, SealedLayer
from projections.refs import containers


def rows(store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row (type, count, size, reclaimable, how) for each kind of thing: O(events + contents)."""
    garbage = collection.survey(store, originals=True)
    yield _images(store)
    yield _containers(store)
    held = compaction.folder_size(os.path.join(store.path, "content", "segments"))
    kept = compaction.folder_size(os.path.join(store.path, "content", "originals"))
    plain = collection.survey(store)
    yield _row("contents", compaction.stored(store), held, plain.content_bytes, "gc")
    yield _row("originals", garbage.originals, kept, garbage.original_bytes, "gc --originals")
    files = (os.path.join(store.path, name) for name in ("log.db", "log.db-wal"))
    size = sum(os.path.getsize(file) for file in files if os.path.exists(file))
    yield _row("log", store.log.head().position, size, 0, "")
    cached = sum(len(names) for _, _, names in os.walk(store.cache.path()))
    yield _row("cache", cached, garbage.cache_bytes, garbage.cache_bytes, "gc")
    if mounts := cache_mounts.names(store.path):
        size = compaction.folder_size(os.path.join(store.path, cache_mounts.FOLDER))
        yield _row("cache mounts", len(mounts), size, size, "prune --build-cache")


def _row(what: str, count: int, size: int, reclaimable: int, how: str) -> dict[str, Any]:
    return {"type": what, "count": count, "size": size, "reclaimable": reclaimable, "how": how if reclaimable else ""}


def _images(store: Store) -> dict[str, Any]:
    """Count the layers of images, each once; those that only removed images have could be pruned."""
    log, alive, gone = store.log, set[Layer](), set[Layer]()
    count, newest = 0, dict[tuple[object, bool], Image]()
    for image in images.all_images(log):
        count += not image.removed
        newest.setdefault((image.seal.stream if image.seal else image.id, image.removed), image)
    for image in newest.values():  # it has the layers of all older ones of its container
        (gone if image.removed else alive).update(oci_form.layers_of(log, image))
    sizes = {layer: oci_form.layer_size(log, store.content, layer) for layer in alive | gone}
    return _row("images", count, sum(sizes.values()), sum(sizes[layer] for layer in gone - alive), "prune")


def _containers(store: Store) -> dict[str, Any]:
    """Count what containers hold above their bases, sealed or not; what removed ones hold that were never sealed could be
    pruned.
    """
    log, count, size, gone = store.log, 0, 0, 0
    for container in containers.all_containers(log):
        count += not container.removed
        own = (layer for layer in layers.of_container(log, container.id, container.version) if isinstance(layer, SealedLayer))
        held = sum(oci_form.layer_size(log, store.content, layer) for layer in own if layer.container == container.id)
        size += held
        gone += held if container.removed and not container.sealed else 0
    return _row("containers", count, size, gone, "prune")
