"""What hides a path from above: the same answer and, however often a directory came and went, the same few look-ups."""

from itertools import count
from pathlib import Path

import pytest

from eventstore.model.changes import Change, delete, move, put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view, view_at
from projections.tree import view as views
from projections.tree.view import View
from tests.conftest import ADA
from tests.projections.events.test_path_events import every_path, orders, told_views


@pytest.mark.parametrize("seed", range(220, 228))
def test_the_latest_alone_say_what_all_say(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every point of views of every kind of span: asking for the latest of each stream gives what asking for all gives."""
    with Store.open_or_create(str(tmp_path / "layered")) as store:
        for view in told_views(store, seed):
            for at in (view, *(view.before(order) for order in orders(view)[::5])):
                ids = [at.prefix_ids(path)[0] for path in every_path(view)]
                floors = [at.floor_below(prefixes) for prefixes in ids]
                monkeypatch.setattr(views, "FEW_EVENTS", -1)
                assert [at.floor_below(prefixes) for prefixes in ids] == floors
                monkeypatch.undo()


def churned(times: int, *, moved: bool) -> list[Change]:
    """A directory that comes and goes, deleted or moved away, and at last holds a file."""
    gone = move(b"a/d", b"a/e") if moved else delete(b"a/d")
    made = [put(b"a/d", 0o40755), gone, *([delete(b"a/e")] if moved else [])]
    return [put(b"a", 0o40755), *(made * times), put(b"a/d", 0o40755), put(b"a/d/f", 0o100644)]


def steps(store: Store, view: View, path: bytes) -> int:
    """Return how many steps of SQLite's machine a look-up takes."""
    counter = count()
    store.db.set_progress_handler(lambda: next(counter) < 0, 1)
    try:
        assert view.lookup(path) is not None
    finally:
        store.db.set_progress_handler(None, 1)
    return next(counter)


@pytest.mark.parametrize("moved", [False, True])
def test_a_look_up_below_what_came_and_went_costs_the_same(store: Store, moved: bool) -> None:
    costs = []
    for times in (100, 1000):
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, f"c{times}", None)
            version = commands.record(writer, container, churned(times, moved=moved), live_view(store, container))
        costs.append(steps(store, view_at(store, container, version), b"a/d/f"))
    assert costs[1] < 2 * costs[0]
