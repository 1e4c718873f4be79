"""Lineage: which runs of which streams make a view, lowest first."""

from collections.abc import Iterable
from typing import NamedTuple

from eventstore.errors import DamagedError
from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind
from eventstore.model.facts import Arrival, Base, ContainerBase, FolderBase, ImageBase, base_in

LIVE = 2**62


class Span(NamedTuple):
    """The events 1..upto of one stream; a `layer` stream lies in layer order, a container's in the order of time."""

    stream: int
    upto: int
    layer: bool


def of_container(log: Log, container: str, version: int = LIVE) -> list[Span]:
    """Return the spans of a container at *version*: its base's, then its own; O(layers) look-ups."""
    stream = log.existing("container", container)
    return [*of_base(log, base_of(log, stream.id)), Span(stream.id, version, layer=False)]


def base_of(log: Log, stream: int) -> Base:
    """Return what a container was made from."""
    return base_in(next(log.of_kind(Kind.CONTAINER_CREATED, stream)))


def containers_under(log: Log, stream: int, version: int) -> list[tuple[int, int]]:
    """Return (stream, version) of each container that makes the view of one at *version*, its own first."""
    found = [(stream, version)]
    while isinstance(base := base_of(log, found[-1][0]), ContainerBase):
        found.append((log.existing("container", base.container).id, base.version))
    return found


def of_base(log: Log, base: Base) -> list[Span]:
    match base:
        case ContainerBase(container, version):
            return of_container(log, container, version)
        case FolderBase(layer):
            return of_layers(log, [layer])
        case ImageBase():
            return of_layers(log, layers_in(log, base))
    return []


def of_layers(log: Log, names: list[str]) -> list[Span]:
    """Return the spans of layer streams (named by diff_id); of a layer that stands twice the upper one alone counts."""
    spans: dict[int, Span] = {}
    for name in reversed(names):
        stream = log.stream("layer", name)
        if stream is None:
            raise DamagedError(f"the log lacks the layer {name[:12]}; load its image again")
        spans.setdefault(stream.id, Span(stream.id, stream.version, layer=True))
    return [*spans.values()][::-1]


def layers_of(log: Log, image: str) -> list[str]:
    """Return the diff_ids (hex) of an imported image, lowest first."""
    return Arrival.of(arrival(log, image)).layers


def layers_in(log: Log, base: ImageBase) -> list[str]:
    """As `layers_of`, but those alone that *base* has of its image's."""
    return layers_of(log, base.image)[: base.layers]


def arrival(log: Log, image: str) -> Event:
    """Return the event that first brought an imported image in; raise DamagedError where there is none."""
    found = travels(log, image, ARRIVALS)
    if not found:
        raise DamagedError(f"the log lacks the image {image[:12]}; load it again")
    return found[-1]


def travels(log: Log, image: str, kinds: Iterable[Kind] = (*ARRIVALS, *DEPARTURES)) -> list[Event]:
    """Return the events that brought an image in or took it out, or those of *kinds* alone, the latest first."""
    stream = log.stream("image", image)
    found = [event for kind in kinds for event in log.of_kind(kind, stream.id)] if stream else []
    return sorted(found, key=lambda event: -event.position)


def commit_at(log: Log, container: str, version: int) -> str | None:
    """Return the commit (hex) that a container's event *version* seals, None where that is no seal or not there."""
    stream = log.stream("container", container)
    event = next(log.events(stream.id, version, version), None) if stream else None
    return event.commit or None if event else None
