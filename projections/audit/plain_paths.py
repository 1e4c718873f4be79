"""Plain paths: those of which the events about them say all, so that no view has to be asked.

Such a path was only ever written and deleted itself; nothing above it was hidden, replaced or moved, in any stream.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from eventstore.index import by_path
from eventstore.index.paths import parent_id
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.batches import batches
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from projections.tree.view import View, of_event

AT_ONCE = 500
_SAYS_ALL = (Kind.FILE_WRITTEN, Kind.PATH_DELETED)


class PlainPath(NamedTuple):
    """A plain path with the events that write or delete it, of whichever stream, in no order."""

    path: bytes
    events: tuple[Event, ...]

    def lookup(self, view: View) -> Entry | None:
        """Return what the path is in *view*, as `View.lookup` does but for attributes that were changed later."""
        ordered = ((view.order(event.stream, event.version), event) for event in self.events)
        latest = max(((order, event) for order, event in ordered if order is not None), default=None)
        return latest and self.after(latest[1])

    def after(self, event: Event) -> Entry | None:
        return of_event(self.path, event) if event.kind == Kind.FILE_WRITTEN else None


class PlainPaths:
    """Tells which paths are plain, for one state of the log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._taken = {path_id for path_id, _ in by_path.moved(log)}
        self._calm = {0: True}
        """Whether all below a directory, by its id, was ever named by events of its own alone."""

    def among(self, paths: Iterable[tuple[bytes, int | None]]) -> Iterator[tuple[bytes, PlainPath | None]]:
        """Yield each path, in the order given, and what is known of it if it is plain; with each its id, where it has one."""
        for batch in batches(paths, AT_ONCE):
            events = self._events([path_id for _, path_id in batch if path_id is not None])
            for path, path_id in batch:
                found = None if path_id is None else events.get(path_id)
                yield path, None if found is None else PlainPath(path, found)

    def _events(self, ids: Sequence[int]) -> dict[int, tuple[Event, ...]]:
        found = {}
        for (path_id, parent), group in groupby(by_path.naming(self._log, ids), key=lambda one: (one.event.path, one.parent)):
            events = tuple(one.event for one in group)
            plain = path_id != ROOT_ID and path_id not in self._taken and all(event.kind in _SAYS_ALL for event in events)
            if plain and self._is_calm(parent):
                found[path_id] = events
        return found

    def _is_calm(self, directory: int) -> bool:
        chain = []
        while directory not in self._calm:
            chain.append(directory)
            directory = parent_id(self._log, directory)
        calm = self._calm[directory]
        for path_id in reversed(chain):
            calm = self._calm[path_id] = calm and path_id not in self._taken and not by_path.was_hidden(self._log, path_id)
        return calm
