"""What a walk remembers of a container's living paths changes no later walk, only what it asks for."""

import os
import stat
from pathlib import Path

import pytest

from eventstore.model.changes import delete, put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view, view_at
from projections.tree import lineage, walk_cache
from projections.tree.facts import touched
from projections.tree.walk import walk
from projections.tree.walk_cache import FOLDER, KEPT, UNKNOWN, remembered
from tests.conftest import ADA
from tests.projections.tree.test_view import walked
from tests.stories import tell

FILE = stat.S_IFREG | 0o644


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every walk is worth remembering."""
    monkeypatch.setattr(walk_cache, "WORTH", -(10**9))
    monkeypatch.setattr(walk_cache, "KEPT", 10**9)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("seed", range(60))
def test_walks_after_walks_agree_with_the_model(tmp_path: Path, seed: int) -> None:
    """At the end of every changeset, in the order of time and in any other, of both containers."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        points = [(container, version) for container, trees in told.trees.items() for version in trees]
        for container, version in [*points, *told.random.sample(points, len(points))]:
            assert walked(view_at(store, container, version)) == told.trees[container][version]
            span = lineage.of_container(store.log, container, version)[-1]
            assert remembered(store.log, span).version == version


def churned(store: Store, rounds: int = 30) -> str:
    """Return a container in which *rounds* files came and went, each in a commit's worth of events, and three stayed."""
    with writing(store, ADA) as writer:
        made = commands.create_container(writer, "churned", None)
        view = live_view(store, made)
        commands.record(writer, made, [put(b"kept-%d" % number, FILE) for number in range(3)], view)
        for number in range(rounds):
            commands.record(writer, made, [put(b"gone-%d" % number, FILE), delete(b"gone-%d" % number)], view)
    return made


def paths(store: Store, container: str, version: int = 2**62) -> list[bytes]:
    stream = store.log.existing("container", container)
    return [entry.path for entry in walk(view_at(store, container, min(version, stream.version)))]


def asked(store: Store, container: str) -> int:
    span = lineage.of_container(store.log, container, store.log.existing("container", container).version)[-1]
    return len(list(touched(store.log, span, remembered(store.log, span))))


@pytest.fixture
def thirty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks of more than twenty events are worth remembering, as those of what `churned` makes."""
    monkeypatch.setattr(walk_cache, "WORTH", 20)


@pytest.mark.usefixtures("thirty")
def test_paths_long_gone_are_asked_for_once(store: Store) -> None:
    made = churned(store)
    assert asked(store, made) == 33
    first = paths(store, made)
    assert asked(store, made) == 3
    assert paths(store, made) == first == [b"", b"kept-0", b"kept-1", b"kept-2"]


@pytest.mark.usefixtures("thirty")
def test_what_came_since_is_asked_for_too(store: Store) -> None:
    made = churned(store)
    paths(store, made)
    with writing(store, ADA) as writer:
        commands.record(writer, made, [put(b"gone-7", FILE), delete(b"kept-1")], live_view(store, made))
    assert paths(store, made) == [b"", b"gone-7", b"kept-0", b"kept-2"]
    assert paths(store, made, version=5) == [b"", b"gone-0", b"kept-0", b"kept-1", b"kept-2"]
    assert asked(store, made) == 4


@pytest.mark.usefixtures("thirty")
@pytest.mark.parametrize("harm", [b"", b"x" * 40, None])
def test_a_file_that_is_not_what_was_written_is_not_believed(store: Store, harm: bytes | None) -> None:
    """Cut, overwritten, or of another history: one id less under the old digest."""
    made = churned(store)
    paths(store, made)
    file = store.cache.path(FOLDER, made, str(store.log.existing("container", made).version))
    written = Path(file).read_bytes()
    Path(file).write_bytes(written[:-8] if harm is None else harm)
    assert asked(store, made) == 33
    assert len(paths(store, made)) == 4


@pytest.mark.usefixtures("thirty")
def test_nothing_is_remembered_of_a_transaction_that_may_fail(store: Store) -> None:
    made = churned(store)
    with writing(store, ADA) as writer, writer.transaction():
        assert len(paths(store, made)) == 4
    assert store.cache.names(FOLDER, made) == []


@pytest.mark.usefixtures("thirty")
def test_of_many_versions_the_latest_are_remembered(store: Store) -> None:
    made = churned(store, rounds=10 * KEPT)
    last = store.log.existing("container", made).version
    for version in range(last, 0, -5):
        assert len(paths(store, made, version)) in (1, 2, 3, 4, 5)
    kept = sorted(map(int, store.cache.names(FOLDER, made)))
    assert len(kept) == KEPT
    assert kept[-1] == last


def test_a_short_history_is_not_remembered(store: Store) -> None:
    made = churned(store)
    assert len(paths(store, made)) == 4
    assert remembered(store.log, lineage.of_container(store.log, made)[-1]) == UNKNOWN


@pytest.mark.usefixtures("thirty")
def test_a_cache_that_cannot_be_written_costs_time_alone(store: Store) -> None:
    made = churned(store)
    Path(store.cache.path(FOLDER)).write_bytes(b"a file where a folder should be")
    assert len(paths(store, made)) == len(paths(store, made)) == 4
    os.unlink(store.cache.path(FOLDER))
