"""A disk that fails at the Nth write, sync or name, for every N in turn: an error in one line, or success that is true."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eventstore.errors import LayerlogError
from eventstore.store.store import Store
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands, Done
from tests.faults.stories import IMAGE, Step, day

WRITE, SYNC, NAME, TRUNCATE, MAKE = 1, 2, 4, 8, 16
FAIL, FAIL_FROM_THERE, SHORT, KILL, TORN_KILL = 1, 2, 3, 4, 5


class Fault(NamedTuple):
    """What the shim is told; `kills` where the process does not live to say anything."""

    action: int
    classes: int
    error: int = 0

    @property
    def kills(self) -> bool:
        return self.action in (KILL, TORN_KILL)


FAULTS = {
    "EIO once": Fault(FAIL, WRITE | SYNC | NAME | TRUNCATE | MAKE, errno.EIO),
    "EIO from there on": Fault(FAIL_FROM_THERE, WRITE | SYNC, errno.EIO),
    "ENOSPC from there on": Fault(FAIL_FROM_THERE, WRITE | MAKE, errno.ENOSPC),
    "a short write": Fault(SHORT, WRITE),
    "a kill": Fault(KILL, WRITE | SYNC | NAME | TRUNCATE | MAKE),
    "a kill within a write": Fault(TORN_KILL, WRITE),
}


def outward(folder: Path) -> list[Step]:
    """What writes beside the store, into *folder*: whole or not at all."""
    tar, out, plain = folder / "saved.tar", folder / "out", folder / "plain.tar"
    return [
        Step(["save", "-o", str(tar), IMAGE], lambda _: tar.stat().st_size % 512 == 0),
        Step(["export", "-o", str(plain), IMAGE], lambda _: plain.stat().st_size % 512 == 0),
        Step(["backup", str(folder / "backup")], lambda _: problems(folder / "backup") == []),
        Step(["checkout", IMAGE, str(out)], lambda _: (out / "etc/motd").read_bytes() == b"hello\n"),
    ]


class Bench:
    """A disk whose state before each step is kept, so that each fault meets the same store."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self._commands, self._folder = commands, folder
        self.disk, self._kept = folder / "disk", folder / "kept"
        self.disk.mkdir()
        self.steps = [*day(folder), *outward(self.disk)]
        self.store = self.disk / "store"
        commands.ok(self.store, ["create", "--name", "first", "scratch"])

    def stages(self) -> Iterator[tuple[Step, int, Fault, str]]:
        """Yield each step with each kind of fault and how often it can happen; the step itself is done in between."""
        for step in self.steps:
            self._keep()
            seen = {}
            for name, fault in FAULTS.items():
                if fault.classes not in seen:
                    seen[fault.classes] = self.run(step, fault, at=0).seen
                    self.back()
                yield step, seen[fault.classes], fault, name
            self._commands.ok(self.store, step.argv)

    def run(self, step: Step, fault: Fault, at: int) -> Done:
        action = fault.action if at else SHORT
        shim = {"folder": str(self.disk), "action": action, "at": at or 1 << 40, "error": fault.error, "classes": fault.classes}
        return self._commands.run(self.store, step.argv, shim=shim)

    def again(self, step: Step) -> Done:
        return self._commands.run(self.store, step.argv)

    def back(self) -> None:
        shutil.rmtree(self.disk)
        shutil.copytree(self._kept, self.disk, symlinks=True)

    def _keep(self) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.disk, self._kept, symlinks=True)


def check(bench: Bench, step: Step, fault: Fault, done: Done) -> None:
    before = {path.name for path in (bench.disk.parent / "kept").iterdir()}
    assert problems(bench.store) == []
    with Store.open_or_create(str(bench.store)) as store:
        held = done.status == 0 or (fault.kills and _holds(step, store))
        if held:
            assert step.holds(store), done
            return
    if not fault.kills:
        assert done.status == 1, done
        assert len(done.lines) == 1, done.err
        assert done.lines[0].startswith("layerlog: "), done.err
        assert "bug" not in done.lines[0], done.err
        left = {path.name for path in bench.disk.iterdir()} - before
        assert left <= {"out", "backup", *(name for name in ("saved.tar", "plain.tar") if whole(bench.disk / name))}, left
    shutil.rmtree(bench.disk / "out", ignore_errors=True)
    repeated = bench.again(step)
    assert (repeated.status, repeated.err) == (0, ""), (done, repeated)
    with Store.open_or_create(str(bench.store)) as store:
        assert step.holds(store), repeated


def whole(tar: Path) -> bool:
    """A file that is there is there whole, even where the event that tells of it could not be recorded."""
    return tar.exists() and tar.stat().st_size % 512 == 0


def _holds(step: Step, store: Store) -> bool:
    try:
        return step.holds(store)
    except (LayerlogError, OSError):
        return False


@pytest.mark.parametrize("stride", [83, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "every"])
def test_no_failing_disk_breaks_the_store(shimmed: Commands, tmp_path: Path, stride: int) -> None:
    bench = Bench(shimmed, tmp_path)
    turn = 0
    for step, seen, fault, name in bench.stages():
        for at in range(1, seen + 1):
            turn += 1
            if turn % stride:
                continue
            done = bench.run(step, fault, at)
            try:
                check(bench, step, fault, done)
            except AssertionError as error:
                error.add_note(f"{name} at {at} of {seen} in {' '.join(step.argv)}")
                raise
            totals.count(f"faults survived, {name}", 1, 1)
            bench.back()
