"""Commits: what a seal says, who sealed and signed it, and where it went; those that a view stands on."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import Seal, Signature, travelled
from projections.events.records import Record, Records
from projections.refs.targets import Target, containers_under

RETOLD = "The steps of this build, told anew: some were reused from builds with another config."
"""Stands for the message of a commit that seals nothing but what the image's history says."""


class Commit(NamedTuple):
    """A seal over the events first..last of a container's stream; `author` is the claimed one, `id` 64 hex digits.

    Of one that an erasure made anew, `anew` is the seal, and `record` that of the one that it tells again: by whom, and when.
    """

    id: str
    container: str
    first: int
    last: int
    parent: str | None
    author: str | None
    message: str
    record: Record
    anew: Record | None = None

    @property
    def time(self) -> int:
        return self.record.time

    @property
    def position(self) -> int:
        return (self.anew or self.record).event.position

    @property
    def made_of(self) -> str | None:
        """The commit that it tells again without what was erased."""
        return None if self.anew is None else Seal.of(self.anew.event).made_of

    @property
    def guards(self) -> dict[str, Any] | None:
        """What was to be refused and what was let through, None where no guard stood."""
        return Seal.of(self.record.event).guards


class Signed(NamedTuple):
    """A signature over a commit by the key of that fingerprint; whether it holds `verify` says."""

    signer: str
    record: Record


class Sent(NamedTuple):
    """An image on its way out: `how` is save, push or serve."""

    how: str
    where: str
    record: Record


def of_seal(records: Records, seal: Event) -> Commit:
    return _of_record(records, records.of(seal))


def of_seals(records: Records, found: Iterable[Event]) -> Iterator[Commit]:
    return (_of_record(records, record) for record in records.each(found))


def _of_record(records: Records, record: Record) -> Commit:
    event, seal = record.event, Seal.of(record.event)
    message = seal.message or seal.created_by or ("" if seal.history is None else RETOLD)
    found = Commit(event.commit, record.name, seal.first, event.version, seal.parent, seal.author, message, record)
    older = records.log.seal(seal.made_of) if seal.made_of is not None else None
    return found if older is None else found._replace(record=of_seal(records, older).record, anew=record)


def told_once(found: Iterable[Commit]) -> Iterator[Commit]:
    """Yield *found*, the latest seal first, each step once, where it was first made, as the latest that tells it again."""
    latest: dict[int, Commit] = {}
    for commit in found:
        first = commit.record.event.position
        if commit.position == first:
            yield latest.pop(first, commit)
        else:
            latest.setdefault(first, commit)


def over(records: Records, positions: Iterable[int]) -> dict[int, Commit]:
    """Return the commits that close over the events at *positions*, by those; what is not sealed is left out."""
    closing = seals.over_each(records.log, positions)
    found = {commit.position: commit for commit in of_seals(records, set(closing.values()))}
    return {position: found[seal.position] for position, seal in closing.items()}


def signatures(records: Records, ids: Iterable[str]) -> dict[str, list[Signed]]:
    """Return the signatures of those of the commits *ids* that have any, the oldest first: no look-up where there are none."""
    if next(records.log.of_kind(Kind.COMMIT_SIGNED), None) is None:
        return {}
    found: dict[str, list[Signed]] = {}
    for record in records.each(seals.signatures_of(records.log, ids)):
        stated = Signature.of(record.event)
        found.setdefault(stated.commit, []).append(Signed(stated.signer, record))
    return found


# -- what a view stands on


def commits_under(log: Log, target: Target) -> Iterator[Commit]:
    """Yield the commits that the target's view stands on, newest first."""
    records = Records(log)
    for stream, version in containers_under(log, target):
        yield from of_seals(records, seals.down(log, stream, version))


def told_again(log: Log, target: Target) -> dict[int, Commit]:
    """Return the commits made anew that the target's view stands on, by the position of the first seal that each tells."""
    return {commit.record.event.position: commit for commit in commits_under(log, target) if commit.anew is not None}


def as_now(commit: Commit | None, again: dict[int, Commit]) -> Commit | None:
    """Return *commit*, with its events, under the id of the one of *again* that tells it again."""
    now = again.get(commit.record.event.position) if commit is not None else None
    return commit if commit is None or now is None else commit._replace(id=now.id, parent=now.parent, anew=now.anew)


# -- what became of an image


def sent(log: Log, image: str) -> Iterator[Sent]:
    """Yield where the image went: saves, then pushes, each oldest first."""
    stream = log.stream("image", image)
    records = Records(log)
    for kind, how in ((Kind.IMAGE_SAVED, "save"), (Kind.IMAGE_PUSHED, "push"), (Kind.IMAGE_SERVED, "serve")):
        for event in log.of_kind(kind, stream.id) if stream else ():
            yield Sent(how, travelled(event)[1], records.of(event))
