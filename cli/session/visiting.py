"""Processes in containers, as commands deal with them: started, recorded while they run, recovered when they were killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from cli.display.formats import counted
from cli.sandbox import bundle, namespaces, recording, runtime, users
from cli.sandbox import visit as visiting
from cli.sandbox.bundle import Mount, Wishes
from cli.sandbox.recording import Passed
from cli.sandbox.visit import Visit
from cli.session.session import Session, become_root
from cli.session.writing import repeated, writing
from eventstore.disk.held import remove
from eventstore.errors import ConflictError, StoreError
from eventstore.model.paths import shown
from eventstore.model.process_facts import Exit
from eventstore.store import commands, visits
from projections.images import run_config
from projections.refs import containers, targets

KILLED = 10
"""Seconds that a killed process has to be gone, and recorded."""
PASSES = 5
"""Times that a process may keep one from reading what it changes."""


def run(s: Session, container: str, wishes: Wishes, command: Sequence[str], runtime_name: str | None) -> int:
    """Run a process in a container, record what it changed, and return its exit code, or 1 for 0 where not all could be.

    *command* is what is recorded of it.  What a killed process left is recorded first.  Raise ConflictError where one runs
    there already, and as `visit.run` does.
    """
    visiting.require_safe_place(s.store.path)
    visiting.require_room(s.store.path)
    program = runtime.find(runtime_name)
    recover(s, container)
    lock = visits.take(s.store.path, container)
    try:
        try:
            visit, act = _settled(s, container, wishes, command, program)
        except BaseException:
            visiting.forget(s.store.path, container)
            raise
        try:
            code = act()
        except Exception:
            upper = visit.path(s.store.path, "upper")
            if os.path.isdir(upper) and os.listdir(upper):  # it ran, whatever failed then
                _end(s, visit, runtime.FAILED)
            else:
                visiting.cleared(s.store.path, visit, ())
            raise
        incomplete = _end(s, visit, code)
        return code or incomplete
    finally:
        os.close(lock)


def _settled(
    s: Session, container: str, wishes: Wishes, command: Sequence[str], program: str
) -> tuple[Visit, Callable[[], int]]:
    """Return the visit, and what runs it."""
    found = containers.get(s.log, container)
    view = s.now(container)
    config = run_config.run_config(s.log, s.store.content, targets.of_container(found))
    user = users.find(view, bundle.user_of(config, wishes))
    if wishes.init:
        wishes = wishes._replace(mounts=(*wishes.mounts, Mount(runtime.find_init(), bundle.INIT, read_only=True)))
    what = bundle.process(config, wishes, user, wishes.hostname or container[:12])
    bundle.require_program(view, what, wishes.mounts)
    visit = Visit(
        container, os.urandom(16).hex(), found.version, time.time_ns(), what.args[0], list(command),
        f"{user.uid}:{user.gid}", program, namespaces.is_mapped(), latest=wishes.latest,
    )  # fmt: skip
    return visit, lambda: visiting.run(s.store, visit, view, wishes, what)


def _end(s: Session, visit: Visit, code: int | None) -> int:
    """Record what is left, and that the process ended; then forget the visit.  One that never began leaves nothing.

    Return 1 where there were names that no layer can hold, else 0.
    """
    stated = visiting.read(s.store.path, visit.container)
    passed = None
    if stated is not None and stated.first:
        with suppress(OSError):  # so that it is known even where there is no room to record it now
            stated._replace(exit=code).write(s.store.path)
        passed = _pass(s, stated, recording.exit_of(stated, code))
    kept = visiting.cleared(s.store.path, stated or visit, passed.refused if passed else ())
    if passed:
        _tell(passed)
    for path in kept:
        print(f"layerlog: a name that no layer can hold is not recorded; it lies in {shown(path)}", file=sys.stderr)
    return 1 if kept else 0


def forget_refused(s: Session, container: str) -> None:
    """Remove what no layer could hold of a container, where anything lies aside."""
    folder = visits.folder(s.store.path, container)
    if os.path.isdir(folder) and not visits.state(s.store.path, container):
        become_root()
        remove(folder)


def pass_over(s: Session, container: str) -> None:
    """Record what a process that runs in a container has changed by now; nothing where none runs there."""
    visit = visiting.read(s.store.path, container)
    if visit is not None and visits.state(s.store.path, container) == visits.RUNNING:
        become_root()
        for left in reversed(range(PASSES)):
            try:
                _tell(_pass(s, visit, None))
            except ConflictError:  # directories were moved while they were walked
                if not left:
                    raise
            else:
                return


def recover(s: Session, container: str) -> bool:
    """Record what a killed process left in a container; return whether there was something to record."""
    if visits.state(s.store.path, container) != visits.UNRECORDED:
        return False
    with _taken_over(s, container):
        visit = visiting.read(s.store.path, container)
        if visit is None:  # killed before anything ran
            visiting.forget(s.store.path, container)
            return False
        _end(s, visit, visit.exit)
        print(f"layerlog: recorded what a process left in container {container[:12]}", file=sys.stderr)
        return True


def discard(s: Session, container: str) -> bool:
    """Throw away, unrecorded, what a killed process left in a container; return whether there was anything."""
    if visits.state(s.store.path, container) != visits.UNRECORDED:
        return False
    with _taken_over(s, container):
        with suppress(StoreError):
            if visit := visiting.read(s.store.path, container):
                visiting.remove_leftovers(visit, visits.folder(s.store.path, container))
        visiting.forget(s.store.path, container)
    print(f"layerlog: threw away what a process left in container {container[:12]}", file=sys.stderr)
    return True


@contextmanager
def _taken_over(s: Session, container: str) -> Iterator[None]:
    """Hold the lock of a visit that nobody is in any more."""
    become_root()
    lock = visits.take(s.store.path, container)
    try:
        yield
    finally:
        os.close(lock)


def _pass(s: Session, visit: Visit, exited: Exit | None) -> Passed:
    with writing(s, context=s.context(known="observed", process=(visit.id, visit.command))) as writer:
        return repeated(lambda: recording.record_pass(writer, visit, exited))


def _tell(passed: Passed) -> None:
    if passed.unstable:
        count = counted(len(passed.unstable), "file")
        print(f"layerlog: {count} changed while being read: recorded as read, `layerlog show` lists them", file=sys.stderr)


def kill(s: Session, container: str) -> None:
    """Kill what runs in a container, and wait until its starter has recorded what it changed, or is gone, too."""
    visit = visiting.read(s.store.path, container)
    if visit is not None and visit.first:
        become_root()
        with suppress(ProcessLookupError):
            os.kill(visit.first, signal.SIGKILL)
    until = time.monotonic() + KILLED
    while visits.state(s.store.path, container) == visits.RUNNING:
        if time.monotonic() > until:
            raise ConflictError(visits.running(container))
        time.sleep(0.02)


def beside(s: Session, container: str, wishes: Wishes, command: Sequence[str]) -> int:
    """Run one more process in a container where one runs; alone where none does.  Return its exit code.

    That it ran is recorded when it ended; what it changed is in the passes of the visit beside which it ran.
    """
    visit = visiting.read(s.store.path, container)
    if visit is None or visits.state(s.store.path, container) != visits.RUNNING:
        become_root()
        return run(s, container, wishes, command, None)
    view = s.now(container)
    config = run_config.run_config(s.log, s.store.content, targets.of_container(containers.get(s.log, container)))
    user = users.find(view, bundle.user_of(config, wishes))
    what = bundle.process(config, wishes, user, container[:12])
    own = visit._replace(
        id=os.urandom(16).hex(), started=time.time_ns(), program=what.args[0], command=list(command),
        user=f"{user.uid}:{user.gid}",
    )  # fmt: skip
    stated = bundle.spec_process(what, wishes)
    code = visiting.enter(s.store, visit, stated, closed_input=not (wishes.interactive or wishes.terminal))
    with writing(s, context=s.context(known="observed", process=(own.id, own.command))) as writer:
        commands.record_exit(writer, container, recording.exit_of(own, code))
    return code
