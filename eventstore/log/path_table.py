"""Interned paths, back as text and as the keys that sort them in tree order."""

from eventstore.log.log import ROOT_ID, Log
from eventstore.model.memory import Memory
from eventstore.model.paths import path_of

REMEMBERED = 5_000


class PathTable:
    """Answers for one log; directories are looked up once while they are near, and memory is bounded.

    What a transaction may yet take back must not be asked for: its ids can come to mean other paths.
    """

    def __init__(self, log: Log) -> None:
        self._db = log.db
        self._prefixes = Memory(REMEMBERED, {0: b"", ROOT_ID: b""})
        self._latest = (ROOT_ID, b"")

    def text(self, path_id: int) -> bytes:
        """Return the path that *path_id* stands for, with "?" for its beginning where the table lacks a row."""
        if self._latest[0] != path_id:
            self._latest = path_id, self.child(*self._row(path_id))
        return self._latest[1]

    def child(self, parent: int, name: bytes) -> bytes:
        """Return the path that *parent* holds under *name*."""
        return path_of(self.key(parent, name))

    def key(self, parent: int, name: bytes) -> bytes:
        """Return the tree order (`paths.order`) of what *parent* holds under *name*."""
        prefix = self._prefixes.get(parent)
        return (self._prefix(parent) if prefix is None else prefix) + name

    def _prefix(self, directory: int) -> bytes:
        missing: list[tuple[int, bytes]] = []
        while (found := self._prefixes.get(directory)) is None:
            parent, name = self._row(directory)
            missing.append((directory, name))
            directory = parent
        for directory, name in reversed(missing):
            found += name + b"\0"
            self._prefixes[directory] = found
        return found

    def _row(self, path_id: int) -> tuple[int, bytes]:
        row = self._db.execute("SELECT parent, name FROM path WHERE id = ? AND parent < id", (path_id,)).fetchone()
        return row or (0, b"?")


def lies_within(key: bytes, top: bytes) -> bool:
    """Whether the path of one key is that of another, or below it."""
    return key.startswith(top) and key[len(top) : len(top) + 1] in (b"", b"\0")
