"""The log: changesets of events in one global order, chained and in a Merkle tree.  FORMAT.md is its specification.

This is the reading side; `changeset_writer.py` writes, for `commands.py` alone.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eventstore.disk.cache import Cache
from eventstore.errors import DamagedError, NotFoundError
from eventstore.log import merkle
from eventstore.model.events import Event, Kind
from eventstore.model.memory import Memory

ROOT_ID = 1
REMEMBERED = 10_000
PARTED = 60_000_000_000
"""By how many ns clocks may differ before anybody is told."""
DatabaseError = sqlite3.DatabaseError
"""What reading raises where log.db is damaged, busy or cannot be read: for whoever goes on without the answer."""


class Context:
    """Who and why: `actor` is observed, `author` is claimed; `known` is recorded, observed or imported.

    `process` is the id of the visit whose changes they are, where they are one's. `undoes` or `redoes` are the changes,
    (first, last version) of the container, that an undo took back, newest first, or a redo brought back, oldest first.
    `build` names the step of a build that did it: FORMAT.md lists its keys.
    """

    def __init__(
        self, actor: dict[str, Any], command: tuple[str, ...], author: str | None = None, known: str = "recorded",
        process: str | None = None, *, undoes: Sequence[tuple[int, int]] = (), redoes: Sequence[tuple[int, int]] = (),
        build: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.actor, self.command, self.author, self.known = actor, command, author, known
        more = {"process": process, "undoes": undoes, "redoes": redoes, "build": build}
        stated = vars(self) | {key: value for key, value in more.items() if value}
        self.body = json.dumps(stated, sort_keys=True, separators=(",", ":"))
        """The text that the chain covers."""


class Changeset(NamedTuple):
    """`wall` is what the clock said, `time` the latest that one had said so far, ns since 1970 UTC; the events are
    [first, first + events).
    """

    number: int
    first: int
    events: int
    time: int
    wall: int
    context: int
    root: bytes
    hash: bytes


class Head(NamedTuple):
    """Where the log ends: changesets, the last event's position, the last changeset's hash and time."""

    changesets: int
    position: int
    hash: bytes
    time: int


class Stream:
    """A stream being appended to: `version` moves with it."""

    def __init__(self, number: int, kind: str, name: str, version: int) -> None:
        self.id, self.kind, self.name, self.version = number, kind, name, version


def header(changeset: Changeset, previous: bytes, context: str) -> bytes:
    """Return the bytes whose RFC 6962 leaf hash is the changeset's hash."""
    return (
        f"layerlog changeset 1\nnumber {changeset.number}\nfirst {changeset.first}\nevents {changeset.events}\n"
        f"time {changeset.time}\nwall {changeset.wall}\nprevious {previous.hex()}\nroot {changeset.root.hex()}\n"
        f"context {context}\n"
    ).encode()


class Log:
    """The log of one connection; every answer is as of the connection's current read.

    In SQL a kind is a literal: SQLite prepares a statement anew, in 10 to 20 us, each time that a parameter is bound
    which a partial index compares with a constant.
    """

    def __init__(self, db: sqlite3.Connection, cache: Cache | None = None) -> None:
        self.db = db
        self.cache = cache
        """Where what follows from the log may be remembered."""
        self.path_ids: Memory[tuple[int, bytes], int] = Memory(REMEMBERED)
        """(parent's id, name) -> id, as far as views remember it; what a transaction may yet take back is never here."""

    def column(self, select: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the first value of every row that *select* finds, in its order."""
        return [row[0] for row in self.db.execute(select, values)]

    def number(self, select: str, values: Sequence[Any] = ()) -> int | None:
        """Return the number that *select* finds first, None where it finds none."""
        row = self.db.execute(select, values).fetchone()
        return row[0] if row else None

    def head(self) -> Head:
        """Return the end of the log; zeros and empty hash for a log without events."""
        row = self.db.execute(
            "SELECT number, first + events - 1, hash, time FROM changeset ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return Head(*row) if row else Head(0, 0, b"", 0)

    @property
    def in_transaction(self) -> bool:
        """Whether what is read now may yet be taken back."""
        return self.db.in_transaction

    def others_commits(self) -> int:
        """Return a number that is another one once other connections have committed; nothing of the log is read."""
        return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def tree_head(self, size: int) -> bytes:
        """Return the Merkle tree head over the first *size* changesets."""
        return merkle.range_hash(self.node, 0, size)

    def node(self, level: int, number: int) -> bytes:
        """Return a perfect subtree's hash (merkle.Node); raise DamagedError where the log lacks it."""
        if level == 0:
            row = self.db.execute("SELECT hash FROM changeset WHERE number = ?", (number + 1,)).fetchone()
        else:
            row = self.db.execute(
                "SELECT hash FROM tree_node WHERE level = ? AND number = ?", (level, number)
            ).fetchone()
        if row is None:
            raise DamagedError(f"the log lacks the Merkle node {number} at level {level}; `layerlog verify` says more")
        return bytes(row[0])

    def stream(self, kind: str, name: str) -> Stream | None:
        """Return the stream with its latest version, or None."""
        row = self.db.execute(
            "SELECT s.id, (SELECT max(e.version) FROM event e WHERE e.stream = s.id) FROM stream s "
            "WHERE s.kind = ? AND s.name = ?",
            (kind, name),
        ).fetchone()
        return Stream(row[0], kind, name, row[1] or 0) if row else None

    def existing(self, kind: str, name: str) -> Stream:
        """As `stream`, for one that other events name; raise DamagedError where the log lacks it."""
        found = self.stream(kind, name)
        if found is None:
            raise DamagedError(f"the log lacks the {kind} {name[:12]}; `layerlog verify` says more")
        return found

    def beginning(self, kind: str, prefix: str) -> list[str]:
        """Return the names of the streams of *kind* that begin with these hex digits: an index look-up."""
        between = "SELECT name FROM stream WHERE kind = ? AND name >= ? AND name < ?"
        return self.column(between, (kind, prefix, prefix + "g"))

    def names(self, kind: str, first: int, last: int) -> set[str]:
        """Return the names of the streams of *kind* that the events at the positions first..last stand in."""
        names = "SELECT DISTINCT s.name FROM event e JOIN stream s ON s.id = e.stream WHERE s.kind = ?"
        return set(self.column(f"{names} AND e.position BETWEEN ? AND ?", (kind, first, last)))

    def version(self, stream: int) -> int:
        return self.number("SELECT max(version) FROM event WHERE stream = ?", (stream,)) or 0

    def stream_of(self, stream: int) -> Stream:
        """Return a stream by its number; raise NotFoundError."""
        row = self.db.execute("SELECT kind, name FROM stream WHERE id = ?", (stream,)).fetchone()
        if row is None:
            raise NotFoundError(f"no stream {stream}")
        return Stream(stream, row[0], row[1], self.version(stream))

    def events(self, stream: int, first: int = 1, last: int = 2**62) -> Iterator[Event]:
        """Yield the stream's events with first <= version <= last, in order, streaming."""
        between = "SELECT * FROM event WHERE stream = ? AND version BETWEEN ? AND ? ORDER BY version"
        return map(Event._make, self.db.execute(between, (stream, first, last)))

    def event(self, stream: int, version: int) -> Event:
        """Return a stream's event; raise NotFoundError."""
        found = next(self.events(stream, version, version), None)
        if found is None:
            raise NotFoundError(f"{self.stream_of(stream).kind} {self.stream_of(stream).name[:12]} has no version {version}")
        return found

    def positions(self, stream: int) -> tuple[int, int]:
        """Return the positions of the first and the last event of a stream that has any."""
        first, last = self.db.execute("SELECT min(position), max(position) FROM event WHERE stream = ?", (stream,)).fetchone()
        return first, last

    def contents(self, stream: int, first: int = 1, last: int = 2**62) -> Iterator[bytes]:
        """Yield each content that the stream's events first..last name, once."""
        rows = self.db.execute(
            "SELECT DISTINCT content FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND content IS NOT NULL",
            (stream, first, last),
        )
        return (row[0] for row in rows)

    def written(self, stream: int, first: int = 1, last: int = 2**62) -> Iterator[tuple[int | None, bytes]]:
        """Yield (interned path, content) of the stream's events first..last that name a content."""
        return self.db.execute(
            "SELECT path, content FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND content IS NOT NULL",
            (stream, first, last),
        )

    def latest(self, kind: Kind, stream: int, upto: int = 2**62) -> Event | None:
        """Return the stream's last event of a kind that is about no path, not after version *upto*: one index look-up."""
        rows = self.db.execute(
            f"SELECT * FROM event WHERE path IS NULL AND kind = {kind:d} AND stream = ? AND version <= ? "
            "ORDER BY version DESC LIMIT 1",
            (stream, upto),
        )
        return next(map(Event._make, rows), None)

    def seal(self, commit_id: str) -> Event | None:
        """Return the Committed event of a commit by its id (64 hex digits), or None: one index look-up."""
        rows = self.db.execute("SELECT * FROM event WHERE id = ?", (bytes.fromhex(commit_id),))
        return next(map(Event._make, rows), None)

    def of_kind(self, kind: Kind, stream: int | None = None) -> Iterator[Event]:
        """Yield events that are about no path, by kind (and stream), in version order within a stream: an index look-up."""
        where, values = ("", ()) if stream is None else (" AND stream = ?", (stream,))
        rows = self.db.execute(
            f"SELECT * FROM event WHERE path IS NULL AND kind = {kind:d}{where} ORDER BY stream, version", values
        )
        return map(Event._make, rows)

    def at(self, position: int) -> Event:
        """Return the event at *position*; raise NotFoundError."""
        found = next(map(Event._make, self.db.execute("SELECT * FROM event WHERE position = ?", (position,))), None)
        if found is None:
            raise NotFoundError(f"no event at position {position}; the log ends at {self.head().position}")
        return found

    def everything(self, first: int = 1, last: int = 2**62) -> Iterator[Event]:
        """Yield all events with first <= position <= last in the global order, streaming."""
        between = "SELECT * FROM event WHERE position BETWEEN ? AND ? ORDER BY position"
        return map(Event._make, self.db.execute(between, (first, last)))

    def changeset(self, position: int) -> Changeset:
        """Return the changeset that holds *position*, the last one where that is beyond the end; raise NotFoundError."""
        row = self.db.execute(
            "SELECT * FROM changeset WHERE first <= ? ORDER BY first DESC LIMIT 1", (position,)
        ).fetchone()
        if row is None:
            raise NotFoundError(f"no event at position {position}")
        return Changeset(*row)

    def time_of(self, position: int) -> int:
        """Return when the event at *position* came into the log by the clock of then, ns since 1970: that may go back."""
        return self.changeset(position).wall

    def behind(self) -> int:
        """Return by how many ns the clock of the last changeset was behind the latest that one had said since 1970."""
        return self.number("SELECT iif(time > 0, time - wall, 0) FROM changeset ORDER BY number DESC LIMIT 1") or 0

    def path_id(self, path: bytes) -> int | None:
        """Return the interned id of *path*, or None where no event was ever about it: O(depth) index look-ups."""
        found: int | None = ROOT_ID
        for part in path.split(b"/") if path else ():
            if found is not None:
                found = self.child_id(found, part)
        return found

    def child_id(self, parent: int, name: bytes) -> int | None:
        """Return the id of what a directory's id holds under *name*, None where no event was ever about it: one look-up."""
        return self.number("SELECT id FROM path WHERE parent = ? AND name = ?", (parent, name))

    def path_text(self, path_id: int) -> bytes:
        """Return the path that *path_id* stands for."""
        parts: list[bytes] = []
        while path_id != ROOT_ID:
            parent, part = self.db.execute("SELECT parent, name FROM path WHERE id = ?", (path_id,)).fetchone()
            parts.append(part)
            path_id = parent
        return b"/".join(reversed(parts))
