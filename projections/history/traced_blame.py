"""Blame through an erasure: who wrote what came with an image that was made anew is known from the one that it was made of."""

from typing import NamedTuple

from eventstore.errors import NotFoundError
from eventstore.log.log import Log
from eventstore.model.entries import same_node
from projections.events.records import Record
from projections.history import commits
from projections.history.blame import Blame, Cause, Causes, blame
from projections.history.commits import Commit
from projections.history.derivation import Anew, made_anew
from projections.refs import tags
from projections.refs.targets import spans
from projections.tree import lineage
from projections.tree.view import View


class Subject(NamedTuple):
    """A path in a view, and what knows the causes there."""

    causes: Causes
    view: View
    path: bytes


def traced(asked: Subject) -> Blame:
    """As `blame`; what came with what was made anew is traced to what that was made of, what is gone to its erasure.

    Commits have the ids that they have now.
    """
    anew = made_anew(asked.causes.log, asked.causes.target)
    if anew is None:
        return blame(*asked)
    found = _traced(asked, anew)
    again = commits.told_again(asked.causes.log, asked.causes.target)
    now = [_as_now(asked.causes.log, value, again) if isinstance(value, Cause) else value for value in found]
    return Blame._make(now)


def _as_now(log: Log, cause: Cause, again: dict[int, Commit]) -> Cause:
    commit = commits.as_now(cause.commit, again)
    return cause if commit is None or commit == cause.commit else cause._replace(commit=commit, tags=tags.now(log, commit.id))


def _traced(asked: Subject, anew: Anew) -> Blame:
    try:
        found = blame(*asked)
    except NotFoundError:
        gone = _erased(asked.causes, asked.path, traced(_older(asked.causes, anew, asked.path)))
        if gone is None:
            raise
        return gone
    if found.entry is None:
        return _traced_removal(asked.causes, anew, found)
    source = _origin(asked.causes, anew, found)
    if source is None:
        return found
    before = traced(source)

    def own(key: str) -> Cause | None:
        here: Cause | None = getattr(found, key)
        there: Cause | None = getattr(before, key)
        return there if here is None or _brought(asked.causes, anew, here) else here

    back = own("attributes_returned")
    attributes = own("attributes") or (before.content if back is not None and back == found.attributes_returned else None)
    name = before.name if _brought(asked.causes, anew, found.name) else found.name or before.name
    erased, returned = found.erased or before.erased, own("returned")
    return found._replace(
        content=before.content, name=name, attributes=attributes, erased=erased, returned=returned, attributes_returned=back
    )


def origin(asked: Subject) -> Subject:
    """Return where the history of the file that is asked for is known: where it was made anew, in what that was made of."""
    anew = made_anew(asked.causes.log, asked.causes.target)
    found = None if anew is None else _origin(asked.causes, anew, blame(*asked))
    return asked if found is None else origin(found)


def _older(causes: Causes, anew: Anew, path: bytes) -> Subject:
    view = View(causes.log, causes.content, spans(causes.log, anew.older))
    return Subject(Causes(causes.log, causes.content, anew.older), view, path)


def _brought(causes: Causes, anew: Anew, cause: Cause | None) -> Record | None:
    """Return the event with which what was made anew brought something."""
    return cause.record if cause is not None and anew.brought(causes.log, cause.record.event) else None


def _origin(causes: Causes, anew: Anew, found: Blame) -> Subject | None:
    """Return what in the older one was just what the one made anew brought here, None where nothing was."""
    record = _brought(causes, anew, found.name) or _brought(causes, anew, found.content)
    if record is None or record.path is None:
        return None
    here = View(causes.log, causes.content, lineage.of_base(causes.log, anew.base)).lookup(record.path)
    source = _older(causes, anew, record.path)
    before = source.view.lookup(record.path)
    return source if here is not None and before is not None and same_node(here, before) else None


def _traced_removal(causes: Causes, anew: Anew, found: Blame) -> Blame:
    """Return the removal of a path as the older one has it, where what was made anew brought it."""
    if _brought(causes, anew, found.removed) is None:
        return found
    try:
        before = traced(_older(causes, anew, found.path))
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
