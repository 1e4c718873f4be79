"""Layers: what a sealed run of a container's events leaves behind, as the Changes that an image's layer is made of."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from eventstore.changes import Change, delete
from eventstore.entries import Entry
from eventstore.events import Event, Kind
from eventstore.log import Log
from eventstore.paths import order, split
from projections import lineage
from projections.diff import Difference, touched_by
from projections.hard_links import grouped, linked_nodes
from projections.keys import Keys
from projections.subtree import as_change, as_link
from projections.view import View

PASSED = 2000


class ImportedLayer(NamedTuple):
    """A layer taken from elsewhere: `diff_id` is hex."""

    diff_id: str


class FolderLayer(NamedTuple):
    """A layer that a host folder became: it lies as imported ones do, and is encoded as those born here are."""

    name: str


class SealedLayer(NamedTuple):
    """The events first..last of a container's stream, last being the seal; `commit` is the seal's id, hex."""

    container: str
    first: int
    last: int
    commit: str


Layer = ImportedLayer | FolderLayer | SealedLayer


def of_base(log: Log, base: object) -> list[Layer]:
    """Return the layers of what a container is made from, lowest first."""
    if not isinstance(base, dict):
        return []
    if "container" in base:
        return of_container(log, base["container"], base["version"])
    if "layer" in base:
        return [FolderLayer(base["layer"])]
    return [ImportedLayer(diff_id) for diff_id in lineage.layers_of(log, base["image"])] if "image" in base else []


def of_container(log: Log, container: str, version: int) -> list[Layer]:
    """Return the layers that lie under a container at *version*: its base's, and one for each of its own seals.

    A base that is no seal (a fork of an unsealed point) has its unsealed events as one more layer.
    """
    stream = log.stream("container", container)
    if stream is None:
        return []
    layers = of_base(log, lineage.base_of(log, stream.id))
    first = 1
    for seal in seals(log, stream.id):
        if seal.version <= version:
            layers.append(SealedLayer(container, first, seal.version, seal.commit))
            first = seal.version + 1
    if first <= version and has_tree_events(log, stream.id, first, version):
        layers.append(SealedLayer(container, first, version, ""))
    return layers


def seals(log: Log, stream: int) -> Iterator[Event]:
    """Yield the Committed events of a container's stream, oldest first."""
    return log.of_kind(Kind.COMMITTED, stream)


def has_tree_events(log: Log, stream: int, first: int, last: int) -> bool:
    row = log.db.execute(
        "SELECT 1 FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND path IS NOT NULL LIMIT 1", (stream, first, last)
    ).fetchone()
    return row is not None


def first_unsealed(log: Log, stream: int, version: int) -> int:
    """Return the version after the last seal at or before *version*."""
    seal = log.latest(Kind.COMMITTED, stream, version)
    return seal.version + 1 if seal else 1


def changes(before: View, after: View, stream: int, first: int, last: int) -> Iterator[Change]:
    """Yield, in tree order, the Changes that make *before* into *after*: what a layer of these events holds.

    Deleted paths are explicit, one for each topmost one.  A node with several names is restated under all of them, so
    that the layer means the same wherever it is applied.
    """
    linked = linked_nodes(after)
    names = cache(lambda: grouped(after, linked))  # a walk, for those alone who need it
    emitted: dict[int, bytes] = {}
    gone = b""
    joined = _linked_in(after.log, stream, first, last) & linked
    for found in _with_all_names(touched_by(before, after, stream, first, last), linked, names, joined):
        if found.after is None:
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


class Contents:
    """What the files of one layer's stream hold, by path; who asks roughly in tree order is answered from one pass over it."""

    def __init__(self, log: Log, stream: int) -> None:
        self._log = log
        self._stream = stream
        self._directories: dict[bytes, int | None] = {}
        self._rest = self._in_order()
        self._passed: dict[bytes, bytes] = {}

    def of(self, path: bytes) -> bytes | None:
        """Return the digest of a regular file's content, None for anything else."""
        key = order(path)
        while key not in self._passed and len(self._passed) < PASSED and (following := next(self._rest, None)):
            self._passed[following[0]] = following[1]
        return self._passed.pop(key, None) or self._looked_up(path)

    def _in_order(self) -> Iterator[tuple[bytes, bytes]]:
        keys = Keys(self._log)
        rows = self._log.db.execute(
            "SELECT p.parent, p.name, e.content FROM event e JOIN path p ON p.id = e.path "
            "WHERE e.stream = ? AND e.kind = 1 AND e.effect = 1 AND e.size > 0 AND e.content IS NOT NULL ORDER BY e.version",
            (self._stream,),
        )
        return ((keys.of(parent, name), content) for parent, name, content in rows)

    def _looked_up(self, path: bytes) -> bytes | None:
        parent, name = split(path)
        if parent not in self._directories:
            if len(self._directories) > 5000:
                self._directories.clear()
            self._directories[parent] = self._log.path_id(parent)
        db = self._log.db  # two look-ups: as one join they take three times as long
        row = db.execute("SELECT id FROM path WHERE parent = ? AND name = ?", (self._directories[parent], name)).fetchone()
        found = row and db.execute(
            "SELECT content FROM event WHERE path = ? AND effect = 1 AND stream = ? AND kind = 1", (row[0], self._stream)
        ).fetchone()
        return found[0] if found else None


def _linked_in(log: Log, stream: int, first: int, last: int) -> set[int]:
    """Return the nodes that the events first..last gave one more name."""
    rows = log.db.execute(
        f"SELECT node FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream = ? AND version BETWEEN ? AND ?",
        (stream, first, last),
    )
    return {row[0] for row in rows}


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
