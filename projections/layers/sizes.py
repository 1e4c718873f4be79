"""Sizes of layers that were made here: of what a layer holds, whatever was written before and is not in it."""

import stat
from collections.abc import Iterator

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.model.changes import Change
from eventstore.model.events import Kind
from projections.layers import layers
from projections.layers.layers import FolderLayer, LeftOut, SealedLayer, ignored
from projections.tree import lineage
from projections.tree.subtree import as_changes
from projections.tree.view import View
from projections.tree.walk import walk

FOLDER = "sizes-1"  # the version of what is written there


def held(log: Log, content: Content, layer: FolderLayer | SealedLayer, left_out: LeftOut = ignored) -> Iterator[Change]:
    """Yield what a layer that no tar framed changes, in the order in which its encoder writes it."""
    if isinstance(layer, FolderLayer):
        view = View(log, content, lineage.of_layers(log, [layer.name]))
        return as_changes(view, layers.without_markers(walk(view), left_out))
    before, after = (
        View(log, content, lineage.of_container(log, layer.container, version)) for version in (layer.first - 1, layer.last)
    )
    found = layers.changes(before, after, after.spans[-1].stream, layer.first, layer.last, left_out)
    return found if layer.encoder == 1 else layers.with_parents(found, after)


def of_layer(log: Log, content: Content, layer: FolderLayer | SealedLayer) -> int:
    """Return the bytes of the regular files that the layer's tar holds, a file with several names once: no framing, and
    nothing that was overwritten or deleted before the seal; what only got another mode or owner is held whole.

    O(paths that its events touched), once; then one file of cache/.
    """
    name = layer.name if isinstance(layer, FolderLayer) else f"{layer.container}-{layer.first}-{layer.last}"
    known = remembered(log, name)
    if known is None:
        lean = layer._replace(encoder=1)  # later encoders name more directories, and no other file
        known = sum(change.size for change in held(log, content, lean) if _is_file(change))
        remember(log, name, known)
    return known


def _is_file(change: Change) -> bool:
    return change.kind == Kind.FILE_WRITTEN and stat.S_ISREG(change.mode)


def remembered(log: Log, name: str) -> int | None:
    """Return the size that is remembered under *name*: that of what never changes; None where none is."""
    data = log.cache.read(FOLDER, name) if log.cache is not None else None
    return int(data) if data and data.isdigit() else None


def remember(log: Log, name: str, size: int) -> None:
    if log.cache is not None and not log.in_transaction:
        log.cache.write(str(size).encode(), FOLDER, name)
