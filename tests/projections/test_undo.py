"""Undoing: for any run of changes, the tree is what it was before it."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import commands
from eventstore.changes import Change
from eventstore.store import Store
from projections import undo
from projections.containers import live_view, view_at
from tests.conftest import ADA
from tests.model import Model
from tests.projections.test_layers_model import names_by_node
from tests.projections.test_view_model import any_change, fill, walked


def several_names(view: object) -> set[frozenset[bytes]]:
    return {group for group in names_by_node(view) if len(group) > 1}  # type: ignore[arg-type]


def record_in_runs(store: Store, container: str, changes: list[Change], sizes: list[int], model: Model) -> None:
    """Record the changes that the rules allow, in changesets of *sizes*."""
    waiting = list(changes)
    view = live_view(store, container)
    with store.writer(ADA) as writer:
        for size in sizes:
            allowed = []
            while waiting and len(allowed) < size:
                change = waiting.pop(0)
                if model.allows(change):
                    model.apply(change)
                    allowed.append(change)
            commands.record(writer, container, allowed, view)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(any_change(), max_size=20), st.lists(any_change(), max_size=20), st.lists(st.integers(1, 6), max_size=6), st.data())
def test_undo_gives_the_tree_before(
    tmp_path_factory: object, first: list[Change], second: list[Change], sizes: list[int], data: st.DataObject
) -> None:
    """Taking back the last N changesets gives the tree before them, hard links included, for every N."""
    folder: Path = tmp_path_factory.mktemp("undo")  # type: ignore[attr-defined]
    with Store.open(str(folder / "store")) as store:
        model = Model()
        with store.writer(ADA) as writer:
            container = commands.create_container(writer, "one", None)
        fill(store, container, first, model)
        record_in_runs(store, container, second, sizes, model)
        stream = store.log.stream("container", container)
        assert stream is not None
        taken = list(undo.runs(store.log, stream.id, stream.version))
        assert [run.last for run in taken] == sorted((run.last for run in taken), reverse=True)
        if not taken:
            return
        taken = taken[: data.draw(st.integers(1, len(taken)))]
        before = view_at(store, container, taken[-1].first - 1)
        changes = list(undo.taken_back(store, container, taken))
        with store.writer(ADA) as writer:
            version = commands.record(writer, container, changes, live_view(store, container))
        after = view_at(store, container, version)
        assert walked(after) == walked(before)
        assert several_names(after) == several_names(before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(any_change(), max_size=25), st.lists(any_change(), max_size=15))
def test_restore_gives_what_was(tmp_path_factory: object, first: list[Change], second: list[Change]) -> None:
    """Restoring the root of an earlier point gives that tree."""
    folder: Path = tmp_path_factory.mktemp("restore")  # type: ignore[attr-defined]
    with Store.open(str(folder / "store")) as store:
        model = Model()
        with store.writer(ADA) as writer:
            container = commands.create_container(writer, "one", None)
        fill(store, container, first, model)
        point = store.log.version(store.log.stream("container", container).id)  # type: ignore[union-attr]
        fill(store, container, second, model)
        source, live = view_at(store, container, point), live_view(store, container)
        changes = list(undo.restored(live, b"", source, b""))
        with store.writer(ADA) as writer:
            version = commands.record(writer, container, changes, live)
        assert walked(view_at(store, container, version)) == walked(source)
        assert several_names(view_at(store, container, version)) == several_names(source)
