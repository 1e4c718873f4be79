"""Derivation: an image that an erasure made anew has, but for what is gone, the history of the one that it was made of."""

import re

from eventstore.log.log import Log
from eventstore.model.events import Event
from eventstore.model.facts import Arrival, ImageBase
from projections.events.records import Records
from projections.refs.targets import Target, bottom, of_image
from projections.tree import lineage

SOURCE = "erase: {}"
"""Where such an image comes from, as its arrival states it: the id of the one that it was made of."""
_SOURCE = SOURCE.format("([0-9a-f]{64})")


def made_of(log: Log, target: Target) -> Target | None:
    """Return the image of which an erasure made the one that *target* is, or stands on; None where it came otherwise."""
    base = bottom(log, target)
    if not isinstance(base, ImageBase):
        return None
    arrival = Records(log).of(lineage.arrival(log, base.image))
    source = re.fullmatch(_SOURCE, Arrival.of(arrival.event).source)
    return of_image(log, source[1][:12], source[1]) if source and arrival.known == "recorded" else None


def whole_before(log: Log, target: Target) -> Target | None:
    """As `made_of`; None, too, of what is or stands on but some of an image's layers."""
    base = bottom(log, target)
    return made_of(log, target) if isinstance(base, ImageBase) and base.layers is None else None


def sealed(log: Log, image: str) -> Event | None:
    """Return the seal of an image that was made here, or of the one that an erasure made it of; None of any other."""
    seal = log.seal(image)
    older = made_of(log, of_image(log, image, image)) if seal is None else None
    return seal if older is None else sealed(log, older.image or "")
