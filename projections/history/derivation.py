"""Derivation: an image that an erasure made anew has, but for what is gone, the history of the one that it was made of."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from eventstore.errors import NotFoundError
from eventstore.log.log import Log
from eventstore.model.entries import same_node
from eventstore.model.events import Event
from eventstore.model.facts import Arrival, ImageBase
from projections.events.pathspecs import Pathspec
from projections.events.records import Record, Records
from projections.history import logbook
from projections.history.blame import Blame, Cause, Causes, blame
from projections.history.logbook import Item
from projections.refs.targets import Target, bottom, of_image, spans
from projections.tree import lineage
from projections.tree.view import View

SOURCE = "erase: {}"
"""Where such an image comes from, as its arrival states it: the id of the one that it was made of."""
_SOURCE = re.compile(SOURCE.format("([0-9a-f]{64})"))


class Subject(NamedTuple):
    """A path in a view, and what knows the causes there."""

    causes: Causes
    view: View
    path: bytes


def made_of(log: Log, target: Target) -> Target | None:
    """Return the image of which an erasure made the one that *target* is, or stands on; None where it came otherwise."""
    base = bottom(log, target)
    if not isinstance(base, ImageBase):
        return None
    arrival = Records(log).of(lineage.arrival(log, base.image))
    source = _SOURCE.fullmatch(Arrival.of(arrival.event).source)
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


def of_paths(view: View, target: Target, patterns: Sequence[Pathspec], *, follow: bool) -> Iterator[Item]:
    """As `logbook.of_paths`; what came with an image made anew is told as it was in the one that this was made of."""
    items, older = logbook.of_paths(view, target, patterns, follow=follow), whole_before(view.log, target)
    if older is None:
        yield from items
        return
    reached = True  # what is nowhere here may have been there
    for item in items:
        reached = item.container is None
        if item.container is not None:
            yield item
            if item.names is not None:
                patterns = [patterns[0]._replace(path=item.names[1])]
    if reached or not follow:
        yield from of_paths(View(view.log, view.content, spans(view.log, older)), older, patterns, follow=follow)


def traced(asked: Subject) -> Blame:
    """As `blame`; what came with an image made anew is traced to the one that it was made of, what is gone to its erasure."""
    older = _older(asked.causes)
    if older is None:
        return blame(*asked)
    try:
        found = blame(*asked)
    except NotFoundError:
        gone = _erased(asked.causes, asked.path, traced(older(asked.path)))
        if gone is None:
            raise
        return gone
    if found.entry is None:
        return _traced_removal(older, found)
    source = _origin(older, asked.causes, found)
    if source is None:
        return found
    before = traced(source)
    name = before.name if _brought(found.name) else found.name or before.name
    attributes, erased = found.attributes or before.attributes, found.erased or before.erased
    return found._replace(content=before.content, name=name, attributes=attributes, erased=erased)


def origin(asked: Subject) -> Subject:
    """Return where the history of the file that is asked for is known: where its image was made anew, in the one before."""
    older = _older(asked.causes)
    found = None if older is None else _origin(older, asked.causes, blame(*asked))
    return asked if found is None else origin(found)


Older = Callable[[bytes], Subject]


def _older(causes: Causes) -> Older | None:
    target = made_of(causes.log, causes.target)
    if target is None:
        return None
    view = View(causes.log, causes.content, spans(causes.log, target))
    return lambda path: Subject(Causes(causes.log, causes.content, target), view, path)


def _brought(cause: Cause | None) -> Record | None:
    """Return the event with which the image that was made anew brought something."""
    return cause.record if cause is not None and cause.layer is not None else None


def _origin(older: Older, causes: Causes, found: Blame) -> Subject | None:
    """Return what in the older image was just what the image made anew brought here, None where nothing was."""
    record, base = _brought(found.name) or _brought(found.content), bottom(causes.log, causes.target)
    if record is None or record.path is None:
        return None
    here = View(causes.log, causes.content, lineage.of_base(causes.log, base)).lookup(record.path)
    subject = older(record.path)
    before = subject.view.lookup(record.path)
    return subject if here is not None and before is not None and same_node(here, before) else None


def _traced_removal(older: Older, found: Blame) -> Blame:
    """Return the removal of a path as the older image has it, where a layer brought it."""
    if _brought(found.removed) is None:
        return found
    try:
        before = traced(older(found.path))
    except NotFoundError:
        return found
    return before if before.entry is None else found


def _erased(causes: Causes, path: bytes, before: Blame) -> Blame | None:
    """Return that what the older image had at *path* was erased, None where it was not."""
    if before.entry is None:
        return before
    if before.erased is None:
        return None
    return Blame(path, None, None, None, None, causes.of(before.erased.record.event.position), before.entry, None)
