"""Impact: the images, containers and paths that an event or a content is part of, whether they still show it or not."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from eventstore.errors import LayerlogError
from eventstore.log.log import DatabaseError, Log
from eventstore.log.path_table import PathTable
from eventstore.model.events import ARRIVALS, Kind
from eventstore.model.facts import Arrival, ContainerBase, FolderBase, ImageBase, base_in
from eventstore.retention.reachability import Occurrence
from projections.refs import containers, tags

UNREADABLE = (LayerlogError, DatabaseError, ValueError, KeyError, TypeError)
"""What reading rows that are damaged raises."""


class Carriers(NamedTuple):
    """Ids of the images and containers that hold an event."""

    images: frozenset[str]
    containers: frozenset[str]


class Held(NamedTuple):
    """What something damaged, or about to be erased, is part of: images and containers by their ids, paths by their text."""

    images: frozenset[str]
    containers: frozenset[str]
    paths: tuple[bytes, ...]


class Impact:
    """Answers for one state of the log; what stands on what is read once, O(containers + images taken from elsewhere)."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._on_image: dict[str, list[tuple[int | None, str]]] = defaultdict(list)
        self._on_layer: dict[str, list[str]] = defaultdict(list)
        self._on_container: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._with_layer: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._seals: dict[str, list[tuple[int, str]]] = {}
        self._marks: dict[str, list[int]] = {}
        self._found: dict[tuple[str, str, int], Carriers] = {}
        self._read()

    def of_event(self, stream: int, version: int) -> Carriers:
        """Return what holds the event *version* of a stream: O(what stands on it), remembered."""
        found = self._log.stream_of(stream)
        key = (found.kind, found.name, self._generation(found.name, version) if found.kind == "container" else 0)
        if key not in self._found:
            self._found[key] = self._spread(found.kind, found.name, version)
        return self._found[key]

    def of_occurrences(self, occurrences: Iterable[Occurrence]) -> Held:
        """Return what all *occurrences* together are part of."""
        found = {(self.of_event(one.stream, one.version), one.path) for one in occurrences}
        carriers, text = {carried for carried, _ in found}, PathTable(self._log).text
        return Held(
            frozenset[str]().union(*(carried.images for carried in carriers)),
            frozenset[str]().union(*(carried.containers for carried in carriers)),
            tuple(sorted({text(path_id) for _, path_id in found if path_id is not None})),
        )

    def _read(self) -> None:
        log = self._log
        for event in log.of_kind(Kind.CONTAINER_CREATED):
            name = log.stream_of(event.stream).name
            match base_in(event):
                case ImageBase(image, lowest):
                    self._on_image[image].append((lowest, name))
                case FolderBase(layer):
                    self._on_layer[layer].append(name)
                case ContainerBase(container, version):
                    self._on_container[container].append((version, name))
        for kind in ARRIVALS:
            for event in log.of_kind(kind):
                for below, layer in enumerate(Arrival.of(event).layers):
                    self._with_layer[layer].append((below, log.stream_of(event.stream).name))

    def _spread(self, kind: str, name: str, version: int) -> Carriers:
        """Follow what stands on what, upwards."""
        found_images: set[str] = set()
        waiting: list[tuple[str, int]] = [(name, version)] if kind == "container" else []
        if kind in ("layer", "image"):
            held = self._with_layer[name] if kind == "layer" else [(0, name)]
            found_images.update(image for _, image in held)
            on = ((below, *made) for below, image in held for made in self._on_image[image])
            above = [*self._on_layer[name], *(container for below, lowest, container in on if lowest is None or below < lowest)]
            waiting = [(container, 1) for container in above]
        reached: dict[str, int] = {}
        while waiting:
            container, first = waiting.pop()
            if first >= reached.get(container, first + 1):
                continue
            reached[container] = first
            found_images.update(seal for at, seal in self._seals_of(container) if at >= first)
            waiting.extend((upper, 1) for at, upper in self._on_container[container] if at >= first)
        return Carriers(frozenset(found_images), frozenset(reached))

    def _seals_of(self, container: str) -> list[tuple[int, str]]:
        if container not in self._seals:
            stream = self._log.stream("container", container)
            seals = self._log.of_kind(Kind.COMMITTED, stream.id) if stream else ()
            self._seals[container] = [(seal.version, seal.commit) for seal in seals]
        return self._seals[container]

    def _generation(self, container: str, version: int) -> int:
        """Return a number that versions share which the same seals and bases hold."""
        if container not in self._marks:
            self._marks[container] = sorted({at for at, _ in [*self._seals_of(container), *self._on_container[container]]})
        return bisect_left(self._marks[container], version)


def shown_images(log: Log, ids: Iterable[str]) -> list[str]:
    """Return each image by a name that it has now, else by its short id; sorted."""
    try:
        names = tags.current(log)
    except UNREADABLE:
        names = {}
    return sorted(tags.shown_names(names[image])[0] if image in names else image[:12] for image in ids)


def shown_containers(log: Log, ids: Iterable[str]) -> list[str]:
    """Return each container by its name; sorted."""
    return sorted(_name(log, container) for container in ids)


def _name(log: Log, container: str) -> str:
    try:
        return containers.get(log, container).name
    except UNREADABLE:
        return container[:12]
