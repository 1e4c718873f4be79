"""bisect: commits first, then the single events of the guilty one."""

import json
import os
import signal
import stat
import tempfile
import time
from pathlib import Path

import pytest

from eventstore.model.changes import put
from eventstore.store import commands
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog, with_loaded
from tests.cli.running import started


@pytest.fixture
def ll(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    """Container web has ten commits of five events each; from the third event of the seventh commit on, conf is bad."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ll.writer() as writer:
        container = ll.json("ps")[0]["id"]
        view, parent = live_view(writer.store, container), None
        for number in range(10):
            for event in range(5):
                text = b"bad" if (number, event) >= (6, 2) else b"good"
                node = put(b"conf" if event == 2 else b"other", 0o100644, content=writer.content.put(text), size=len(text))
                commands.record(writer, container, [node], view)
            parent = commands.commit(writer, container, parent=parent, message=f"number {number}").hex()
    return ll


GUILTY = "web@40"
CHECK = ("sh", "-c", "! grep -q bad conf 2>/dev/null")


def found(text: str) -> bool:
    lines = text.splitlines()
    return lines[0] == f"{GUILTY} is the first bad event" and "FileWritten /conf" in lines[1] and text.count("number 6") == 1


def test_run_finds_the_write(ll: Layerlog, tmp_path: Path) -> None:
    assert ll("bisect", "start", "web", "web@1").startswith("check web@31 (commit ")
    done = ll.run("bisect", "run", *CHECK)
    assert done.exit_code == 0
    assert found(done.stdout)
    assert 7 >= done.stderr.count("exit code") >= 5
    assert [name for name in os.listdir(tmp_path) if "bisect" in name] == []


def test_run_says_what_is_left_as_by_hand(ll: Layerlog) -> None:
    ll("bisect", "start", "web", "web@1")
    *lines, last = ll.run("bisect", "run", *CHECK).stderr.splitlines()
    ll("bisect", "reset")
    ll("bisect", "start", "web", "web@1")
    for line in lines:
        said = ll("bisect", "good" if ": good " in line else "bad")
        assert line.partition("), ")[2] == said.rpartition(": ")[2].partition(", about")[0]
    assert last.endswith(("(exit code 0)", "(exit code 1)"))


def test_by_hand(ll: Layerlog) -> None:
    ll("bisect", "start", "web")
    said = ll("bisect", "good", "web@1")
    while said.startswith("check "):
        point = int(said.split()[1].partition("@")[2].rstrip(":"))
        said = ll("bisect", "bad" if point >= 40 else "good")
    assert found(said)
    log = ll.lines("bisect", "log")
    assert log[:2] == ["layerlog bisect start web", "layerlog bisect good web@1"]
    assert "is the first bad event" in "\n".join(log)


def test_skip_tries_another(ll: Layerlog) -> None:
    first = ll("bisect", "start", "web", "web@1")
    assert ll("bisect", "skip") != first
    ll("bisect", "skip", "web@40")
    ll("bisect", "good", "web@39")
    said = ll("bisect", "bad", "web@43")
    while said.startswith("check "):
        point = int(said.split()[1].partition("@")[2].rstrip(":"))
        said = ll("bisect", "bad" if point >= 40 else "good")
    assert said.startswith("only skipped events are left before web@41: web@40\n")


def test_run_takes_125_for_cannot_be_told(ll: Layerlog) -> None:
    ll("bisect", "start", "web", "web@30")
    done = ll.run("bisect", "run", "sh", "-c", 'case "$LAYERLOG_POINT" in web@37) exit 125;; esac; ! grep -q bad conf')
    assert done.exit_code == 0
    assert found(done.stdout)


def test_it_goes_through_forks_and_begins_at_the_image(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "good", "one:/conf")
    ll("fork", "one", "--name", "two")
    ll("write", "--text", "bad", "two:/conf")
    ll("write", "--text", "x", "two:/x")
    ll("bisect", "start", "two", image[:12])
    assert ll.run("bisect", "run", *CHECK).stdout.startswith("two@2 is the first bad event\n")


def test_the_state_is_one_private_file_that_reset_removes(ll: Layerlog) -> None:
    ll("bisect", "start", "web", "web@1")
    path = os.path.join(ll.store, "bisect.json")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert json.loads(Path(path).read_text())["said"] == ["start web web@1"]
    ll("bisect", "reset")
    ll("bisect", "reset")
    assert not os.path.exists(path)
    assert "no bisection is under way" in ll.refused("bisect", "good")
    Path(path).write_text("{")
    assert "damaged" in ll.refused("bisect", "log")


def test_the_log_is_untouched(ll: Layerlog) -> None:
    before = ll.head()
    ll("bisect", "start", "web", "web@1")
    ll.run("bisect", "run", *CHECK)
    assert ll.head() == before


def test_it_refuses_what_cannot_be(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    assert "made elsewhere" in ll.refused("bisect", "start", "far:1")
    assert "must come before" in ll.refused("bisect", "start", "web@5", "web@5")
    assert "no point of what is bisected" in ll.refused("bisect", "start", "web@5", "web@9")
    assert "no point of what is bisected" in ll.refused("bisect", "start", "web", "far:1")
    ll("bisect", "start", "web")
    assert "say which point" in ll.refused("bisect", "bad")
    assert "mark a good point first" in ll.refused("bisect", "run", "true")
    ll("bisect", "good", "web@1")
    assert "no program nonesuch" in ll.refused("bisect", "run", "nonesuch")


def test_a_command_that_says_neither_stops_it(ll: Layerlog) -> None:
    first = ll("bisect", "start", "web", "web@1")
    assert "says neither good nor bad" in ll.refused("bisect", "run", "sh", "-c", "kill -9 $$")
    assert ll.lines("bisect", "log")[-1] == first.rstrip()


# -- tests that cannot be run


@pytest.mark.parametrize("script", ["./no-such-test", "exit 126", "exit 127", "exec ./conf"])
def test_what_cannot_be_run_accuses_nobody(ll: Layerlog, script: str) -> None:
    first = ll("bisect", "start", "web", "web@4")
    said = ll.refused("bisect", "run", "sh", "-c", script)
    assert "at web@4, too, which is known to be good" in said
    assert ll.lines("bisect", "log")[-1] == first.rstrip()


def test_127_at_a_bad_point_alone_is_bad(ll: Layerlog) -> None:
    """As where the write removed the very program."""
    ll("bisect", "start", "web", "web@1")
    done = ll.run("bisect", "run", "sh", "-c", "grep -q bad conf 2>/dev/null && exit 127; exit 0")
    assert found(done.stdout)


def test_a_point_whose_content_was_erased_is_skipped(ll: Layerlog) -> None:
    with ll.writer() as writer:
        container = ll.json("ps")[0]["id"]
        view = live_view(writer.store, container)
        for text in (b"secret", b"harmless"):
            node = put(b"other", 0o100644, content=writer.content.put(text), size=len(text))
            commands.record(writer, container, [node], view)
    ll("bisect", "start", "web", "web@41")
    (secret,) = [row["content"] for row in ll.json("events") if row["version"] == 62 and row["name"] == container]
    ll.run("erase", "-y", "--content", secret, "--reason", "test")
    done = ll.run("bisect", "run", "sh", "-c", "grep -q harmless other && exit 1; exit 0")
    assert done.exit_code == 0, done.stderr
    assert "web@62 cannot be checked out" in done.stderr
    assert "only skipped events are left before web@63: web@62" in done.stdout


def test_a_store_that_cannot_be_written_is_bisected(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: not (str(path) == ll.store and mode & os.W_OK) and real(path, mode, **more))
    ll("bisect", "start", "web", "web@1")
    assert found(ll.run("bisect", "run", *CHECK).stdout)
    assert not (Path(ll.store) / "bisect.json").exists()
    assert len(os.listdir(tmp_path / "state/layerlog")) == 1
    ll("bisect", "reset")
    assert os.listdir(tmp_path / "state/layerlog") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_it_finds_no_checkout(ll: Layerlog, tmp_path: Path, number: signal.Signals) -> None:
    ll("bisect", "start", "web", "web@1")
    program = "import tempfile, sys; tempfile.tempdir = sys.argv.pop(1); from cli.main import main; main()"
    process = started(program, str(tmp_path), "--store", ll.store, "bisect", "run", "sh", "-c", "echo here >&2; exec sleep 100")
    assert process.stderr is not None
    assert process.stderr.readline() == "here\n"
    assert [name for name in os.listdir(tmp_path) if "bisect" in name]
    time.sleep(1)  # a program that is only being started outlives who starts it
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130, "as with ^C"
    assert [name for name in os.listdir(tmp_path) if "bisect" in name] == []
