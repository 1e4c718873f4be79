"""Movements: where images came from and where they went, the oldest first."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from eventstore.index import changesets
from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Kind
from eventstore.model.facts import Departure, travelled
from eventstore.retention.reachability import occurrences
from projections.audit.actions import OTHERS
from projections.audit.impact import Impact
from projections.events.records import Record, Records


class Carried(NamedTuple):
    """What an answer is asked for: images by their ids, and of containers the points from a version on."""

    images: Collection[str]
    containers: Mapping[str, int] = MappingProxyType({})

    def has(self, movement: "Movement") -> bool:
        container, _, version = movement.point.partition("@")
        if container in self.containers and int(version) >= self.containers[container]:
            return True
        return movement.image in self.images or movement.point.partition("~")[0] in self.images


class Movement(NamedTuple):
    """`what` is load, pull, save, push or serve; `image` its id (hex), of a `point` (`images.point_of`) its config's digest.

    `names` are full; `place` is where from or to; `manifest` is its digest (hex), None where it had none.
    """

    what: str
    image: str
    names: list[str]
    place: str
    manifest: str | None
    point: str
    record: Record


def carrying(log: Log, content: bytes) -> Carried:
    """Return the images and containers that hold a content, in whichever layer: one pass over the log."""
    impact = Impact(log)
    images: set[str] = set()
    containers: dict[str, int] = {}
    for occurrence in occurrences(log, frozenset([content])):
        carriers, own = impact.of_event(occurrence.stream, occurrence.version), log.stream_of(occurrence.stream).name
        images |= carriers.images
        for container in carriers.containers:
            since = occurrence.version if container == own else 1  # what lies below it was always there
            containers[container] = min(since, containers.get(container, since))
    return Carried(images, containers)


def movements(log: Log, carried: Carried) -> Iterator[Movement]:
    """Yield the arrivals and departures of what is *carried*: O(all arrivals and departures)."""
    records = Records(log)
    for position in changesets.positions_of(log, [*ARRIVALS, *DEPARTURES], 1, 2**62):
        found = _movement(records.of(log.at(position)))
        if carried.has(found):
            yield found


def _movement(record: Record) -> Movement:
    event = record.event
    names, place = travelled(event)
    point = Departure.of(event).point if event.kind in DEPARTURES else ""
    manifest = event.content.hex() if event.content else None
    return Movement(OTHERS[Kind(event.kind)], record.name, names, place, manifest, point, record)
