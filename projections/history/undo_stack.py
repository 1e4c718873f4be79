"""A container's undo stack, as editors have one: all of it is in the log, where an undo and a redo say what they did."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eventstore.errors import ConflictError, DamagedError
from eventstore.index import changesets
from eventstore.index.moments import version_at
from eventstore.index.streams import last_change
from eventstore.log.log import Log
from eventstore.model.changes import Change
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.edits import undo
from projections.edits.undo import Run
from projections.images import run_config
from projections.oci.config_diff import change_to
from projections.refs.containers import Container


class Step(NamedTuple):
    """What an undo or a redo is to record: `changes` of files and `configs`, by which the container is as it was at `version`.

    `undoes` or `redoes` are the changes that it takes back, newest first, or brings back, oldest first.
    """

    version: int
    changes: Iterator[Change]
    configs: list[ConfigChange]
    undoes: Sequence[Run] = ()
    redoes: Sequence[Run] = ()


def undone(store: Store, found: Container, count: int) -> Step:
    """Return what takes a container's last *count* changes back; raise ConflictError where there are fewer.

    A change that left everything as it was is no step: it is taken back with an earlier one.
    """
    steps = _Steps(store, found)
    runs = steps.that_count(undoable(store.log, found.stream, found.version), count, "to take back")
    pairs = [(run.last, run.first - 1) for run in runs]
    return Step(pairs[-1][1], undo.taken_back(store, found.id, runs), steps.configs(pairs), undoes=runs)


def redone(store: Store, found: Container, count: int) -> Step:
    """Return what brings back *count* of the changes that were taken back last; raise ConflictError where there are fewer."""
    steps = _Steps(store, found)
    waiting = redoable(store.log, found.stream, found.version)
    runs = steps.that_count(waiting, count, "that `undo` took back and nothing newer replaced")
    pairs = [(run.first - 1, run.last) for run in runs]
    return Step(pairs[-1][1], undo.brought_back(store, found.id, runs), steps.configs(pairs), redoes=runs)


# -- the stack: what can be undone, what can be redone


def undoable(log: Log, stream: int, version: int) -> Iterator[Run]:
    """Yield the changes of a container that are in force at *version*, the latest first: look-ups for each."""
    while (run := _last(log, stream, version)) is not None:
        undoes, redoes = _stated(log, stream, run)
        if undoes or redoes:
            version = undoes[-1].first - 1 if undoes else redoes[-1].last
        else:
            yield run
            version = run.first - 1


def redoable(log: Log, stream: int, version: int) -> list[Run]:
    """Return the changes of a container that wait to be brought back, the next first: O(undos and redos in a row).

    Any other change ends them: it begins a new line, as in an editor.
    """
    steps = []
    while (run := _last(log, stream, version)) is not None and any(stated := _stated(log, stream, run)):
        steps.append(stated)
        version = run.first - 1
    waiting: list[Run] = []
    for undoes, redoes in reversed(steps):
        waiting = undoes[::-1] + waiting[len(redoes) :]
    return waiting


def _last(log: Log, stream: int, version: int) -> Run | None:
    """Return the last change of a container's events 1..*version*: a changeset's events, to the last that changes anything."""
    last = last_change(log, stream, version)
    if last is None:
        return None
    first = version_at(log, stream, log.changeset(last.position).first - 1) + 1
    return Run(first, last.version)


def _stated(log: Log, stream: int, run: Run) -> tuple[list[Run], list[Run]]:
    """Return what a change says that it undoes, and that it redoes; raise DamagedError where that did not come before it."""
    changeset = log.changeset(log.event(stream, run.last).position)
    context = json.loads(changesets.context(log, changeset.context))
    undoes, redoes = ([Run(*pair) for pair in context.get(key, ())] for key in ("undoes", "redoes"))
    if not all(0 < first <= last < run.first for first, last in undoes + redoes):
        raise DamagedError(f"event {run.first} of a container undoes what came after it; `layerlog verify` says more")
    return undoes, redoes


# -- what of it counts


class _Steps:
    def __init__(self, store: Store, found: Container) -> None:
        self._store, self._found = store, found

    def that_count(self, runs: Iterable[Run], count: int, what: str) -> list[Run]:
        """Return the first *runs* up to the *count*th that changed anything."""
        taken, left = [], count
        for run in runs:
            taken.append(run)
            left -= self._changed_anything(run)
            if not left:
                return taken
        found, name = count - left, shown(self._found.name)
        raise ConflictError(f"container {name} has {_changes(found)} {what}{f', not {count}' if found else ''}")

    def configs(self, pairs: list[tuple[int, int]]) -> list[ConfigChange]:
        """Return what makes the config what it was by going through *pairs*, together or, where that is nothing, one by one."""
        together = self._config_change(pairs[0][0], pairs[-1][1])
        changes = [together] if together is not None else [self._config_change(*pair) for pair in pairs]
        return [change for change in changes if change is not None]

    def _changed_anything(self, run: Run) -> bool:
        configured = self._config_change(run.first - 1, run.last) is not None
        return configured or undo.changed_anything(self._store, self._found.id, run)

    def _config_change(self, now: int, then: int) -> ConfigChange | None:
        first, last = min(now, then) + 1, max(now, then)
        before, after = run_config.around(self._store.log, self._store.content, self._found.id, first, last)
        return change_to(before, after) if now < then else change_to(after, before)


def _changes(count: int) -> str:
    return f"{count or 'no'} change{'s' if count > 1 else ''}"
