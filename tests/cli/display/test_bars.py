"""Bars: what stands on real terminals of any width, resized meanwhile, and that nothing is left there."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.display import bars
from cli.display.formats import columns_of, fitted
from tests.cli.running import ROOT, on_terminal, python
from tests.cli.terminals import ROWS, Terminal, tmux

PREPARED = """
import sys, time
from cli.display import bars
bars._DELAY = bars._EVERY = 0.0
"""
STEPPED = PREPARED + """
names = sys.argv[1:]
print("before", file=sys.stderr)
with bars.bars(quiet=False) as drawn:
    for number, line in enumerate(sys.stdin):
        for name in names:
            drawn.advance(name, 1_000_000, 50_000_000)
        print("stepped", flush=True)
print("after", file=sys.stderr)
"""
WIDTHS = st.integers(20, 250)
NAMES = ["Verifying contents", "sha256:0a1b2c3d4e5f", "日本語の名前のとても長いもの", "x" * 300]


@settings(max_examples=15, deadline=None)
@given(WIDTHS, st.lists(WIDTHS, max_size=5), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
def test_bars_fit_whatever_the_terminal_becomes_and_leave_nothing(first: int, later: list[int], names: list[str]) -> None:
    terminal = Terminal(first, STEPPED, *names)
    for width in [first, *later]:
        terminal.resize(width)
        shown = terminal.step()
        assert shown[0] == "before"
        assert len(shown) == 1 + len(names), shown
        assert all(re.search(r"\d+MB of 50MB|\d+%", line) for line in shown[1:]), shown
    assert terminal.end() == ["before", "after"]


def test_a_terminal_that_wraps_lines_anew_is_left_clean(tmp_path: Path) -> None:
    program = PREPARED + """
print(*(f"before {number}" for number in range(40)), sep="\\n", file=sys.stderr)
with bars.bars(quiet=False) as drawn:
    for line in open(sys.argv[1]):
        drawn.advance("one", 1_000_000, 50_000_000)
        drawn.advance("the second one", 1_000_000, 50_000_000)
        if line == "end\\n":
            break
print("after", file=sys.stderr)
sys.stdin.read()
"""
    os.mkfifo(tmp_path / "steps")
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", program, str(tmp_path / "steps")]
    with tmux(tmp_path / "tmux", 120, command) as terminal, open(os.open(tmp_path / "steps", os.O_RDWR), "w", buffering=1) as steps:
        for number, width in enumerate([120, 30, 200, 22, 80], 1):
            terminal.resize(width)
            steps.write("\n")
            assert terminal.waited(f" {number}MB")[-3] == "before 39"
        steps.write("end\n")
        assert terminal.waited("after")[-2:] == ["before 39", "after"]


def test_more_bars_than_lines() -> None:
    terminal = Terminal(80, STEPPED, *(f"layer-{number}" for number in range(2 * ROWS)))
    assert terminal.step()[:2] == ["before", "layer-0 [------------------------------] 1MB of 50MB"]
    assert terminal.end()[-1] == "after"


def test_what_is_said_and_logged_stays_above_the_bars() -> None:
    program = PREPARED + """
from cli.session import logs
logs.configure(1)
with bars.progress(50_000_000, "Reading", "bytes") as advance:
    for number, line in enumerate(sys.stdin):
        advance(1_000_000)
        bars.say(f"line {number}") if number % 2 else logs.event("logged", number=number)
        advance(1_000_000)
        print("stepped", flush=True)
"""
    terminal = Terminal(100, program)
    for number in range(1, 5):
        shown = terminal.step()
        assert len(shown) == number + 1
        assert f"{2 * number}MB of 50MB" in shown[-1]
    logged, said, *_ = terminal.end()
    assert re.search(r"logged .*number=0", logged)
    assert said == "line 1"


STEPS = """
import sys, time
from cli.display import bars
bars._DELAY = float(sys.argv[3])
with bars.progress(eval(sys.argv[1]), "Reading\\x1b", sys.argv[2], quiet=len(sys.argv) > 4) as advance:
    for _ in range(30):
        advance(1_000_000)
        time.sleep(0.005)
"""


def bar(*args: str, **env: str) -> str:
    return on_terminal([sys.executable, "-c", STEPS, *args], {"TERM": "xterm", **env}).decode()


def test_a_bar_counts_bytes() -> None:
    assert re.search(r"Reading\\x1b \[#*-*\] \d+MB of 30MB", bar("30_000_000", "bytes", "0.02"))


def test_a_bar_counts_what_has_no_known_end() -> None:
    text = bar("None", "items", "0.02")
    assert re.search(r"Reading.* \d+000000\b", text)
    assert " of " not in text


def test_what_is_quick_or_quiet_has_no_bar() -> None:
    assert bar("30_000_000", "bytes", "60") == ""
    assert bar("30_000_000", "bytes", "0.02", "quiet") == ""


def test_a_bar_is_for_terminals_alone() -> None:
    done = python(STEPS, "30_000_000", "bytes", "0")
    assert (done.stdout, done.stderr) == ("", "")
    assert bar("30_000_000", "bytes", "0.02", TERM="dumb") == ""


def test_how_long_it_may_take_is_said_once_that_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    drawn = bars.Bars()
    told: list[Any] = []
    monkeypatch.setattr(drawn.lines, "draw", told.append)
    for second, size in ((1, 10), (10, 90), (20, 100), (30, 800)):
        clock[0] = second
        drawn.advance("x", size, 1000)
    assert [line.partition("of 1kB")[2] for [line] in told] == ["", ", 1:30 left", ", 1:20 left", ""]


@given(st.text(max_size=40), st.integers(0, 60))
def test_what_is_fitted_is_the_longest_beginning_that_fits(text: str, columns: int) -> None:
    found = fitted(text, columns)
    assert text.startswith(found)
    assert columns_of(found) <= columns
    assert found == text or columns_of(text[: len(found) + 1]) > columns
