"""Records: events with all that is known around them - where, who, when, why, how known."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from eventstore.index import changesets, streams
from eventstore.log.log import Changeset, Log
from eventstore.log.path_table import PathTable
from eventstore.model.batches import growing_batches
from eventstore.model.events import Event, Kind
from eventstore.model.memory import Memory

REMEMBERED = 5_000


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
        return self.changeset.time

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
    def detail(self) -> dict[str, Any]:
        return json.loads(self.event.detail) if self.event.detail else {}


class Records:
    """Makes Records of Events; what neighbours in the log share is looked up once."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._changeset: Changeset | None = None
        self._contexts: Memory[int, Mapping[str, Any]] = Memory(REMEMBERED)
        self._streams: Memory[int, tuple[str, str]] = Memory(REMEMBERED)
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
        """Return the changeset of each of *positions*."""
        lowest = self.changeset(min(positions))
        if max(positions) < lowest.first + lowest.events:
            return [lowest] * len(positions)
        found = [lowest, *changesets.holding(self.log, positions)]
        firsts = [changeset.first for changeset in found]
        return [found[bisect_right(firsts, position) - 1] for position in positions]

    def _record(self, event: Event, changeset: Changeset) -> Record:
        path = None if event.path is None else self.path(event.path)
        return Record(event, *self._stream(event.stream), path, changeset, self.context(changeset.context))

    def context(self, number: int) -> Mapping[str, Any]:
        found = self._contexts.get(number)
        if found is None:
            found = self._contexts[number] = json.loads(changesets.context(self.log, number))
        return found

    def _stream(self, stream: int) -> tuple[str, str]:
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = streams.kind_and_name(self.log, stream)
        return found
