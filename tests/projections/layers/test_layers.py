"""A run of a container's events, sealed as a layer and laid over what was before, gives what was after."""

import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.model.changes import Change, delete, link, put
from eventstore.model.events import Kind
from eventstore.model.paths import ancestors
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.diff import tree_diff
from projections.layers import layers
from projections.refs.containers import view_at
from projections.tree.lineage import LIVE, Span
from projections.tree.view import View
from projections.tree.walk import walk
from tests.conftest import ADA
from tests.model import Model
from tests.projections.tree.test_view import any_change, fill, looked_up, walked


def laid_over(store: Store, before: View, changes: list[Change]) -> View:
    """Import *changes* as a layer and return it on top of *before*."""
    staged = Staged(store, changes)
    diff_id = sha256(repr(changes).encode()).digest()
    with writing(store, ADA) as writer:
        commands.import_layer(writer, diff_id, staged, writer.content.put(b""), 0)
    staged.close()
    stream = store.log.stream("layer", diff_id.hex())
    assert stream is not None
    return View(store.log, store.content, [*before.spans, Span(stream.id, stream.version, layer=True)])


def names_by_node(view: View) -> set[frozenset[bytes]]:
    """The hard-link groups of a view's files."""
    groups: dict[int, set[bytes]] = {}
    for entry in walk(view):
        if not entry.is_dir:
            groups.setdefault(entry.node, set()).add(entry.path)
    return {frozenset(group) for group in groups.values()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(any_change(), max_size=25), st.integers(0, 40), st.integers(0, 40))
def test_a_layer_over_what_was_before_gives_what_was_after(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Change], one: int, other: int
) -> None:
    """For any two points of a container: before + layer(between) = after, hard links included, by walk and look-up."""
    folder = tmp_path_factory.mktemp("layers")
    with Store.open_or_create(str(folder / "store")) as store:
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, "one", None)
        fill(store, container, changes, Model())
        stream = store.log.stream("container", container)
        assert stream is not None
        first, last = sorted((min(one, stream.version), min(other, stream.version)))
        before, after = view_at(store, container, first), view_at(store, container, last)
        made = list(layers.changes(before, after, stream.id, first + 1, last))
        assert len({(c.kind in (5, 6), c.path) for c in made}) == len(made)
        with_parents = laid_over(store, before, named := list(layers.with_parents(made, after)))
        assert walked(with_parents) == walked(after)
        paths = [c.path for c in named]
        assert all(above in paths[:at] for at, path in enumerate(paths) for above in ancestors(path)[1:])
        assert len({(c.kind in (5, 6), c.path) for c in named}) == len(named)
        files = {c.path for c in made if c.kind not in (5, 6) and not after.get(c.path).is_dir}
        assert [c for c in named if c in made] == [c for c in made if files.isdisjoint(ancestors(c.path))]
        found = laid_over(store, before, made)
        assert walked(found) == walked(after)
        assert looked_up(found, {e.path for e in walk(after)} | {c.path for c in changes}) == walked(after)
        assert names_by_node(found) >= {g for g in names_by_node(after) if len(g) > 1}
        assert [d.path for d in tree_diff.between(before, found)] == [d.path for d in tree_diff.between(before, after)]
        full = {d.path: d for d in tree_diff.between(before, found)}
        direct = {d.path: d for d in tree_diff.touched_by(before, after, stream.id, first + 1, last)}
        assert set(full) == set(direct)


def test_a_directory_that_became_a_hard_link_is_named_once(tmp_path: Path) -> None:
    """What was below it is gone with it; in front of a whiteout there it would be named again, which podman refuses."""
    with Store.open_or_create(str(tmp_path / "layers")) as store:
        with writing(store, ADA) as writer:
            one = commands.create_container(writer, "one", None)
            view, file, directory = view_at(store, one, LIVE), stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
            commands.record(writer, one, [put(b"home", directory), put(b"home/tmp", file)], view)
            commands.record(writer, one, [delete(b"home"), put(b"home", file), link(b"b", b"home")], view)
        before, after = view_at(store, one, 3), view_at(store, one, 6)
        made = list(layers.with_parents(layers.changes(before, after, after.spans[-1].stream, 4, 6), after))
        assert [(change.kind, change.path) for change in made] == [(Kind.FILE_WRITTEN, b"b"), (Kind.LINK_MADE, b"home")]
        assert walked(laid_over(store, before, made)) == walked(after)
