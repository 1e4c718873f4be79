"""A power cut at any moment: the store opens, verifies, and has every event that was acknowledged."""

import random
from pathlib import Path
from typing import Any

import pytest

from eventstore.store.store import Store
from tests.faults import powercut, totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.faults.stories import IMAGE, Step, day, holds, is_whole, text

Recorded = tuple[str, list[powercut.Op], list[Step]]


@pytest.fixture(scope="module", params=["alone", "beside a reader"])
def recorded(request: pytest.FixtureRequest, shimmed: Commands, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A working day, every write, sync and rename of it in order."""
    folder = tmp_path_factory.mktemp("day")
    top = folder / "disk"
    top.mkdir()
    steps = [*day(folder), *copies(top)]
    argvs: list[Any] = [step.argv for step in steps]
    if request.param != "alone":
        argvs.insert(1, {"call": "tests.faults.stories:keep_open", "args": [str(top / "store")]})
        steps.insert(1, steps[0])
    shimmed.ok(top / "store", *argvs, shim={"folder": str(top), "record": str(folder / "log")})
    return str(top), powercut.read(folder / "log"), steps


def copies(top: Path) -> list[Step]:
    """What is written beside the store and is promised to last: a backup, brought up to date, and an archive."""

    def beside(store: Store) -> Path:
        return Path(store.path).parent

    return [
        Step(["backup", str(top / "backup")], lambda store: problems(beside(store) / "backup") == []),
        Step(["write", "--text", "later", "app:/later"], holds("app", b"later", b"later")),
        Step(["backup", str(top / "backup")], lambda store: backed_up(beside(store) / "backup")),
        Step(["save", "-o", str(top / "saved.tar"), IMAGE], lambda store: is_whole(beside(store) / "saved.tar")),
    ]


def backed_up(path: Path) -> bool:
    with Store.open_or_create(str(path)) as backup:
        return problems(path) == [] and text(backup, "app", b"later") == b"later"


def cuts(ops: list[powercut.Op], share: float, chance: random.Random) -> list[tuple[int, int]]:
    """Some of the moments: after each sync and acknowledgement, and after some of the other ops."""
    found = list(powercut.moments(ops))
    return [moment for moment in found if chance.random() < share * (4 if ops[moment[0] - 1].kind in "s!" else 1)]


def survives(disk: powercut.Disk, folder: Path, steps: list[Step], done: int, chance: random.Random, kept: float) -> list[str]:
    """Return what a power cut now would break, given that *done* steps were acknowledged."""
    folder.mkdir()
    disk.write(folder, chance, kept)
    store = folder / "store"
    wrong = problems(store)
    with Store.open_or_create(str(store)) as opened:
        wrong += [f"lost: {step.argv}" for step in steps[:done] if not step.holds(opened)]
    return wrong


@pytest.mark.parametrize("kept", [0, 1, 0.5], ids=["dropped", "kept", "torn"])
@pytest.mark.parametrize("share", [0.01, pytest.param(0.5, marks=pytest.mark.slow)], ids=["some", "many"])
def test_no_power_cut_loses_what_was_acknowledged(
    recorded: Recorded, tmp_path: Path, kept: float, share: float
) -> None:
    top, ops, steps = recorded
    chance = random.Random(f"{kept} {share}")
    disk, at = powercut.Disk(top), 0
    for number, done in cuts(ops, share, chance):
        for op in ops[at:number]:
            if op.kind != "!":
                disk.do(op)
        at = number
        wrong = survives(disk, tmp_path / str(number), steps, done, chance, kept)
        totals.count("power cuts survived", not wrong, 1)
        assert not wrong, (number, ops[number - 1][:3], done, wrong)
