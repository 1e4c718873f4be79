import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from cli.session import logs
from cli.session.actor import observed_actor
from cli.session.writing import repeated
from eventstore.errors import ConcurrencyError
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.cli.running import layerlog


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    logs.configure(0)


def test_silent_until_asked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.bind(command="ls")
    logs.event("opened", store="/s")
    logs.configure(0, "json")
    logs.event("opened", store="/s")
    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(1, "json")
    logs.bind(command="ls")
    logs.event("opened", path=b"a\xff", count=2)
    logs.detail("hidden")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "opened", "level": "info", "command": "ls", "path": "a\N{REPLACEMENT CHARACTER}", "path_b64": "Yf8=", "count": 2,
    }  # fmt: skip


def test_text_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(2, "text")
    logs.detail("read", path=b"a\x1b[31m", message="b\nc")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert r"a\x1b[31m" in err
    assert r"b\nc" in err


def test_the_command_line_logs_what_it_was_asked_without_secrets() -> None:
    err = layerlog("-v", "--log-format", "json", "completion", "zsh").stderr
    line = json.loads(err)
    assert (line["event"], line["command"]) == ("started", "completion")
    assert line["actor"] == observed_actor()["login"]
    assert line["argv"] == ["layerlog", "-v", "--log-format", "json", "completion", "zsh"]


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return with_base(tmp_path / "store")


def told(ll: Layerlog, *args: str, verbosity: str = "-v") -> list[dict[str, Any]]:
    """Return the log lines of a command in a process of its own; each is one JSON object."""
    err = layerlog("--store", ll.store, verbosity, "--log-format", "json", *args).stderr
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def test_every_line_says_in_which_store_and_by_whom(ll: Layerlog) -> None:
    lines = told(ll, "write", "--text", "x", "web:/f")
    assert [line["event"] for line in lines] == ["started", "appended"]
    assert {(line["store"], line["command"], line["actor"]) for line in lines} == {(ll.store, "write", observed_actor()["login"])}
    assert (lines[1]["changesets"], lines[1]["events"]) == (1, 1)


def test_long_steps_say_what_they_did(ll: Layerlog, tmp_path: Path) -> None:
    def last(*args: str) -> list[dict[str, Any]]:
        return [line for line in told(ll, *args) if line["event"] not in ("started", "appended")]

    ll("write", "--text", "x", "web:/f")
    assert [(line["event"], line["tag"]) for line in last("commit", "web", "app:1")] == [("committed", "docker.io/library/app:1")]
    assert [(line["event"], line["files"]) for line in last("checkout", "web", str(tmp_path / "out"))] == [("checked out", 7)]
    assert [line["event"] for line in last("save", "-o", str(tmp_path / "app.tar"), "app:1")] == ["saved"]
    assert [line["event"] for line in last("gc")] == ["collected"]
    stages = [(line["event"], line["stage"], line["findings"]) for line in last("verify")]
    assert stages[:3] == [("verified", "log", 0), ("verified", "contents", 0), ("verified", "layers", 0)]


def test_a_layer_that_comes_in_is_told(ll: Layerlog, tmp_path: Path) -> None:
    with_loaded(ll, "there:1")
    ll("save", "-o", str(tmp_path / "there.tar"), "there:1")
    other = Layerlog(tmp_path / "other")
    received = [line for line in told(other, "load", "-i", str(tmp_path / "there.tar")) if line["event"] == "layer received"]
    assert received
    assert all(line["blob"] == "kept" and line["bytes"] and line["seconds"] >= 0 for line in received)


def test_why_is_asked_for_twice(ll: Layerlog, tmp_path: Path) -> None:
    """-vv tells what was found in the cache and what was chosen; -v does not."""
    ll("write", "--text", "x", "web:/f")
    ll("commit", "web", "app:1")
    save = ("save", "-o", str(tmp_path / "app.tar"), "app:1")
    assert {line["level"] for line in told(ll, *save)} == {"info"}
    details = [line for line in told(ll, *save, verbosity="-vv") if line["level"] == "debug"]
    assert {"cache hit", "chosen"} <= {line["event"] for line in details}
    compared = [line for line in told(ll, "diff", "base:1", "web", verbosity="-vv") if line["event"] == "compared"]
    assert compared[0]["by"] in ("both trees", "the events in between")


def test_a_conflict_and_its_repetition_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(1, "json")
    answers = iter([ConcurrencyError("moved"), None])

    def act() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "done"

    assert repeated(act) == "done"
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["why"], line["attempt"]) == ("conflict", "moved", 1)


def test_who_waits_long_for_others_says_so(ll: Layerlog) -> None:
    lock = open(os.path.join(ll.store, "lock"), "r+b")  # noqa: SIM115 - closed by the timer
    fcntl.flock(lock, fcntl.LOCK_EX)
    Timer(3, lock.close).start()
    err = ll.run("-v", "--log-format", "json", "write", "--text", "x", "web:/f").stderr
    logged = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    waited = [line for line in logged if line["event"] == "waited for others"]
    assert waited[0]["seconds"] > 1
