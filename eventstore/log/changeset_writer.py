"""Appending: a changeset being written.  Only `commands.py` opens one, inside a transaction."""

import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from eventstore.errors import ConcurrencyError
from eventstore.log import merkle
from eventstore.log.log import ROOT_ID, Changeset, Context, Log, Stream, header
from eventstore.model.changes import Change
from eventstore.model.entries import node_of
from eventstore.model.events import ATTRIBUTES, HIDES, NAMES, PUTS_DIRECTORY, Event, Kind, event_bytes
from eventstore.model.paths import shown_name, split

BATCH = 512
_EFFECTS: dict[int, int] = {
    Kind.LINK_MADE: NAMES, Kind.PATH_MOVED: NAMES, Kind.PATH_DELETED: NAMES, Kind.ATTRIBUTES_CHANGED: ATTRIBUTES,
    Kind.DIRECTORY_CLEARED: HIDES,
}  # fmt: skip
_INSERT = f"INSERT INTO event VALUES ({', '.join('?' * len(Event._fields))})"


@contextmanager
def changeset(log: Log, context: Context, key: str | None = None) -> Iterator["Appending"]:
    """Append one changeset inside the transaction or savepoint that is open; an empty one leaves no trace.

    *key* makes it happen once for ever: a second use raises ConcurrencyError.
    """
    appending = Appending(log, context)
    yield appending
    appending.close(key)


class Appending:
    """A changeset being written.  `add` buffers; `flush` makes the rows visible to this connection's queries."""

    def __init__(self, log: Log, context: Context) -> None:
        self._log = log
        self._db = log.db
        self._context = context
        self._head = log.head()
        self.position = self._head.position + 1
        """The position that the next event will have."""
        self._rows: list[tuple[Any, ...]] = []
        self._merkle = merkle.Frontier()
        self._paths = _Paths(log)
        self._streams: dict[tuple[str, str], Stream] = {}

    def open(self, kind: str, name: str, expected: int | None = None) -> Stream:
        """Return the stream to append to, made if new; raise ConcurrencyError if it is not at version *expected*."""
        self.flush()
        stream = self._streams.get((kind, name)) or self._log.stream(kind, name)
        if stream is None:
            cursor = self._db.execute("INSERT INTO stream (kind, name) VALUES (?, ?)", (kind, name))
            stream = Stream(int(cursor.lastrowid or 0), kind, name, 0)
        self._streams[kind, name] = stream
        if expected is not None and stream.version != expected:
            raise ConcurrencyError(
                f"{kind} {name[:12]} moved from version {expected} to {stream.version} meanwhile; look again and repeat"
            )
        return stream

    def add(
        self, stream: Stream, change: Change, *, about_path: bool, node: int | None = None, fresh: bool = False,
    ) -> bytes:  # fmt: skip
        """Append *change* as the stream's next event and return its hash; rules are the caller's business."""
        kind, path, stated = change.kind, change.path, node_of(change)
        stream.version += 1
        leaf = sha256(b"\0" + event_bytes(stream.name.encode(), stream.version, kind, path, stated)).digest()
        self._merkle.push(leaf)
        path_id = self._paths.intern(path) if about_path else None
        source = self._paths.intern(change.target or b"") if kind == Kind.PATH_MOVED else None
        self._rows.append(
            (
                self.position, stream.id, stream.version, kind, path_id, *stated,
                node, source, effect(kind, change.mode), 1 if fresh else None, leaf if kind == Kind.COMMITTED else None,
            )
        )  # fmt: skip
        self.position += 1
        if len(self._rows) >= BATCH:
            self.flush()
        return leaf

    def path_id(self, path: bytes) -> int | None:
        """Return the interned id of *path*, or None where no event was ever about it, those of this changeset included."""
        return self._paths.find(path)

    def flush(self) -> None:
        self._paths.flush()
        if self._rows:
            self._db.executemany(_INSERT, self._rows)
            self._rows.clear()

    def close(self, key: str | None) -> None:
        """Seal the changeset into the chain and the Merkle tree; raise ConcurrencyError where *key* was used before."""
        self.flush()
        events = self._merkle.size
        if not events:
            return
        head, wall = self._head, time.time_ns()
        body = self._context.body
        unhashed = Changeset(
            head.changesets + 1, self.position - events, events, max(head.time, wall), wall,
            self._context_id(body), self._merkle.root(), b"",
        )  # fmt: skip
        digest = merkle.leaf_hash(header(unhashed, head.hash, body))
        self._db.execute("INSERT INTO changeset VALUES (?, ?, ?, ?, ?, ?, ?, ?)", unhashed._replace(hash=digest))
        if nodes := merkle.completed(self._log.node, head.changesets, digest):
            self._db.executemany("INSERT INTO tree_node VALUES (?, ?, ?)", nodes)
        if key is not None:
            self._claim(key, unhashed.number)

    def _claim(self, key: str, number: int) -> None:
        try:
            self._db.execute("INSERT INTO idempotency VALUES (?, ?)", (key, number))
        except sqlite3.IntegrityError:
            raise ConcurrencyError(f"the idempotency key {key!r} was used before; its changeset stands") from None

    def _context_id(self, body: str) -> int:
        row = self._db.execute("SELECT id FROM context WHERE body = ?", (body,)).fetchone()
        if row:
            return int(row[0])
        return int(self._db.execute("INSERT INTO context (body) VALUES (?)", (body,)).lastrowid or 0)


def effect(kind: int, mode: int) -> int | None:
    """Return what an event does to names, for the index that look-ups use (schema.py)."""
    if kind in (Kind.FILE_WRITTEN, Kind.DIRECTORY_IMPLIED):
        return PUTS_DIRECTORY if stat.S_ISDIR(mode) else NAMES
    return _EFFECTS.get(kind)


class _Paths:
    """Interns paths.  Below a directory that is itself new nothing can be known yet, so a first import asks nothing."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._db = log.db
        self._ids: dict[bytes, int] = {b"": ROOT_ID}
        self._new: set[int] = set()
        self._absent = b""
        self._rows: list[tuple[int, int, bytes, str | None]] = []
        self._next = 0

    def find(self, path: bytes) -> int | None:
        """Return the id of *path* if it has one."""
        missing: list[bytes] = []
        while (found := self._ids.get(path)) is None:
            missing.append(path)
            path = path.rpartition(b"/")[0]
        for below in reversed(missing):
            if found in self._new:
                return None
            child = self._known_child(found, below.rpartition(b"/")[2])
            if child is None:
                self._absent = below
                return None
            found = self._ids[below] = child
        return found

    def intern(self, path: bytes) -> int:
        """Return the id of *path*, given to it now if it has none."""
        is_absent = path and path == self._absent
        found = self.find(split(path)[0] if is_absent else path)
        if found is not None and not is_absent:
            return found
        missing = [path]
        while (found := self._ids.get(split(missing[-1])[0])) is None:
            missing.append(split(missing[-1])[0])
        for below in reversed(missing):
            found = self._ids[below] = self._add(found, split(below)[1])
        self._absent = b""
        return found

    def flush(self) -> None:
        if self._rows:
            self._db.executemany("INSERT INTO path VALUES (?, ?, ?, ?)", self._rows)
            self._rows.clear()
        if len(self._ids) > 20_000:  # no Memory: only here, where nothing waits, may both forget, and both at once
            self._ids = {b"": ROOT_ID}
            self._new.clear()

    def _known_child(self, parent: int, name: bytes) -> int | None:
        remembered = self._log.path_ids.get((parent, name))
        return self._log.child_id(parent, name) if remembered is None else remembered

    def _add(self, parent: int, name: bytes) -> int:
        if not self._next:
            self._next = self._db.execute("SELECT max(id) FROM path").fetchone()[0]
        self._next += 1
        self._new.add(self._next)
        self._rows.append((self._next, parent, name, shown_name(name)))
        return self._next
