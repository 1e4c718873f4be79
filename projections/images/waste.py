"""What later layers leave of a layer's bytes, and how much of all that an image's layers hold is worth its room."""

import stat
from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.index.layers import in_order
from eventstore.log.log import Log
from eventstore.model.changes import Change
from eventstore.model.entries import node_of
from eventstore.model.events import Event, Kind
from eventstore.model.paths import path_of, split
from projections.images import oci_form
from projections.layers import sizes
from projections.layers.layers import Layer, SealedLayer

_COLUMNS = len(Event._fields)


class File:
    """A regular file that the `layer`th layer from below holds (0: the lowest), and how many `names` of it still show."""

    def __init__(self, path: bytes, size: int, layer: int) -> None:
        self.path = path
        self.size = size
        self.layer = layer
        self.names = 0


class Weighed(NamedTuple):
    """`wasted` are the bytes of each layer's files that no name shows any more above all layers, the lowest layer first;
    `efficiency` is that of each layer with all below it, the last one that of the whole.
    """

    wasted: list[int]
    efficiency: list[float]
    files: list[File]

    def largest(self, count: int) -> list[File]:
        """Return the largest files that any layer holds, hidden ones too, the largest first."""
        return nlargest(count, self.files, key=lambda file: (file.size, file.layer))


def weighed(log: Log, content: Content, found: Iterable[Layer]) -> Weighed:
    """Return what the layers *found*, lowest first, are worth together: O(what they hold), in time and memory.

    Efficiency is as dive counts it (dive/filetree/efficiency.go, `Efficiency`): over each layer's own tree and its leaves
    alone, by path, the sum of each path's smallest size divided by the sum of all its sizes, 1 where those are 0.  A deleted
    file counts 0 and a deleted directory what lay below it; a further hard link counts 0, and an opaque marker is no leaf.
    """
    pile, efficiency = _Pile(), list[float]()
    for number, layer in enumerate(found):
        pile.lay(number, list(_held(log, content, layer)))
        efficiency.append(pile.efficiency)
    wasted = [0] * len(efficiency)
    for file in pile.files:
        wasted[file.layer] += 0 if file.names else file.size
    return Weighed(wasted, efficiency, pile.files)


def _held(log: Log, content: Content, layer: Layer) -> Iterator[Change]:
    """Yield what a layer changes, as its events say it."""
    if isinstance(layer, SealedLayer):
        return sizes.held(log, content, layer._replace(encoder=1))  # later encoders name more directories, and no other file
    stream, first, last = oci_form.events_of(log, layer)
    rows = ((path_of(key), Event._make(row[:_COLUMNS])) for key, row in in_order(log, stream, first, last))
    return (Change(Kind(event.kind), path, *node_of(event)) for path, event in rows)


class _Pile:
    """The merged tree of the layers that were laid so far, each on those below it; a directory is None."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self._tree: dict[bytes, File | None] = {b"": None}
        self._below: dict[bytes, set[bytes]] = {b"": set()}
        self._smallest: dict[bytes, int] = {}
        self._least = self._all = 0

    @property
    def efficiency(self) -> float:
        return self._least / self._all if self._all else 1.0

    def lay(self, number: int, held: list[Change]) -> None:
        """Lay one more layer, the *number*th: what it hides first, as that acts on lower layers only."""
        for change in held:
            if change.kind == Kind.PATH_DELETED:
                self._count(change.path, self._size_below(change.path))
        for change in held:
            if change.kind == Kind.PATH_DELETED:
                self._remove(change.path)
            elif change.kind == Kind.DIRECTORY_CLEARED:
                self._clear(change.path)
        puts = [change for change in held if change.kind in (Kind.FILE_WRITTEN, Kind.DIRECTORY_IMPLIED)]
        links = [change for change in held if change.kind == Kind.LINK_MADE]
        parents = {split(change.path)[0] for change in held if change.path}
        for put in puts:
            self._put(number, put)
            if put.path not in parents:
                self._count(put.path, put.size if stat.S_ISREG(put.mode) else 0)
        self._link(links)

    def _put(self, number: int, put: Change) -> None:
        if stat.S_ISDIR(put.mode):
            if put.path not in self._below:
                self._place(put.path, None)
                self._below[put.path] = set()
            return
        file = File(put.path, put.size if stat.S_ISREG(put.mode) else 0, number)
        self._place(put.path, file)
        self.files += [file] * stat.S_ISREG(put.mode)

    def _link(self, links: list[Change]) -> None:
        """Give files more names, whichever name of theirs a link is to."""
        replaced = {link.path for link in links}
        while links:
            found = ((link, self._tree.get(link.target or b"")) for link in links if link.target not in replaced)
            there = [(link, file) for link, file in found if file is not None]
            for link, file in there:
                self._place(link.path, file)
                self._count(link.path, 0)
            replaced -= {link.path for link, _ in there}
            left = [link for link in links if link.path in replaced]
            links = left if there else []

    def _place(self, path: bytes, file: File | None) -> None:
        if file is not None:
            file.names += 1
        self._remove(path)
        self._tree[path] = file
        self._below.setdefault(split(path)[0], set()).add(path)

    def _remove(self, path: bytes) -> None:
        self._clear(path)
        self._below.pop(path, None)
        file = self._tree.pop(path, None)
        if file is not None:
            file.names -= 1
        self._below.get(split(path)[0], set()).discard(path)

    def _clear(self, path: bytes) -> None:
        for gone in list(self._beneath(path))[::-1]:
            self._below.pop(gone, None)
            file = self._tree.pop(gone)
            if file is not None:
                file.names -= 1
        if path in self._below:
            self._below[path] = set()

    def _beneath(self, path: bytes) -> Iterator[bytes]:
        waiting = list(self._below.get(path, ()))
        while waiting:
            found = waiting.pop()
            yield found
            waiting += self._below.get(found, ())

    def _size_below(self, path: bytes) -> int:
        """Return the bytes of the files below a directory, each under the name that a layer has it whole by."""
        files = ((found, self._tree[found]) for found in self._beneath(path))
        return sum(file.size for found, file in files if file is not None and file.path == found)

    def _count(self, path: bytes, size: int) -> None:
        """Count one more leaf of some layer's tree."""
        least = self._smallest.get(path)
        self._all += size
        self._least += size if least is None else min(size - least, 0)
        self._smallest[path] = size if least is None else min(size, least)
