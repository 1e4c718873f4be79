"""A disk that runs full in the middle of each command: a clear error, nothing lost, and all goes on once there is room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.store.store import Store
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands, Done
from tests.faults.stories import Step, day

KIB = 1024
SIZE = 24 << 20
ROOMS = [0, 40 * KIB, 80 * KIB, 160 * KIB, 400 * KIB]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a filesystem of limited size")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path, room: int) -> Path:
    """Leave *room* bytes, in whole pages."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_bsize - room))
    return ballast


def check_clear(done: Done) -> None:
    assert done.status == 1, done
    assert len(done.lines) == 1, done.err
    assert done.lines[0].startswith("layerlog: "), done.err
    assert "space" in done.lines[0] or "room" in done.lines[0], done.err


@pytest.mark.parametrize("rooms", [[40 * KIB, 160 * KIB], pytest.param(ROOMS, marks=pytest.mark.slow)], ids=["some", "all"])
def test_a_full_disk_stops_a_command_and_breaks_nothing(
    small_disk: Path, commands: Commands, tmp_path: Path, rooms: list[int]
) -> None:
    store, kept = small_disk / "store", tmp_path / "kept"
    commands.ok(store, ["create", "--name", "first", "scratch"])
    steps = [*day(tmp_path), Step(["save", "-o", str(small_disk / "saved.tar"), "localhost/app:1"], lambda _: True)]
    for step in steps:
        shutil.copytree(store, kept, dirs_exist_ok=False)
        for room in rooms:
            try:
                meet(commands, store, step, room)
            except AssertionError as error:
                error.add_note(f"{room} bytes of room for {' '.join(step.argv)}")
                raise
            totals.count("full disks survived", 1, 1)
            back(store, kept)
        commands.ok(store, step.argv)
        shutil.rmtree(kept)


def meet(commands: Commands, store: Path, step: Step, room: int) -> None:
    before = os.listdir(store.parent)
    ballast = fill(store.parent, room)
    done = commands.run(store, step.argv)
    if done.status:
        check_clear(done)
        assert sorted(os.listdir(store.parent)) == sorted([*before, "ballast"])
    ballast.unlink()
    assert problems(store) == []
    if done.status:
        commands.ok(store, step.argv)
    with Store.open_or_create(str(store)) as opened:
        assert step.holds(opened)


def back(store: Path, kept: Path) -> None:
    for name in os.listdir(store.parent):
        path = store.parent / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copytree(kept, store)
