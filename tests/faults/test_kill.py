"""kill -9 at any moment: the store opens at once, has all that was acknowledged, nothing by halves, and goes on."""

import gzip
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eventstore.errors import ErasedError
from eventstore.store.store import Store
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.faults.stories import is_whole, text, view
from tests.hostile.making import docker_archive
from tests.projections.tar_blocks import END, entry

BATCH = 25
AT_ONCE = 2.0  # seconds, on a busy machine; it takes some milliseconds
Check = Callable[[Store], bool]


class Act(NamedTuple):
    """One command line, and what must hold once it is acknowledged."""

    argv: list[str]
    holds: Check


Acts = Callable[[Path, str], Iterator[Act]]
"""Gives, for a folder of the host and a name that is new each time, a run of commands."""


def file_is(ref: str, path: str, data: bytes) -> Check:
    return lambda store: text(store, ref, path.encode()) == data


def wrote(name: str, ref: str = "web") -> Act:
    return Act(["write", "--text", f"the text of {name}", f"{ref}:/{name}"], file_is(ref, name, f"the text of {name}".encode()))


def appends(_: Path, name: str) -> Iterator[Act]:
    for number in range(8):
        yield wrote(f"{name}.{number}")


def loads(folder: Path, name: str) -> Iterator[Act]:
    data = random.Random(name).randbytes(200_000)
    layer = entry(f"big.{name}".encode(), data) + entry(b"small", name.encode()) + END
    image = folder / f"{name}.tar"
    image.write_bytes(docker_archive(layer, stored=[gzip.compress(layer, 1)], name=f"localhost/{name}:1"))
    yield Act(["load", "-i", str(image)], file_is(f"localhost/{name}:1", f"big.{name}", data))


def commits(_: Path, name: str) -> Iterator[Act]:
    for number in range(3):
        yield wrote(f"{name}.{number}")
        tag = f"localhost/{name}:{number}"
        yield Act(["commit", "-m", name, "web", tag], file_is(tag, f"{name}.{number}", f"the text of {name}.{number}".encode()))


def saves(folder: Path, name: str) -> Iterator[Act]:
    yield wrote(name)
    yield Act(["commit", "web", f"localhost/{name}:1"], file_is(f"localhost/{name}:1", name, f"the text of {name}".encode()))
    yield Act(["save", "-o", str(folder / name), f"localhost/{name}:1"], lambda _: is_whole(folder / name))


def checkouts(folder: Path, name: str) -> Iterator[Act]:
    def whole(store: Store) -> bool:
        found = {path.name: path.read_bytes() for path in (folder / name).iterdir()}
        return name in found and all(text(store, "web", path.encode()) == data for path, data in found.items())

    yield wrote(name)
    yield Act(["checkout", "web", str(folder / name)], whole)


def collections(folder: Path, name: str) -> Iterator[Act]:
    yield from loads(folder, name)
    yield Act(["gc", "--originals"], lambda store: text(store, f"localhost/{name}:1", b"small") == name.encode())


def erasures(_: Path, name: str) -> Iterator[Act]:
    def erased(store: Store) -> bool:
        try:
            return text(store, "web", f"{name}.secret".encode()) is None
        except ErasedError:
            return True

    yield wrote(f"{name}.kept")
    yield Act(["write", "--text", f"a secret of {name}", f"web:/{name}.secret"], lambda store: erased(store) or bool(view(store, "web").get(f"{name}.secret".encode())))
    yield Act(["erase", "-y", "--path", f"web:/{name}.secret", "--reason", "a test"], erased)


ACTS: dict[str, Acts] = {
    "append": appends, "load": loads, "commit": commits, "save": saves, "checkout": checkouts, "gc": collections, "erase": erasures,
}  # fmt: skip


class Victims:
    """Kills a run of commands at a random moment, and judges what is left."""

    def __init__(self, commands: Commands, folder: Path, acts: Acts) -> None:
        self._commands, self._acts = commands, acts
        self._folder, self._store = folder / "out", folder / "shop"
        self._folder.mkdir(parents=True)
        commands.ok(self._store, ["create", "--name", "web", "scratch"])
        self._done: list[Act] = []
        started = time.monotonic()
        run = list(acts(self._folder, "calibration"))
        commands.ok(self._store, *(act.argv for act in run))
        self._span = time.monotonic() - started

    def kill_one(self, name: str, chance: random.Random) -> None:
        run = list(self._acts(self._folder, name))
        job = self._commands.start(self._store, *(act.argv for act in run))
        time.sleep(chance.uniform(0, self._span * 1.1))
        job.kill()
        said = job.wait()
        assert said.codes == [0] * len(said.codes), said
        self._done += run[: len(said.codes)]
        self._judge()
        if len(said.codes) < len(run):
            self._repeat(run[len(said.codes)])

    def _judge(self) -> None:
        started = time.monotonic()
        with Store.open_or_create(str(self._store)) as store:
            assert time.monotonic() - started < AT_ONCE
            for act in self._done[-40:]:
                assert act.holds(store), act.argv
        assert problems(self._store) == []

    def _repeat(self, act: Act) -> None:
        """What was interrupted had happened or had not: if not, it succeeds now."""
        with Store.open_or_create(str(self._store)) as store:
            if act.argv[0] in ("commit", "erase") and _holds(act, store):
                return
        if act.argv[0] == "checkout":  # a folder that is not empty is refused
            shutil.rmtree(act.argv[-1], ignore_errors=True)
        self._commands.ok(self._store, act.argv)
        with Store.open_or_create(str(self._store)) as store:
            assert act.holds(store), act.argv


def _holds(act: Act, store: Store) -> bool:
    try:
        return act.holds(store)
    except Exception:  # noqa: BLE001 - it is not there in whatever way
        return False


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("what", ACTS)
def test_no_kill_breaks_the_store(commands: Commands, tmp_path: Path, what: str, kills: int) -> None:
    chance = random.Random(what)
    victims = None
    for number in range(kills):
        if number % BATCH == 0:
            victims = Victims(commands, tmp_path / f"batch{number}", ACTS[what])
        assert victims
        victims.kill_one(f"n{number}", chance)
        totals.count(f"kills survived, {what}", 1, 1)
