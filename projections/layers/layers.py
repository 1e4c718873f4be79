"""Layers: what a sealed run of a container's events leaves behind, as the Changes that an image's layer is made of."""

import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from eventstore.errors import StoreError
from eventstore.index.layers import content_at, contents_in_order
from eventstore.index.nodes import linked_in
from eventstore.index.stream_paths import has_tree_events
from eventstore.log.log import Log
from eventstore.model.changes import Change, delete
from eventstore.model.entries import Entry
from eventstore.model.events import ENCODER, Event, Kind
from eventstore.model.facts import Base, ContainerBase, FolderBase, ImageBase, Seal
from eventstore.model.paths import ancestors, is_marker, order, split
from projections.diff.tree_diff import Difference, touched_by
from projections.tree import lineage
from projections.tree.hard_links import grouped, linked_nodes
from projections.tree.subtree import as_change, as_link
from projections.tree.view import View

PASSED = 2000
UNSEALED = 0
"""Stands for the encoder of a layer that states none of its own."""


class ImportedLayer(NamedTuple):
    """A layer taken from elsewhere: `diff_id` is hex."""

    diff_id: str


class FolderLayer(NamedTuple):
    """A layer that a host folder became: it lies as imported ones do, and is encoded as those born here are."""

    name: str
    encoder: int


class SealedLayer(NamedTuple):
    """The events first..last of a container's stream, last being the seal; `commit` is the seal's id, hex.

    `commit` is "" where nothing sealed them: an unsealed point, or what a fork took along.
    """

    container: str
    first: int
    last: int
    commit: str
    encoder: int


Layer = ImportedLayer | FolderLayer | SealedLayer
LeftOut = Callable[[bytes], object]
"""Is told of each path that a layer is encoded without."""


def ignored(_: bytes) -> None:
    """Where nobody asks what is left out."""


def of_base(log: Log, base: Base) -> list[Layer]:
    """Return the layers of what a container is made from, lowest first."""
    return _with_encoders(_of_base(log, base))


def _of_base(log: Log, base: Base) -> list[Layer]:
    match base:
        case ContainerBase(container, version):
            return _of_container(log, container, version)
        case FolderBase(layer):
            return [FolderLayer(layer, UNSEALED)]
        case ImageBase():
            return [ImportedLayer(diff_id) for diff_id in lineage.layers_in(log, base)]
    return []


def of_container(log: Log, container: str, version: int) -> list[Layer]:
    """Return the layers that lie under a container at *version*: its base's, and one for each of its own seals.

    A base that is no seal (a fork of an unsealed point) has its unsealed events as one more layer.
    """
    return _with_encoders(_of_container(log, container, version))


def _of_container(log: Log, container: str, version: int) -> list[Layer]:
    stream = log.stream("container", container)
    if stream is None:
        return []
    layers = _of_base(log, lineage.base_of(log, stream.id))
    first = 1
    for seal in log.of_kind(Kind.COMMITTED, stream.id):
        if seal.version <= version:
            layers.append(SealedLayer(container, first, seal.version, seal.commit, _known(seal)))
            first = seal.version + 1
    if first <= version and has_tree_events(log, stream.id, first, version):
        layers.append(SealedLayer(container, first, version, "", UNSEALED))
    return layers


def _known(seal: Event) -> int:
    """Return the encoder that a seal states; StoreError where that is one of a later layerlog."""
    encoder = Seal.of(seal).encoder
    if encoder > ENCODER:
        raise StoreError(f"commit {seal.commit[:12]} is encoded by a newer layerlog (encoder {encoder}); update layerlog")
    return encoder


def _with_encoders(layers: list[Layer]) -> list[Layer]:
    """Return *layers*, lowest first, where what no seal of its own closes takes the encoder of the lowest seal above it.

    So an image that was made on a fork is the same on every machine; what no seal is above of is encoded as today.
    """
    encoder, found = ENCODER, list[Layer]()
    for layer in reversed(layers):
        if not isinstance(layer, ImportedLayer):
            encoder = layer.encoder or encoder
            layer = layer._replace(encoder=encoder)
        found.append(layer)
    return found[::-1]


def first_unsealed(log: Log, stream: int, version: int) -> int:
    """Return the version after the last seal at or before *version*."""
    seal = log.latest(Kind.COMMITTED, stream, version)
    return seal.version + 1 if seal else 1


def changes(
    before: View, after: View, stream: int, first: int, last: int, left_out: LeftOut = ignored
) -> Iterator[Change]:
    """Yield, in tree order, the Changes that make *before* into *after*: what a layer of these events holds.

    Deleted paths are explicit, one for each topmost one.  A node with several names is restated under all of them, so
    that the layer means the same wherever it is applied.  Names that no layer can hold are left out, with all below them
    (*left_out* is told of each); of a node with several, the next name carries it.
    """
    linked = linked_nodes(after)
    names = cache(lambda: grouped(after, linked))  # a walk, for those alone who need it
    emitted: dict[int, bytes] = {}
    gone = b""
    joined = linked_in(after.log, stream, first, last) & linked
    for found in _with_all_names(touched_by(before, after, stream, first, last), linked, names, joined):
        if is_marker(found.path):
            if found.after is not None:
                left_out(found.path)
        elif found.after is None:
            if not gone or not found.path.startswith(gone + b"/"):
                yield delete(found.path)
                gone = found.path
        elif found.after.node in emitted:
            yield as_link(found.after, emitted[found.after.node])
        else:
            if found.after.node in linked:
                emitted[found.after.node] = found.path
            if found.before is not None and found.before.is_dir and not found.after.is_dir:
                gone = found.path
            yield as_change(found.after)


def without_markers(entries: Iterable[Entry], left_out: LeftOut) -> Iterator[Entry]:
    """Yield *entries* but for those whose names no layer can hold, of which *left_out* is told."""
    for entry in entries:
        if is_marker(entry.path):
            left_out(entry.path)
        else:
            yield entry


def with_parents(changes: Iterable[Change], after: View) -> Iterator[Change]:
    """Yield *changes*, in tree order, each directory above one before it, as it is in *after*; the root is left out.

    What a layer leaves out, overlay drivers make anew, 0755 and root's, in front of the lower layer's own directory; so
    a layer names even the directories that it only deletes from.  Docker's and BuildKit's own layers do.  What is deleted
    below a path that is no directory any more is gone with that, and left out.
    """
    named: list[bytes] = []  # the directories above the latest change that were named, from the top down
    for change in changes:
        while named and not change.path.startswith(named[-1] + b"/"):
            named.pop()
        above = [after.get(directory) for directory in ancestors(change.path)[1 + len(named) :]]
        if not all(entry.is_dir for entry in above):
            continue
        yield from map(as_change, above)
        named += [entry.path for entry in above]
        yield change
        if change.kind == Kind.FILE_WRITTEN and stat.S_ISDIR(change.mode) and change.path:
            named.append(change.path)


class Contents:
    """What the files of one layer's stream hold, by path; who asks roughly in tree order is answered from one pass over it."""

    def __init__(self, log: Log, stream: int) -> None:
        self._log = log
        self._stream = stream
        self._directory_id = lru_cache(5000)(log.path_id)
        self._rest = contents_in_order(log, stream)
        self._passed: dict[bytes, bytes] = {}

    def of(self, path: bytes) -> bytes | None:
        """Return the digest of a regular file's content, None for anything else."""
        key = order(path)
        while key not in self._passed and len(self._passed) < PASSED and (following := next(self._rest, None)):
            self._passed[following[0]] = following[1]
        return self._passed.pop(key, None) or self._looked_up(path)

    def _looked_up(self, path: bytes) -> bytes | None:
        parent, name = split(path)
        directory = self._directory_id(parent)
        found = self._log.child_id(directory, name) if directory is not None else None
        return content_at(self._log, self._stream, found) if found is not None else None


def _with_all_names(
    found: Iterator[Difference], linked: set[int], names: Callable[[], dict[int, list[Entry]]], joined: set[int]
) -> Iterator[Difference]:
    """Yield *found*, and beside each changed node with several names, and each of *joined*, the names that did not change."""
    if not linked:
        yield from found
        return
    by_path = {difference.path: difference for difference in found}
    changed = {d.after.node for d in by_path.values() if d.after is not None and d.after.node in linked}
    for node in changed | {node for node in joined if len(names().get(node, ())) > 1}:
        for entry in names().get(node, ()):
            by_path.setdefault(entry.path, Difference(entry.path, entry, entry))
    yield from (by_path[path] for path in sorted(by_path, key=order))
