"""Eight processes at once on one container and one tag, with readers, a collection and a backup beside them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventstore.index.names import container_named, tag_target
from eventstore.model.changes import Change
from eventstore.model.events import Event, Kind
from eventstore.store.store import Store
from projections.refs.containers import view_at
from projections.tree.walk import walk
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.faults.work import SHARED, TAG
from tests.hostile.making import docker_archive
from tests.model import Model
from tests.projections.tar_blocks import END, entry

WORKERS = 8
READS = [["ls", "-R", SHARED], ["log", "-n", "5", SHARED], ["diff", SHARED], ["images"], ["ps"], ["audit"]]
GROWTH = 24 << 10  # KiB, which a leak of a few KiB a command would pass within a minute


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)], ids=["moment", "minute"])
def test_what_eight_processes_did_at_once_is_what_one_could_have_done(commands: Commands, tmp_path: Path, seconds: int) -> None:
    store = tmp_path / "store"
    (tmp_path / "base.tar").write_bytes(docker_archive(entry(b"base", b"x") + END, name="localhost/base:1"))
    commands.ok(store, ["load", "-i", str(tmp_path / "base.tar")], ["create", "--name", SHARED, "localhost/base:1"])
    at_work(commands, store, tmp_path, seconds)
    noted = [json.loads(line) for seed in range(WORKERS) for line in (tmp_path / f"{seed}.jsonl").read_text().splitlines()]
    assert problems(store) == []
    assert problems(tmp_path / "backup") == []
    with Store.open_or_create(str(store)) as opened:
        check_order(opened, noted)
        check_expected(opened, noted)
        check_tag_and_seals(opened)
        check_tree(opened)
    ends = [note for note in noted if note["command"] == "done"]
    assert all(note["grown"] < GROWTH for note in ends), ends
    totals.count("writers x seconds with no lost update", WORKERS * seconds, WORKERS * seconds)
    totals.count("commands under load that came true", len(noted) - len(ends), len(noted) - len(ends))


def at_work(commands: Commands, store: Path, folder: Path, seconds: int) -> None:
    def doing(function: str, *args: Any) -> dict[str, Any]:
        return {"call": f"tests.faults.work:{function}", "args": args}

    jobs = [commands.start(store, doing("work", str(store), seed, seconds, str(folder))) for seed in range(WORKERS)]
    jobs += [commands.start(store, doing("repeat", str(store), seconds, 0, *READS)) for _ in range(2)]
    jobs.append(commands.start(store, doing("repeat", str(store), seconds, 0.3, ["gc"])))
    jobs.append(commands.start(store, doing("repeat", str(store), seconds, 0.5, ["backup", str(folder / "backup")])))
    for job in jobs:
        done = job.wait()
        assert done.status == 0, done.err[-3000:]


def events(store: Store) -> Iterator[Event]:
    container = container_named(store.log, SHARED)
    stream = store.log.stream("container", container or "")
    assert stream
    return store.log.events(stream.id)


def check_order(store: Store, noted: list[dict[str, Any]]) -> None:
    """Every text that was acknowledged was written exactly once, each process's own in its own order; and no other was."""
    written = [b"".join(store.content.read(event.content)).decode() for event in events(store) if event.content]
    told = [note["text"] for note in noted if "text" in note]
    assert Counter(written) == Counter(told)
    places = {text: place for place, text in enumerate(written)}
    for seed in range(WORKERS):
        own = [places[note["text"]] for note in noted if note["seed"] == seed and "text" in note]
        assert own == sorted(own)
    messages = [json.loads(event.detail or "{}")["message"] for event in events(store) if event.kind == Kind.COMMITTED]
    assert Counter(messages) == Counter(note["message"] for note in noted if note["command"] == "commit")
    for kind, command in ((Kind.PATH_DELETED, "delete"), (Kind.PATH_MOVED, "move")):
        assert sum(event.kind == kind for event in events(store)) >= sum(note["command"] == command for note in noted)


def check_expected(store: Store, noted: list[dict[str, Any]]) -> None:
    texts = {event.version: event.content for event in events(store)}
    for note in (note for note in noted if note["command"] == "expect"):
        assert note["version"] == note["expected"] + 1
        assert store.content.read_all(texts[note["version"]] or b"").decode() == note["text"]
    keys = Counter(note["key"] for note in noted if note["command"] == "once")
    assert set(keys.values()) <= {1}, keys


def check_tag_and_seals(store: Store) -> None:
    stream = store.log.stream("tag", TAG)
    assert stream
    before = None
    for event in store.log.events(stream.id):
        told = json.loads(event.detail or "{}")
        assert told["old"] == before
        before = told["image"]
    assert tag_target(store.log, TAG) == before
    sealed = 0
    for event in events(store):
        if event.kind == Kind.COMMITTED:
            told = json.loads(event.detail or "{}")
            assert (told["from"], told["events"]) == (sealed + 1, event.version - sealed - 1)
            sealed = event.version


def check_tree(store: Store) -> None:
    """What the container is now is what its events say, applied one by one to a dict."""
    model = Model()
    base = Change(Kind.FILE_WRITTEN, b"base", 0o100644)
    model.apply(base)
    for event in events(store):
        if event.path is not None:
            change = Change(Kind(event.kind), store.log.path_text(event.path), event.mode, event.uid, event.gid, event.mtime, event.size, event.content, event.target)
            assert model.allows(change), change
            model.apply(change)
    container = container_named(store.log, SHARED)
    now = view_at(store, container or "", 2**40)
    found = {entry.path: entry.content for entry in walk(now, b"") if entry.is_file and entry.path != b"base"}
    assert found == {path: node[3] for path, node in model.tree().items() if path not in (b"", b"base")}


def test_a_reader_blocks_no_writer(commands: Commands, tmp_path: Path) -> None:
    store = tmp_path / "store"
    commands.ok(store, ["create", "--name", SHARED, "scratch"])
    reader = commands.start(store, {"call": "tests.faults.work:read_on", "args": [str(store), 60]})
    wait_until((tmp_path / "reading").exists)
    started = time.monotonic()
    commands.ok(store, ["write", "--text", "x", f"{SHARED}:/f"], ["gc"], ["write", "--text", "y", f"{SHARED}:/f"])
    assert time.monotonic() - started < 20  # a collection waits a few seconds for readers, and leaves the rest to the next
    reader.kill()
    reader.wait()
    assert problems(store) == []


@pytest.mark.parametrize("argv", [["write", "--text", "x", f"{SHARED}:/f"], ["gc"], ["verify"]], ids=" ".join)
def test_a_writer_that_died_blocks_nobody(commands: Commands, tmp_path: Path, argv: list[str]) -> None:
    store = tmp_path / "store"
    commands.ok(store, ["create", "--name", SHARED, "scratch"])
    writer = commands.start(store, {"call": "tests.faults.work:write_on", "args": [str(store), 60]})
    wait_until((tmp_path / "writing").exists)
    writer.kill()
    writer.wait()
    started = time.monotonic()
    commands.ok(store, argv)
    assert time.monotonic() - started < 10
    assert problems(store) == []


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
