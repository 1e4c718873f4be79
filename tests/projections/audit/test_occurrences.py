"""Where a path or a content ever was is what the views at every version say; and asking for many paths asks little of each."""

from itertools import count
from pathlib import Path

import pytest

from eventstore.model.changes import put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.audit import occurrences
from projections.audit.occurrences import Sought
from projections.audit.plain_paths import PlainPaths
from projections.refs import containers
from projections.refs.containers import live_view, view_at
from tests.conftest import ADA
from tests.stories import Told, tell

SEEDS = range(230, 270)
Shown = set[tuple[str, bytes, int]]
"""(container, path, version): it showed there then."""


def told_and_sealed(store: Store, seed: int) -> Told:
    told = tell(store, seed)
    with writing(store, ADA) as writer:
        for container in (told.lower, told.upper):
            commands.commit(writer, container, parent=None, allow_empty=True)
    return told


def found(store: Store, sought: Sought) -> Shown:
    last = {container.id: container.version for container in containers.all_containers(store.log)}
    return {
        (one.id, one.path, version)
        for one in occurrences.path_occurrences(store.log, store.content, sought)
        for version in range(max(one.first, 1), one.ended.event.version if one.ended else last[one.id] + 1)
        if one.shown and one.path
    }  # fmt: skip


def there(store: Store, told: Told, sought: Sought) -> Shown:
    """The same, by looking into each container at each of its versions; not of the root, which nothing brings."""
    shown = set()
    for container in (told.lower, told.upper):
        for version in range(1, store.log.version(told.stream(container)) + 1):
            view = view_at(store, container, version)
            shown |= {(container, path, version) for path in sought.paths if path and sought.is_in(view.lookup(path))}
    return shown


@pytest.mark.parametrize("seed", SEEDS)
def test_a_path_and_a_content_are_found_where_the_views_show_them(tmp_path: Path, seed: int) -> None:
    with Store.open_or_create(str(tmp_path / "told")) as store:
        told = told_and_sealed(store, seed)
        digests = [row[0] for row in store.db.execute("SELECT DISTINCT content FROM event WHERE content IS NOT NULL")]
        everything = occurrences.of_paths(store.log, store.content, [b"", b"*"])
        for sought in (everything, *(occurrences.of_contents(store.log, store.content, [digest]) for digest in digests)):
            assert found(store, sought) == there(store, told, sought)


def test_stories_hold_plain_paths_and_others(tmp_path: Path) -> None:
    """Else the test above would be about one of them alone."""
    plain = []
    for seed in SEEDS:
        with Store.open_or_create(str(tmp_path / f"{seed}")) as store:
            told_and_sealed(store, seed)
            paths = occurrences.of_paths(store.log, store.content, [b""]).paths
            plain += [found is not None for _, found in PlainPaths(store.log).among(paths.items())]
    assert plain.count(True) > 20
    assert plain.count(False) > 20


def statements(store: Store, sought: Sought) -> int:
    counter = count()
    store.db.set_trace_callback(lambda _: next(counter) < 0)
    try:
        assert sum(1 for _ in occurrences.path_occurrences(store.log, store.content, sought)) == len(sought.paths)
    finally:
        store.db.set_trace_callback(None)
    return next(counter)


def test_many_paths_are_looked_up_many_at_a_time(store: Store) -> None:
    costs = []
    for number in (1000, 2000):
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, f"c{number}", None)
            made = [put(b"d%d" % number, 0o40755), *(put(b"d%d/f%d" % (number, n), 0o100644) for n in range(number - 1))]
            commands.record(writer, container, made, live_view(store, container))
        costs.append(statements(store, occurrences.of_paths(store.log, store.content, [b"d%d" % number])))
    assert costs[1] - costs[0] < 1100, "one for each path: its text"
