"""Blame through an erasure: who wrote what came with an image that was made anew is known from the one that it was made of."""

from collections.abc import Callable
from typing import NamedTuple

from eventstore.errors import NotFoundError
from eventstore.model.entries import same_node
from projections.events.records import Record
from projections.history.blame import Blame, Cause, Causes, blame
from projections.history.derivation import made_of
from projections.refs.targets import bottom, spans
from projections.tree import lineage
from projections.tree.view import View


class Subject(NamedTuple):
    """A path in a view, and what knows the causes there."""

    causes: Causes
    view: View
    path: bytes


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
