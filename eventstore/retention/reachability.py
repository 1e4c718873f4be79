"""Which contents the log names: what must be kept, what may be dropped, and which events name a content."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.content.reader import ERASURES, PART
from eventstore.log.log import Log
from eventstore.model.digests import raw
from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind
from eventstore.model.facts import Arrival, Referrer

_HEX = r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"
NOT_KEPT = (*DEPARTURES, Kind.CONTENT_ERASED, Kind.CONTENT_READMITTED)
"""Kinds whose digest says what left the store, or what is gone: nothing needs to be here for it."""
_KEEPING = (*ARRIVALS, Kind.REFERRER_KEPT)


_NAMED = "digest IN (SELECT content FROM event WHERE content IS NOT NULL)"


class Occurrence(NamedTuple):
    """An event that names a content; `path` is interned, None where the event is about none."""

    digest: bytes
    position: int
    stream: int
    version: int
    path: int | None


def documents(log: Log) -> Iterator[tuple[int, bytes]]:
    """Yield (position, digest) of every config, manifest, index and referrer's blob that came with an image and is kept."""
    for kind in _KEEPING:
        for event in log.of_kind(kind):
            for digest in kept_by(event):
                yield event.position, digest


def kept_by(event: Event) -> set[bytes]:
    """Return the digests of the config, manifest and index that an image's arrival keeps, or of the blobs of a referrer."""
    if event.kind == Kind.REFERRER_KEPT:
        return {raw(blob["digest"]) for blob in Referrer.of(event).blobs}
    stated = Arrival.of(event)
    return {bytes.fromhex(digest) for digest in (stated.config, stated.index, *stated.documents) if digest}


def stored_contents(log: Log) -> Iterator[tuple[bytes, int]]:
    """Yield (digest, size) of every content here that an event names, in the order in which they are stored, streaming."""
    return log.db.execute(f"SELECT digest, size FROM content WHERE {_NAMED} ORDER BY segment, offset, start")


def total_stored(log: Log) -> int:
    """Return the sizes of all that `stored_contents` yields, together: O(events)."""
    return int(log.db.execute(f"SELECT total(size) FROM content WHERE {_NAMED}").fetchone()[0])


def originals(log: Log) -> set[bytes]:
    """Return the digests of all blobs that images came in, whether they are kept or not."""
    return {
        raw(blob["digest"])
        for kind in ARRIVALS
        for event in log.of_kind(kind)
        for blob in Arrival.of(event).blobs
    }


def erased(log: Log) -> dict[bytes, int]:
    """Return digest -> position of the event, for every content that was erased and has not come back or been let to."""
    return {digest: position for digest, (position, _) in _erasures(log).items()}


def _erasures(log: Log) -> dict[bytes, tuple[int, bool]]:
    """Return, for each such content, where the event stands and whether it lets that come back with whoever puts it again."""
    stated = "SELECT content, position, kind, json_extract(detail, '$.returns') FROM event"
    found = log.db.execute(f"{stated} WHERE {ERASURES} AND content IS NOT NULL ORDER BY position")
    latest = {digest: event for digest, *event in found}
    return {d: (position, bool(returns)) for d, (position, kind, returns) in latest.items() if kind == Kind.CONTENT_ERASED}


def lacked(log: Log) -> frozenset[bytes]:
    """Return every content that was erased once and is not here, though it may be let return by now: O(erasures) look-ups."""
    absent = "content IS NOT NULL AND content NOT IN (SELECT digest FROM content)"
    return frozenset(row[0] for row in log.db.execute(f"SELECT content FROM event WHERE {ERASURES} AND {absent}"))


def returning(log: Log) -> frozenset[bytes]:
    """Return what was erased, is not here, and comes back with whoever puts it again: O(erasures)."""
    return lacked(log) - _kept_out(log)


def returning_layers(log: Log) -> frozenset[str]:
    """Return the layers (diff_ids, hex) that hold some of it, and nothing that is kept out."""
    found = returning(log)
    if not found:
        return frozenset()
    wanted, refused = ({one.stream for one in occurrences(log, digests)} for digests in (found, _kept_out(log)))
    streams = map(log.stream_of, wanted - refused)
    return frozenset(stream.name for stream in streams if stream.kind == "layer")


def _kept_out(log: Log) -> frozenset[bytes]:
    """Return what was erased and is refused wherever it comes from."""
    return frozenset(digest for digest, (_, returns) in _erasures(log).items() if not returns)


def mark_live(log: Log, *, originals: bool = True) -> None:
    """Fill temp.live with the digest of every content that the log needs; without *originals*, of blobs only those that
    something else needs too.

    Any digest in any event's detail counts, so that a kind of event that this version does not know loses nothing.
    """
    _empty(log, "live")
    needed = f"SELECT content FROM event WHERE content IS NOT NULL AND NOT {ERASURES}"
    log.db.execute(f"INSERT OR IGNORE INTO live {needed}")
    add_live(log, _in_details(log, originals=originals))


def _empty(log: Log, table: str) -> None:
    """A table is emptied, not dropped: that would fail while any other statement of the connection is open."""
    log.db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (digest BLOB PRIMARY KEY) WITHOUT ROWID")
    log.db.execute(f"DELETE FROM temp.{table}")


def add_live(log: Log, digests: Iterable[bytes]) -> None:
    """Add *digests* to temp.live, and what all that is there is made of: chunks and dictionaries."""
    log.db.executemany("INSERT OR IGNORE INTO live VALUES (?)", ((digest,) for digest in digests))
    wholes = log.db.execute("SELECT parts FROM content JOIN live USING (digest) WHERE parts IS NOT NULL").fetchall()
    for (parts,) in wholes:
        log.db.executemany("INSERT OR IGNORE INTO live VALUES (?)", ((digest,) for digest, _ in PART.iter_unpack(parts)))
    bases = "SELECT base FROM content JOIN live USING (digest) WHERE base IS NOT NULL"
    while log.db.execute(f"INSERT OR IGNORE INTO live {bases}").rowcount > 0:
        pass


def _in_details(log: Log, *, originals: bool) -> Iterator[bytes]:
    past = (Kind.CONTENT_ERASED, Kind.CONTENT_READMITTED, Kind.ORIGINALS_DROPPED)
    for kind, detail in log.db.execute("SELECT kind, detail FROM event WHERE path IS NULL AND detail IS NOT NULL"):
        if kind in ARRIVALS and not originals:
            detail = json.dumps({key: value for key, value in json.loads(detail).items() if key != "blobs"})
        if kind not in past:
            yield from map(bytes.fromhex, re.findall(_HEX, detail))


class Needs:
    """What cannot be read without certain contents: those that they are a chunk or the dictionary of."""

    def __init__(self, log: Log, digests: Iterable[bytes]) -> None:
        """Read the content table's large and dependent rows as often as needs are stacked (once or twice)."""
        self._direct: dict[bytes, set[bytes]] = {digest: set() for digest in digests}
        size = -1
        while len(self._direct) > size:
            size = len(self._direct)
            self._add(log)

    def of(self, digest: bytes) -> set[bytes]:
        """Return *digest* and all that needs it."""
        found, waiting = {digest}, [digest]
        while waiting:
            fresh = self._direct.get(waiting.pop(), set()) - found
            found |= fresh
            waiting.extend(fresh)
        return found

    def all(self) -> set[bytes]:
        return set(self._direct)

    def _add(self, log: Log) -> None:
        for digest, base in log.db.execute("SELECT digest, base FROM content WHERE base IS NOT NULL"):
            self._need(digest, base)
        for digest, parts in log.db.execute("SELECT digest, parts FROM content WHERE parts IS NOT NULL"):
            for part, _ in PART.iter_unpack(parts[: len(parts) // PART.size * PART.size]):
                self._need(digest, part)

    def _need(self, digest: bytes, needed: bytes) -> None:
        if needed in self._direct:
            self._direct[needed].add(digest)
            self._direct.setdefault(digest, set())


def in_range(log: Log, first: int, last: int) -> Iterator[Occurrence]:
    """Yield the events at the positions first..last, whatever they name: `digest` is empty."""
    rows = "SELECT x'', position, stream, version, path FROM event WHERE position BETWEEN ? AND ?"
    return map(Occurrence._make, log.db.execute(rows, (first, last)))


def occurrences(log: Log, digests: Iterable[bytes]) -> Iterator[Occurrence]:
    """Yield, in no order, the events that name one of *digests*: one pass over the log."""
    sought = set(digests)
    _empty(log, "sought")
    log.db.executemany("INSERT OR IGNORE INTO sought VALUES (?)", ((digest,) for digest in sought))
    rows = "SELECT e.content, e.position, e.stream, e.version, e.path FROM event e JOIN sought ON digest = e.content"
    yield from map(Occurrence._make, log.db.execute(f"{rows} WHERE NOT e.{ERASURES}").fetchall())
    keeping = f"SELECT position, stream, version, detail FROM event WHERE path IS NULL AND kind IN {tuple(map(int, _KEEPING))}"
    for position, stream, version, detail in log.db.execute(keeping).fetchall():
        for digest in set(map(bytes.fromhex, re.findall(_HEX, detail or ""))) & sought:
            yield Occurrence(digest, position, stream, version, None)
