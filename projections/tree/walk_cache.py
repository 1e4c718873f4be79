"""Living paths: those that still matter of all that a container ever touched, in tree order; remembered in cache/.

A path that is gone, that nothing below the container holds and that no move brought along, says nothing to a later
version before an event is about it again.  A walk of a long history remembers which paths lived at its version; later
walks ask for those, and for what was touched since: they sort little, and the length of history does not show.
"""

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, chain
from operator import sub
from typing import NamedTuple

from eventstore.disk.cache import Cache
from eventstore.log.log import Log
from projections.tree.lineage import LIVE, Span, of_container
from projections.tree.view import View

FOLDER = "living-1"  # the version of what is written there
WORTH, SHARE = 1000, 8
"""After how many events it is worth to remember anew: so many, and one for each *SHARE* living paths."""
KEPT = 8
"""How many versions of a container are remembered: the latest."""
_DIGEST = 32

Asked = tuple[bytes, int]
"""A path that a container touched: its tree order and its id."""


class LivePaths(NamedTuple):
    """The ids of the paths that matter after event *version*, in tree order."""

    version: int
    ids: tuple[int, ...]


UNKNOWN = LivePaths(0, ())


def remembered(log: Log, span: Span) -> LivePaths:
    """Return what is remembered of the latest version within a container's *span*, `UNKNOWN` where nothing is."""
    if log.cache is None:
        return UNKNOWN
    container = log.stream_of(span.stream).name
    for version in (version for version in _versions(log.cache, container) if version <= span.upto):
        data = log.cache.read(FOLDER, container, str(version)) or b""
        packed = data[_DIGEST:]
        if data[:_DIGEST] == _seal(log, span.stream, version, packed):
            return LivePaths(version, _unpacked(packed))
    return UNKNOWN


def worth_counting(span: Span) -> bool:
    """Whether a walk of a container's span may remember anything: it is long enough, and does not grow meanwhile."""
    return WORTH <= span.upto < LIVE


class Census:
    """Takes down, as a walk of a whole view goes along, which of the paths that its top container touched matter.

    *known* is what was remembered before.
    """

    def __init__(self, view: View, known: LivePaths) -> None:
        self._view = view
        self._known = known
        self._waiting: deque[Asked] = deque()
        self._ids: list[int] = []

    def watching(self, paths: Iterable[Asked]) -> Iterator[Asked]:
        """Yield the paths that the walk asks the container about, in tree order, taking them down."""
        for asked in paths:
            self._waiting.append(asked)
            yield asked

    def matters(self, key: bytes) -> None:
        """Say that the path of this tree order matters; those before it of which that was not said do not."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= key:
            found, path_id = waiting.popleft()
            if found == key:
                self._ids.append(path_id)

    def close(self) -> None:
        """Remember what was taken down, where many events came since the last time."""
        log, span = self._view.log, self._view.spans[-1]
        since = span.upto - self._known.version
        if since < WORTH + len(self._ids) // SHARE or log.cache is None or log.in_transaction:
            return
        container = log.stream_of(span.stream).name
        if list(self._view.spans) == of_container(log, container, span.upto):
            packed = _packed(self._ids)
            log.cache.write(_seal(log, span.stream, span.upto, packed) + packed, FOLDER, container, str(span.upto))
            for version in _versions(log.cache, container)[KEPT:]:
                log.cache.remove(FOLDER, container, str(version))


def _packed(ids: Sequence[int]) -> bytes:
    """Return the ids as their differences, most of which are one: neighbours in a tree are often written one after another."""
    return zlib.compress(struct.pack(f"<{len(ids)}q", *map(sub, ids, chain((0,), ids))), 1)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    data = zlib.decompress(packed)
    return tuple(accumulate(struct.unpack(f"<{len(data) // 8}q", data)))


def _versions(cache: Cache, container: str) -> list[int]:
    return sorted((int(name) for name in cache.names(FOLDER, container) if name.isdecimal()), reverse=True)


def _seal(log: Log, stream: int, version: int, packed: bytes) -> bytes:
    """Return a digest that covers *packed* and, through its changeset's hash, all of the history that it was computed from."""
    event = next(log.events(stream, version, version), None)
    return sha256(log.changeset(event.position).hash + packed).digest() if event else b""
