"""Several processes append, load, commit and move one tag at once: nothing is lost, nothing mixed, and it all verifies."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from eventstore.index.names import container_named, tag_target
from eventstore.model.events import Kind
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from tests.cli.running import ROOT, clean
from tests.conftest import ADA
from tests.eventstore.writers import TAG
from tests.trees import tree

WRITERS, ROUNDS = 4, 12


def started(path: str, number: int, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.eventstore.writers", path, str(number), str(rounds)]
    return subprocess.Popen(command, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def said(store: Store) -> list[list[str]]:
    """What every writer said that it did, word by word."""
    with writing(store, ADA) as writer:
        commands.create_container(writer, "shared", None)
        commands.move_tag(writer, TAG, "0" * 64)
    running = [started(store.path, number, ROUNDS) for number in range(WRITERS)]
    lines = []
    for process in running:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")
        lines += [line.split() for line in out.splitlines()]
    return lines


def test_nothing_is_lost_and_nothing_mixed(store: Store, said: list[list[str]]) -> None:
    log = store.log
    shared = container_named(log, "shared") or ""
    assert len(tree(live_view(store, shared))) == WRITERS * ROUNDS
    assert {name: data.decode() for name, data in tree(live_view(store, shared)).items()} == {
        f"f{number}-{turn}": f"writer {number}, turn {turn}" for number in range(WRITERS) for turn in range(ROUNDS)
    }
    for number in range(WRITERS):
        own = container_named(log, f"own{number}") or ""
        assert set(tree(live_view(store, own))) == {f"f{number}-{turn}" for turn in range(ROUNDS)}
    versions = sorted(int(words[2]) for words in said if words[0] == "wrote" and words[1] == shared)
    assert versions == list(range(2, WRITERS * ROUNDS + 2)), "each write was told the version that it alone made"
    commits = {(event.id or b"").hex() for event in log.of_kind(Kind.COMMITTED)}
    assert commits == {words[1] for words in said if words[0] == "committed"}
    for words in said:
        assert words[0] != "loaded" or log.stream("image", words[1]) is not None


def test_the_tag_moved_along_one_line(store: Store, said: list[list[str]]) -> None:
    """Each move started from where the one before had ended: as if the writers had taken turns."""
    stream = store.log.existing("tag", TAG)
    moves = [(event.version, event.detail) for event in store.log.events(stream.id)]
    assert len(moves) == WRITERS * ROUNDS + 1
    told = {words[2]: words[1] for words in said if words[0] == "moved"}
    line = ["0" * 64]
    following = {old: new for new, old in told.items()}
    while line[-1] in following:
        line.append(following[line[-1]])
    assert len(line) == WRITERS * ROUNDS + 1
    assert tag_target(store.log, TAG) == line[-1]


def test_positions_and_versions_have_no_gaps(store: Store, said: list[list[str]]) -> None:
    head = store.log.head()
    positions = [row[0] for row in store.db.execute("SELECT position FROM event ORDER BY position")]
    assert positions == list(range(1, head.position + 1))
    counted = Counter(row[0] for row in store.db.execute("SELECT stream FROM event"))
    assert counted == {row[0]: row[1] for row in store.db.execute("SELECT stream, max(version) FROM event GROUP BY stream")}


def test_a_writer_that_is_killed_blocks_nobody(store: Store) -> None:
    with writing(store, ADA) as writer:
        commands.create_container(writer, "shared", None)
        commands.move_tag(writer, TAG, "0" * 64)
    for number in range(5):
        process = started(store.path, number, 1000)
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(3 + number * 7)]
        process.kill()
        seen += process.communicate()[0].splitlines()
        commits = {line.split()[1] for line in seen if line.startswith("committed") and len(line.split()[1]) == 64}
        assert commits <= {(event.id or b"").hex() for event in store.log.of_kind(Kind.COMMITTED)}, "what was told is there"
    with writing(store, ADA) as writer:
        commands.create_container(writer, "afterwards", None)


def test_readers_never_wait(store: Store, tmp_path: Path) -> None:
    """A writer in the middle of its transaction: a reader sees the state before it, at once."""
    with writing(store, ADA) as writer:
        web = commands.create_container(writer, "web", None)
    with writing(store, ADA) as writer, writer.transaction(), Store.open_or_create(store.path) as reader:
        commands.rename_container(writer, web, "other")
        assert container_named(reader.log, "web") == web
        assert container_named(reader.log, "other") is None
