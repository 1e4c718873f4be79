"""Configs that left the store: its events must make the same bytes again, for ever."""

from collections.abc import Iterator
from hashlib import sha256

from cli.distribution import send
from eventstore.errors import LayerlogError
from eventstore.integrity.findings import Advance, Finding, of_event
from eventstore.model.events import DEPARTURES
from eventstore.model.facts import Departure
from eventstore.store.store import Store
from projections.images import images
from projections.images.images import Image

SentConfigs = dict[tuple[str, str, str], int]
"""(image id, config digest, CONTAINER@VERSION of a point) -> position of the first event that says it left the store."""


def found(store: Store) -> SentConfigs:
    """Return the configs that left, by whichever encoder: each stays for the sake of what left by it."""
    configs: SentConfigs = {}
    for kind in DEPARTURES:
        for event in store.log.of_kind(kind):
            departure = Departure.of(event)
            if departure.encoder and departure.config:
                image = store.log.stream_of(event.stream).name
                configs.setdefault((image, departure.config, departure.point), event.position)
    return configs


def check(store: Store, sent: SentConfigs, advance: Advance) -> Iterator[Finding]:
    """Yield the events whose config is another one when it is made anew."""
    for (image, config, point), position in sent.items():
        try:
            anew = sha256(send.image_config(store, _what_left(store, image, point))).hexdigest()
            if anew != config:
                yield of_event(position, f"says that config {config[:12]} left the store, and it is {anew[:12]} now", "layer")
        except LayerlogError:
            pass  # what cannot be encoded any more has a finding of its own
        advance(1)


def _what_left(store: Store, image: str, point: str) -> Image:
    container, _, version = point.partition("@")
    return images.at(store.log, container, int(version)) if point else images.get(store.log, image)
