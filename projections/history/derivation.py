"""Derivation: an image that an erasure made anew has, but for what is gone, the history of the one that it was made of."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from eventstore.index import seals
from eventstore.index.stream_paths import has_tree_events
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import Arrival, Base, ContainerBase, ImageBase, Seal
from projections.events.records import Records
from projections.refs.targets import Target, bottom, containers_under, of_image
from projections.tree import lineage

SOURCE = "erase: {}"
"""Where an image from elsewhere that was made anew comes from, as its arrival states it: the id of the one that it was made
of.  A commit states it in its seal."""
_SOURCE = SOURCE.format("([0-9a-f]{64})")


class Anew(NamedTuple):
    """What was made anew, of what a view is or stands on: the point or image `base`, of `older`; `above` it are containers,
    (stream, version), the view's own first.
    """

    base: Base
    older: Target
    above: list[tuple[int, int]]

    def brought(self, log: Log, event: Event) -> bool:
        """Whether an event of the view lies in what was made anew or below that."""
        return any(span.stream == event.stream and event.version <= span.upto for span in lineage.of_base(log, self.base))


def made_anew(log: Log, target: Target) -> Anew | None:
    """Return the uppermost of what *target* is or stands on that an erasure made anew; None where nothing of it was.

    O(containers that it stands on) look-ups.
    """
    under = containers_under(log, target)
    for number, (stream, version) in enumerate(under):
        seal = _told_again(log, stream, version)
        if seal is not None:
            own = [(stream, version)] if has_tree_events(log, stream, seal.version + 1, version) else []
            point = ContainerBase(log.stream_of(stream).name, seal.version)
            return Anew(point, _image(log, Seal.of(seal).made_of or ""), [*under[:number], *own])
    base = bottom(log, target)
    older = _made_of(log, base.image) if isinstance(base, ImageBase) else None
    return None if older is None else Anew(base, _image(log, older), under)


def _told_again(log: Log, stream: int, version: int) -> Event | None:
    """Return a container's last seal up to *version* that tells an older one again: its first seal does, or none."""
    first = next(log.of_kind(Kind.COMMITTED, stream), None)
    if first is None or not _tells_again(log, first):
        return None
    return next((seal for seal in seals.down(log, stream, version) if _tells_again(log, seal)), None)


def _tells_again(log: Log, seal: Event) -> bool:
    older = Seal.of(seal).made_of
    return older is not None and log.seal(older) is not None


def _made_of(log: Log, image: str) -> str | None:
    arrival = Records(log).of(lineage.arrival(log, image))
    source = re.fullmatch(_SOURCE, Arrival.of(arrival.event).source)
    return source[1] if source and arrival.known == "recorded" else None


def latest_of(log: Log, image: str) -> str | None:
    """Return the image (hex) that erasures made last of *image*; None where none did.  O(loads + commits)."""
    loaded = dict.fromkeys(log.stream_of(event.stream).name for event in log.of_kind(Kind.IMAGE_LOADED))
    loads = ((_made_of(log, name), name) for name in loaded)
    told_again = ((Seal.of(seal).made_of, seal.commit) for seal in log.of_kind(Kind.COMMITTED))
    anew = {older: name for older, name in chain(loads, told_again) if older is not None}
    found = None
    while image in anew:
        found = image = anew.pop(image)  # each once: a log may say anything
    return found


def _image(log: Log, image: str) -> Target:
    return of_image(log, image[:12], image)


def whole_before(log: Log, target: Target) -> Anew | None:
    """As `made_anew`; None, too, of what is or stands on but some of the layers of an image taken from elsewhere."""
    found = made_anew(log, target)
    return None if found is None or (isinstance(found.base, ImageBase) and found.base.layers is not None) else found


def ever(log: Log, target: Target) -> Iterator[Target]:
    """Yield *target*, what it or what it stands on was made anew of, what that was, and so on."""
    yield target
    while (anew := made_anew(log, target)) is not None:
        target = anew.older
        yield target


def first_arrived(log: Log, image: str) -> str:
    """Return the image taken from elsewhere of which erasures made *image*, one too, or *image* itself."""
    older = _made_of(log, image)
    return image if older is None or log.seal(older) is not None else first_arrived(log, older)


def sealed(log: Log, image: str) -> Event | None:
    """Return the seal of an image that was made here, or of the one that an erasure made it of; None of any other."""
    seal = log.seal(image)
    older = Seal.of(seal).made_of if seal is not None else None
    if seal is None:
        found = made_anew(log, _image(log, image))
        older = found.older.image if found is not None else None
    return sealed(log, older) if older is not None else seal
