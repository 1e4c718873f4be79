"""Where images came from and where they went: by whom, in which blobs, from and to which repositories."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Event
from eventstore.model.facts import Arrival, Departure
from projections.oci.oci_image import Descriptor, parse_descriptor

REGISTRY = "docker://"
"""What a place begins with that is a repository."""


class Travel(NamedTuple):
    """An arrival or a departure: `place` is where from or to, `blobs` is diff_id (hex) -> the blob that held that layer."""

    event: Event
    place: str
    blobs: dict[str, Descriptor]

    @property
    def repository(self) -> str:
        """The full name of the repository that it was, "" for a file."""
        return self.place.removeprefix(REGISTRY) if self.place.startswith(REGISTRY) else ""


def travels(log: Log) -> Iterator[Travel]:
    """Yield every arrival and departure, kind by kind: O(arrivals and departures)."""
    for kind in (*ARRIVALS, *DEPARTURES):
        for event in log.of_kind(kind):
            yield _travel(event)


def blobs_by_layer(log: Log) -> dict[str, list[Descriptor]]:
    """Return diff_id (hex) -> the blobs in which the layer ever came or went."""
    found: dict[str, dict[Descriptor, None]] = {}
    for travel in travels(log):
        for diff_id, blob in travel.blobs.items():
            found.setdefault(diff_id, {})[blob] = None
    return {diff_id: list(blobs) for diff_id, blobs in found.items()}


def holders(log: Log, registry: str) -> dict[str, list[str]]:
    """Return a blob's digest -> the repositories of *registry* that it came from or went to: there it can be mounted."""
    found: dict[str, dict[str, None]] = {}
    for travel in travels(log):
        host, _, name = travel.repository.partition("/")
        for blob in travel.blobs.values() if host == registry else ():
            found.setdefault(blob.digest, {})[name] = None
    return {digest: list(names) for digest, names in found.items()}


def _travel(event: Event) -> Travel:
    if event.kind in ARRIVALS:
        arrival = Arrival.of(event)
        return Travel(event, arrival.source, _blobs(arrival))
    departure = Departure.of(event)
    return Travel(event, departure.destination, _blobs(departure))


def _blobs(travel: Arrival | Departure) -> dict[str, Descriptor]:
    blobs = (parse_descriptor(blob, "a blob in the log") for blob in travel.blobs)
    return dict(zip(travel.layers, blobs, strict=False))
