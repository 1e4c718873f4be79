"""Changes on their way in, kept in a temporary table: whatever their number, memory stays flat and no lock is held."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import count, islice

from eventstore.changes import Change
from eventstore.events import Kind
from eventstore.paths import order

BATCH = 512
_NUMBERS = count(1)
_HIDES = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)


class Staged:
    """A run of Changes, read once from their source and then as often as wanted.  Close it to free its room."""

    def __init__(self, db: sqlite3.Connection, changes: Iterable[Change]) -> None:
        self._db = db
        self._table = f"temp.staged_{next(_NUMBERS)}"
        db.execute(
            f"CREATE TABLE {self._table} (seq INTEGER PRIMARY KEY, phase INTEGER, key BLOB, "
            "kind, path, mode, uid, gid, mtime, size, content, target, detail)"
        )
        self._in_order, self._links = True, False
        rows = self._rows(changes)
        while batch := list(islice(rows, BATCH)):
            db.executemany(f"INSERT INTO {self._table} VALUES ({', '.join('?' * 13)})", batch)

    def _rows(self, changes: Iterable[Change]) -> Iterator[tuple[object, ...]]:
        last = (0, b"")
        for change in changes:
            place = (0 if change.kind in _HIDES else 1, order(change.path))
            self._in_order = self._in_order and place >= last
            self._links = self._links or change.kind == Kind.LINK_MADE
            last = place
            yield (None, *place, *change)

    def __iter__(self) -> Iterator[Change]:
        """Yield the changes as they came."""
        return self._changes("seq")

    def __len__(self) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {self._table}").fetchone()[0])

    def in_layer_order(self) -> Iterator[Change]:
        """Yield what hides lower layers first, then the rest, each in tree order."""
        return self._changes("seq" if self._in_order else "phase, key")

    def link_targets(self) -> dict[bytes, int]:
        """Return, for each path that a hard link here names and that is here itself, its index in layer order (0 first)."""
        if not self._links:
            return {}
        cursor = self._db.execute(
            f"SELECT path, n FROM (SELECT path, kind, row_number() OVER (ORDER BY phase, key) - 1 AS n FROM {self._table}) "
            f"WHERE kind = {Kind.FILE_WRITTEN:d} AND path IN (SELECT target FROM {self._table} WHERE kind = {Kind.LINK_MADE:d})"
        )
        return dict(cursor)

    def close(self) -> None:
        self._db.execute(f"DROP TABLE {self._table}")

    def _changes(self, by: str) -> Iterator[Change]:
        cursor = self._db.execute(
            f"SELECT kind, path, mode, uid, gid, mtime, size, content, target, detail FROM {self._table} ORDER BY {by}"
        )
        return map(Change._make, cursor)
