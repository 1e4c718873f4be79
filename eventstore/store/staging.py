"""Changes on their way in, many of them in a temporary file: whatever their number, memory stays flat and no lock is held."""

import marshal
import struct
import weakref
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import IO

from eventstore.model.batches import batches
from eventstore.model.changes import Change
from eventstore.model.events import Kind
from eventstore.model.paths import order
from eventstore.store.store import Store

BATCH = 512
FEW = 20_000  # are sorted in memory, 12 MB of them
_LENGTH = struct.Struct("<I")
_NUMBERS = count(1)
_HIDES = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)


class Staged:
    """A run of Changes, read once from their source and then as often as wanted.  Close it to free its room."""

    def __init__(self, store: Store, changes: Iterable[Change]) -> None:
        self._store = store
        self._table = ""
        self._file: IO[bytes] | None = None
        self._count = 0
        self._in_order, self._links = True, False
        arriving = batches(self._watched(changes), BATCH)
        self._first = next(arriving, [])
        for batch in arriving:
            self._file = self._file or self._opened()
            data = marshal.dumps([(int(kind), *rest) for kind, *rest in batch])
            self._file.write(_LENGTH.pack(len(data)) + data)

    def _watched(self, changes: Iterable[Change]) -> Iterator[Change]:
        last = (0, b"")
        for change in changes:
            place = _place(change)
            self._in_order = self._in_order and place >= last
            self._links = self._links or change.kind == Kind.LINK_MADE
            self._count += 1
            last = place
            yield change

    def __iter__(self) -> Iterator[Change]:
        """Yield the changes as they came; one reading at a time."""
        return chain(self._first, map(Change._make, chain.from_iterable(self._batches())))

    def __len__(self) -> int:
        return self._count

    def in_layer_order(self) -> Iterator[Change]:
        """Yield what hides lower layers first, then the rest, each in tree order."""
        if self._in_order:
            return iter(self)
        return iter(sorted(self, key=_place)) if self._count <= FEW else self._sorted()

    def link_targets(self) -> dict[bytes, int]:
        """Return, for each path that a hard link here names and that is here itself, its index in layer order (0 first)."""
        if not self._links:
            return {}
        wanted = {change.target for change in self if change.kind == Kind.LINK_MADE}
        ordered = enumerate(self.in_layer_order())
        return {c.path: n for n, c in ordered if c.kind == Kind.FILE_WRITTEN and c.path in wanted}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._table:
            self._store.db.execute(f"DROP TABLE IF EXISTS {self._table}")  # a rollback takes it away too

    def _opened(self) -> IO[bytes]:
        import tempfile  # noqa: PLC0415 - 5 ms, for many changes alone

        file = tempfile.TemporaryFile(buffering=1 << 20)  # noqa: SIM115 - closed by _free
        self._free = weakref.finalize(self, file.close)
        return file

    def _batches(self) -> Iterator[list[tuple[object, ...]]]:
        if self._file is None:
            return
        self._file.seek(0)
        while size := self._file.read(_LENGTH.size):
            yield marshal.loads(self._file.read(*_LENGTH.unpack(size)))  # noqa: S302 - our own, written above

    def _sorted(self) -> Iterator[Change]:
        if not self._table:
            self._table = f"temp.staged_{next(_NUMBERS)}"
            self._store.db.execute(
                f"CREATE TABLE {self._table} (seq INTEGER PRIMARY KEY, phase INTEGER, key BLOB, "
                "kind, path, mode, uid, gid, mtime, size, content, target, detail)"
            )
            rows = ((None, *_place(change), *change) for change in self)
            self._store.db.executemany(f"INSERT INTO {self._table} VALUES ({', '.join('?' * 13)})", rows)
        cursor = self._store.db.execute(
            f"SELECT kind, path, mode, uid, gid, mtime, size, content, target, detail FROM {self._table} ORDER BY phase, key"
        )
        return map(Change._make, cursor)


def _place(change: Change) -> tuple[int, bytes]:
    return (0 if change.kind in _HIDES else 1), order(change.path)
