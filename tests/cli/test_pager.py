"""The pager: on a terminal alone, for what is read; whoever leaves it early, or wants none, is not bothered."""

import sys
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog
from tests.cli.running import on_terminal

PROGRAM = "from cli.main import main; main()"
MARK = "sed s/^/PAGED:/"


@pytest.fixture
def long(ll: Layerlog) -> Layerlog:
    for number in range(60):
        ll("write", "--text", str(number), "web:/f")
        ll("commit", "-m", f"number {number}", "web", "app:1")
    return ll


def shown(ll: Layerlog, *args: str, **environment: str) -> str:
    command = [sys.executable, "-c", PROGRAM, *args[:0], "--store", ll.store, *args]
    return on_terminal(command, {"LAYERLOG_PAGER": MARK, "NO_COLOR": "1", **environment}).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("line", ["log --oneline web", "events", "diff web@3 web", "blame web:/f", "history app:1", "show app:1", "sql"])
def test_what_is_read_is_paged_on_a_terminal(long: Layerlog, line: str) -> None:
    lines = shown(long, *line.split()).splitlines()
    assert lines
    assert all(each.startswith("PAGED:") for each in lines)


@pytest.mark.parametrize("line", ["images", "ps", "cat web:/f", "status web", "ls web", "commit --allow-empty web"])
def test_what_is_short_or_data_is_not(ll: Layerlog, line: str) -> None:
    ll("write", "--text", "x", "web:/f")
    assert "PAGED:" not in shown(ll, *line.split())


def test_a_pipe_is_not_paged(ll: Layerlog) -> None:
    assert "PAGED:" not in ll("log", "web")


@pytest.mark.parametrize("environment", [{"LAYERLOG_PAGER": ""}, {"LAYERLOG_PAGER": "cat"}])
def test_none_is_asked_for(ll: Layerlog, environment: dict[str, str]) -> None:
    assert "PAGED:" not in shown(ll, "events", **environment)
    command = [sys.executable, "-c", PROGRAM, "--no-pager", "--store", ll.store, "events"]
    assert b"PAGED:" not in on_terminal(command, {"LAYERLOG_PAGER": MARK})


def test_an_error_comes_behind_the_pager(ll: Layerlog) -> None:
    assert shown(ll, "log", "nobody").startswith("layerlog: no container or image nobody")


def test_who_has_seen_enough_is_not_told_of_a_broken_pipe(long: Layerlog, tmp_path: Path) -> None:
    said = shown(long, "log", "--all", "-p", LAYERLOG_PAGER="head -n 1")
    assert len(said.splitlines()) == 1
    assert said.startswith("commit ")


def test_a_table_is_as_wide_as_the_terminal_behind_the_pager(long: Layerlog) -> None:
    assert max(map(len, shown(long, "audit", LAYERLOG_PAGER="sed ''", COLUMNS="40").splitlines())) <= 40
