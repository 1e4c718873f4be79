"""Records: events with all that is known around them - where, who, when, why, how known; and by whom they may be asked for."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from eventstore.index import changesets, streams
from eventstore.log.log import Changeset, Log
from eventstore.log.path_table import PathTable
from eventstore.model.batches import growing_batches
from eventstore.model.events import Event, Kind

REMEMBERED = 5_000

Matches = Callable[[str], bool]


@cache
def _title(kind: int) -> str:
    return Kind(kind).title


class Record(NamedTuple):
    """An event, the stream it stands in (`kind`, `name`), its path as text, its changeset and who and why (`context`)."""

    event: Event
    kind: str
    name: str
    path: bytes | None
    changeset: Changeset
    context: Mapping[str, Any]

    @property
    def title(self) -> str:
        return _title(self.event.kind)

    @property
    def time(self) -> int:
        """When it was done by the clock of then, ns; that of a later one may be earlier."""
        return self.changeset.wall

    @property
    def author(self) -> str | None:
        """Who is claimed to have done it."""
        author: str | None = self.context.get("author")
        return author

    @property
    def actor(self) -> Mapping[str, Any]:
        """Who was seen doing it: login, uid, login_uid, host."""
        actor: Mapping[str, Any] = self.context.get("actor") or {}
        return actor

    @property
    def command(self) -> list[str]:
        return list(self.context.get("command") or ())

    @property
    def known(self) -> str:
        """How it is known: recorded, observed or imported."""
        return str(self.context.get("known"))

    @property
    def build(self) -> Mapping[str, Any] | None:
        """The step of a build that did it: its build's id, stage, line and instruction; None where none did."""
        return self.context.get("build")

    @property
    def detail(self) -> dict[str, Any]:
        return json.loads(self.event.detail) if self.event.detail else {}


class Records:
    """Makes Records of Events; what neighbours in the log share is looked up once."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._changeset: Changeset | None = None
        self._context = lru_cache(REMEMBERED)(lambda number: json.loads(changesets.context(log, number)))
        self._stream = lru_cache(REMEMBERED)(partial(streams.kind_and_name, log))
        self.path = PathTable(log).text

    def of(self, event: Event) -> Record:
        return self._record(event, self.changeset(event.position))

    def each(self, events: Iterable[Event]) -> Iterator[Record]:
        """Yield the record of each event, streaming: one statement finds the changesets of many."""
        for batch in growing_batches(events):
            yield from map(self._record, batch, self._changesets([event.position for event in batch]))

    def at(self, position: int) -> Record:
        """Return the record of one position; raise NotFoundError."""
        return self.of(self.log.at(position))

    def changeset(self, position: int) -> Changeset:
        """Return the changeset that holds *position*, which must be in the log."""
        found = self._changeset
        if found is None or not found.first <= position < found.first + found.events:
            found = self._changeset = self.log.changeset(position)
        return found

    def _changesets(self, positions: list[int]) -> list[Changeset]:
        lowest = self.changeset(min(positions))
        if max(positions) < lowest.first + lowest.events:
            return [lowest] * len(positions)
        found = [lowest, *changesets.holding(self.log, positions)]
        firsts = [changeset.first for changeset in found]
        return [found[bisect_right(firsts, position) - 1] for position in positions]

    def _record(self, event: Event, changeset: Changeset) -> Record:
        path = None if event.path is None else self.path(event.path)
        return Record(event, *self._stream(event.stream), path, changeset, self._context(changeset.context))



# -- people


class PeopleFilter(NamedTuple):
    """Whose doings are asked for, by the claimed author and by the observed actor; None: anybody's."""

    author: Matches | None = None
    actor: Matches | None = None

    def did(self, record: Record, author: str | None) -> bool:
        """Whether one of them did it; *author* is the one that it names, be it a commit, a layer or a single event."""
        return (self.author is None or self.author(author or "")) and (
            self.actor is None or self.actor(actor_text(record))
        )


def any_of(matchers: Sequence[Matches]) -> Matches | None:
    """Return what matches where one of *matchers* does; None where there is none."""
    return (lambda text: any(matches(text) for matches in matchers)) if matchers else None


def actor_text(record: Record) -> str:
    """Return the observed actor on one line: who, where, and the login uid where it says more."""
    actor = record.actor
    login, uid, login_uid = actor.get("login"), actor.get("uid"), actor.get("login_uid")
    more = f", login uid {login_uid}" if login_uid not in (None, uid) else ""
    return f"{login or uid}@{actor.get('host')} (uid {uid}{more})"
