"""Passes: what a process changed becomes events, while it runs and when it has ended."""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

from cli.sandbox import visit as visiting
from cli.sandbox.observe import Observation, Seen, Trees, UpperScan, redirects
from cli.sandbox.visit import Visit
from eventstore.model.changes import Change
from eventstore.model.paths import shown
from eventstore.model.process_facts import Exit, Pass
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer
from projections.refs.containers import view_at, view_now


class Passed(NamedTuple):
    """What a pass did: the container is at `version` then; paths that changed meanwhile, and that no layer can hold."""

    version: int
    unstable: Sequence[bytes]
    refused: Sequence[bytes]


def record_pass(writer: Writer, visit: Visit, exited: Exit | None = None) -> Passed:
    """Record what the process changed since the last pass, in one changeset, and that it has *exited*.

    Raise ConcurrencyError where another pass was faster: then it is to be called again.  O(what the process ever
    changed), but large files that did not change since are not read.
    """
    store = writer.store
    upper = visit.path(store.path, "upper")
    lower, now = view_at(store, visit.container, visit.version), view_now(store, visit.container)
    seen = Seen(visit.path(store.path, "seen"), writer.content.known)
    scan = UpperScan(upper, writer.content, seen, is_last=exited is not None)
    trees = Trees(lower, now, store.log.existing("container", visit.container).id, visit.version + 1)
    moves = {(os.fsencode(path), os.fsencode(source)) for path, source in visit.moves}
    observation = Observation(scan, visit.marks, trees, redirects(upper, visit.marks, writer.content), moves)
    with closing(Staged(store, _clamped(observation.changes(), visit.latest))) as staged:
        if exited is None:
            seen.write()
        lists = ([*map(shown, scan.unstable)], [*map(shown, scan.refused)])
        passed = Pass(visit.id, 0, 0, *lists)
        version = commands.record_visit(
            writer, visit.container, staged, now, expected=now.version, passed=passed, exited=exited
        )
    found = tuple((os.fsdecode(path), os.fsdecode(source)) for path, source in sorted(observation.moves))
    if found != visit.moves:
        current = visiting.read(store.path, visit.container) or visit
        current._replace(moves=found).write(store.path)
    return Passed(version, scan.unstable, scan.refused)


def _clamped(changes: Iterable[Change], latest: int | None) -> Iterable[Change]:
    """Return changes with no time after *latest*: only what is new or changed is among them, the rest keeps its times."""
    return changes if latest is None else (change._replace(mtime=min(change.mtime, latest)) for change in changes)


def exit_of(visit: Visit, code: int | None) -> Exit:
    """Return what is to be said of a process that ended now with *code*, None where nobody knows."""
    return Exit(visit.id, visit.program, visit.command, visit.user, visit.started, time.time_ns(), code, visit.runtime)
