"""What is told of a container's present while a process changes it: its log has that later, so nothing may claim to be all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventstore.store import visits
from tests.cli.invoking import Layerlog
from tests.cli.running import layerlog

RUNS = "layerlog: a process runs in web: what it changes shows when it ends, or at `commit`\n"
LEFT = "layerlog: a process that was killed left changes in web that do not show: `layerlog recover web`\n"

PRESENT = [
    ("ls", "web"), ("ls", "-l", "web:/etc"), ("cat", "web:/etc/motd"), ("cat", "web:/etc/motd", "web:/etc/passwd"), ("stat", "web:/etc/motd"),
    ("diff", "web"), ("diff", "--base", "web"), ("diff", "web@1", "web"), ("diff", "base:1..web"), ("diff", "web", "--", "/etc"), ("blame", "web:/etc/motd"),
    ("blame", "--lines", "web:/etc/motd"), ("log", "web"), ("log", "web", "--", "/etc"), ("inspect", "web"), ("layers", "web"), ("fork", "web"),
    ("find", "motd"), ("find", "motd", "--in", "web"), ("create", "web"), ("config", "web"),
]  # fmt: skip
POINTS = [
    ("ls", "web@1"), ("cat", "web@2:/etc/motd"), ("stat", "web@{now}:/"), ("diff", "base:1", "web@2"), ("blame", "base:1:/etc/motd"),
    ("log", "base:1"), ("ls", "web~1"), ("fork", "web@2"), ("ls", "other"), ("inspect", "base:1"), ("images",), ("find", "motd", "--in", "base:1"),
]  # fmt: skip


@pytest.fixture
def web(ll: Layerlog) -> str:
    """The id of web, which has one event, a commit and an event again."""
    ll("create", "--name", "other", "base:1")
    for text in ("one", "two"):
        ll("write", "--text", text, "web:/new")
        if text == "one":
            ll("commit", "web")
    return str(next(row["id"] for row in ll.json("ps") if row["name"] == "web"))


@contextmanager
def process(ll: Layerlog, container: str, state: str) -> Iterator[None]:
    """Hold a container as a process in it does, or leave it as one that was killed does."""
    lock = visits.take(ll.store, container)
    if state == visits.UNRECORDED:
        os.close(lock)
    yield
    if state == visits.RUNNING:
        os.close(lock)


@pytest.mark.parametrize(("state", "said"), [(visits.RUNNING, RUNS), (visits.UNRECORDED, LEFT), (visits.NONE, "")])
@pytest.mark.parametrize("words", PRESENT, ids=" ".join)
def test_who_looks_at_the_present_is_told_once_what_is_not_in_it(ll: Layerlog, web: str, words: tuple[str, ...], state: str, said: str) -> None:
    if state == visits.NONE:
        done = ll.run(*words)
    else:
        with process(ll, web, state):
            done = ll.run(*words)
    assert (done.exit_code, done.stderr) == (0, said)


@pytest.mark.parametrize("words", POINTS, ids=" ".join)
def test_a_fixed_point_is_what_it_is_whatever_runs(ll: Layerlog, web: str, words: tuple[str, ...]) -> None:
    with process(ll, web, visits.RUNNING):
        ll(*words)


@pytest.mark.parametrize(("unsealed", "count", "together"), [(False, 0, "Nothing recorded yet"), (True, 1, "0 added, 1 changed, 0 deleted")])
def test_status_and_ps_do_not_call_it_clean(ll: Layerlog, web: str, count: int, together: str, *, unsealed: bool) -> None:
    if not unsealed:
        ll("commit", "web")
    with process(ll, web, visits.RUNNING):
        assert ll.lines("status", "web")[-1] == together
        assert f"web: {together}; a process runs in it, whose changes come at its end or at `commit`\n" in ll("status")
        [row] = ll.json("status", "web")
        assert (row["process"], row["complete"], row["unsealed"]) == ("running", False, count)
        assert ll.json("ps", "--filter", "name=web")[0]["status"] == ("running, 1 event not sealed" if unsealed else "running")
    with process(ll, web, visits.UNRECORDED):
        assert ll.lines("status", "web")[-1] == together
        assert ll.json("ps", "--filter", "name=web")[0]["status"].startswith("not recorded")
    assert ll.json("status", "other")[0]["complete"] is True


def test_ps_finds_what_runs_and_never_calls_that_sealed(ll: Layerlog, web: str) -> None:
    ll("commit", "web")

    def found(status: str) -> set[str]:
        return {str(row["name"]) for row in ll.json("ps", "--filter", f"status={status}")}

    assert found("sealed") == {"web"}
    with process(ll, web, visits.RUNNING):
        assert (found("sealed"), found("unchanged"), found("running")) == (set(), {"other"}, {"web"})
    with process(ll, web, visits.UNRECORDED):
        assert (found("sealed"), found("unsealed"), found("running")) == (set(), {"web"}, set())


@pytest.mark.parametrize("rubbish", ["file", "folder", "folder of a container that is not in the log"])
def test_what_lies_where_processes_are_kept_and_is_none_hinders_nobody(ll: Layerlog, web: str, rubbish: str) -> None:
    folder = Path(ll.store, visits.FOLDER)
    folder.mkdir()
    if rubbish == "file":
        (folder / "x").write_text("")
    else:
        (folder / ("f" * 64 if rubbish.endswith("log") else "x")).mkdir()
    if rubbish.endswith("log"):
        (folder / ("f" * 64) / visits.LOCK).write_text("")
    ll("find", "motd")
    ll("ls", web[:12])


def test_who_may_not_look_takes_it_that_a_process_runs(ll: Layerlog, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a store of somebody else's, whose processes are nobody else's business."""
    real = os.open

    def kept(path: str, flags: int, *more: int) -> int:
        if str(path).endswith(f"/{visits.LOCK}") and visits.FOLDER in str(path):
            raise PermissionError(path)
        return real(path, flags, *more)

    with process(ll, web, visits.RUNNING), monkeypatch.context() as patched:
        patched.setattr(os, "open", kept)
        assert ll.run("ls", "web").stderr == RUNS


@pytest.mark.parametrize("tag", [[], ["base:1"]])
def test_a_revert_still_records_first_what_a_killed_process_left(ll: Layerlog, tag: list[str]) -> None:
    """The refusal that leads to that keeps its kind, so that the command is done again after it."""
    ll("write", "--text", "x", "web:/new")
    ll("commit", "web", *tag)
    with process(ll, str(ll.json("ps")[0]["id"]), visits.UNRECORDED):
        done = layerlog("--store", ll.store, "revert", *(tag or ["web~0"]))
    assert (done.returncode, "web goes on without commit" in done.stderr) == (0, True), done.stderr
