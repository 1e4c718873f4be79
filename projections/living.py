"""Living paths: those that still matter of all that a container ever touched, so that the length of its history does not show.

A path that is gone, that nothing below the container holds and that no move brought along, says nothing to a later
version before an event is about it again.  A walk of a long history that meets many such remembers, in cache/, which
paths lived at its version; later walks ask for those, and for what was touched since.
"""

import struct
from collections import deque
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from eventstore.log import Log
from projections import lineage
from projections.lineage import LIVE, Span
from projections.view import View

FOLDER = "living-1"  # the version of what is written there
WORTH = 1000
_DIGEST = 32

Asked = tuple[bytes, int]
"""A path that a container touched: its tree order and its id."""


class Living(NamedTuple):
    """The ids of the paths that matter after event *version*, in tree order."""

    version: int
    ids: tuple[int, ...]


UNKNOWN = Living(0, ())


def remembered(log: Log, span: Span) -> Living:
    """Return what is remembered of the latest version within a container's *span*, `UNKNOWN` where nothing is."""
    if log.cache is None:
        return UNKNOWN
    container = _name(log, span.stream)
    versions = (int(name) for name in log.cache.names(FOLDER, container) if name.isdecimal())
    for version in sorted((version for version in versions if version <= span.upto), reverse=True):
        data = log.cache.read(FOLDER, container, str(version)) or b""
        packed = data[_DIGEST:]
        if data[:_DIGEST] == _seal(log, span.stream, version, packed):
            return Living(version, struct.unpack(f"<{len(packed) // 8}Q", packed))
    return UNKNOWN


class Census:
    """Takes down, as a walk of a whole view goes along, which of the paths that its top container touched matter."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._waiting: deque[Asked] = deque()
        self._asked = 0
        self._ids: list[int] = []

    def ask(self, paths: Iterable[Asked]) -> None:
        """Say which paths the walk asks the container about next, in tree order."""
        before = len(self._waiting)
        self._waiting.extend(paths)
        self._asked += len(self._waiting) - before

    def matters(self, key: bytes) -> None:
        """Say that the path of this tree order matters; those before it of which that was not said do not."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= key:
            found, path_id = waiting.popleft()
            if found == key:
                self._ids.append(path_id)

    def close(self) -> None:
        """Remember what was taken down, where it spares later walks half of their work."""
        log, span = self._view.log, self._view.spans[-1]
        gone = self._asked - len(self._ids)
        if gone < WORTH + len(self._ids) or log.cache is None or log.db.in_transaction:
            return
        container = _name(log, span.stream)
        if list(self._view.spans) == lineage.of_container(log, container, span.upto):
            packed = struct.pack(f"<{len(self._ids)}Q", *self._ids)
            log.cache.write(_seal(log, span.stream, span.upto, packed) + packed, FOLDER, container, str(span.upto))


def census(view: View, top: bytes) -> Census | None:
    """Return what takes down a walk at and below *top*; None where there is nothing worth to learn."""
    span = view.spans[-1] if view.spans and not top else None
    return Census(view) if span and not span.layer and WORTH <= span.upto < LIVE else None


def _name(log: Log, stream: int) -> str:
    return str(log.db.execute("SELECT name FROM stream WHERE id = ?", (stream,)).fetchone()[0])


def _seal(log: Log, stream: int, version: int, packed: bytes) -> bytes:
    """Return a digest that covers *packed* and, through its changeset's hash, all of the history that it was computed from."""
    row = log.db.execute("SELECT position FROM event WHERE stream = ? AND version = ?", (stream, version)).fetchone()
    return sha256(log.changeset(row[0]).hash + packed).digest() if row else b""
