"""Every item of the bench runs, small, and reports; no test asserts a time."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench import corpora
from tests.bench.__main__ import ITEMS, measure
from tests.bench.bench import Bench
from tests.bench.chart import chart
from tests.bench.figures import Case, Figure, Sample, Target, flatness, shown, to_best
from tests.bench.runner import Command, FailedError, Runner, Side, retire, unmount


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    yield Runner(str(scratch), rounds=1, warmups=0, say=lambda _: None)
    unmount(str(scratch))


@pytest.mark.parametrize("item", ITEMS)
def test_each_item_runs_and_reports(item: str, runner: Runner, tmp_path: Path) -> None:
    small = corpora.self_made(str(tmp_path / "corpora"), replace(corpora.SMALL, files=200))
    cases = measure(Bench(runner, small), [item], str(tmp_path / "report"))
    assert cases
    assert not [case.missing for case in cases if case.figures[0].error]
    written = json.loads((tmp_path / "report/report.json").read_text())
    assert [case["title"] for case in written["cases"]] == [case.title for case in cases]
    assert item in (tmp_path / "report/report.md").read_text()
    for drawn in (item, "overview"):
        ET.parse(tmp_path / f"report/{drawn}.svg")


def test_the_self_made_corpora_are_the_same_every_time(tmp_path: Path) -> None:
    made = [corpora.self_made(str(tmp_path / name), replace(corpora.SMALL, files=200)) for name in ("one", "two")]
    for part in ("docker_archive", "oci_archive"):
        assert len({Path(getattr(found, part)).read_bytes() for found in made}) == 1
    trees = [sorted((p.relative_to(f.many), p.read_bytes()) for p in Path(f.many).rglob("*.txt")) for f in made]
    assert trees[0] == trees[1]


def test_the_stand_in_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(corpora.VARIABLE, raising=False)
    assert corpora.VARIABLE in corpora.find(str(tmp_path)).title


def test_a_folder_without_the_corpora_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path))
    with pytest.raises(SystemExit, match="not found"):
        corpora.find(str(tmp_path))


def test_contenders_take_turns_and_the_warm_up_does_not_count(runner: Runner) -> None:
    order: list[str] = []
    runner.rounds, runner.warmups = 2, 1
    one = Side("a", lambda _: Command(["true"]), lambda _: order.append("a"))
    other = Side("b", lambda _: Command(["true"]), lambda _: order.append("b"))
    found = runner.alternate(one, other)
    assert order == ["a", "b"] * 3
    assert [len(figure.samples) for figure in found] == [2, 2]


def test_a_run_is_measured_whole(runner: Runner) -> None:
    found = runner.run(Command(["sh", "-c", "sleep 0.05; echo done"]))
    assert found["output"] == "done\n"
    assert found["wall"] >= 0.05
    assert 0 < found["peak"] < 64 << 20


def test_a_contender_that_fails_leaves_its_reason(runner: Runner) -> None:
    with pytest.raises(FailedError, match="exit 3: sorry"):
        runner.run(Command(["sh", "-c", "echo sorry; exit 3"]))
    broken, missing = runner.alternate(Side("x", lambda _: Command(["false"])), Side("y", lambda _: Command([]), tool="no-such-tool"))
    assert "exit 1" in broken.error
    assert "no-such-tool is not installed" in missing.error
    case = Case("W0", "work", "made", "s", (broken, missing), Target(to_best, 1))
    assert case.verdict == "not run"
    ET.fromstring(chart([case]))


def test_what_a_run_left_is_emptied_and_stays(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    (tmp_path / "small").write_bytes(b"x")
    retire(str(tmp_path))
    assert [os.path.getsize(tmp_path / name) for name in ("large", "small")] == [0, 1]


def test_ratios_are_of_medians_and_round_by_round() -> None:
    ours = Figure("layerlog x", tuple(map(Sample, (1.0, 2.0, 3.0))))
    slow, fast = Figure("slow", tuple(map(Sample, (9.0, 9.0, 9.0)))), Figure("fast", tuple(map(Sample, (4.0, 2.0, 4.0))))
    case = Case("W0", "work", "made", "s", (ours, slow, fast), Target(to_best, 0.9))
    assert (case.found, case.rounds, case.verdict) == (0.5, [0.25, 1.0, 0.75], "met")
    flat = Case("W0", "work", "made", "s", (ours, slow), Target(flatness, 2))
    assert (flat.found, flat.verdict) == (4.5, "missed")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.00123, "s", "1.23 ms"), (12.3, "s", "12.3 s"), (4.2e7, "B", "42 MB"), (1 << 20, "MiB", "1 MiB"), (0.5, "x", "0.5"), (25e3, "events/s", "25,000 events/s")],
)
def test_values_are_shown_with_their_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text
