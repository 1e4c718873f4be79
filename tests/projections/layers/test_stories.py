"""Views and layers of stories full of moves and links agree with the dict model."""

from pathlib import Path

import pytest

from eventstore.model.entries import same_node
from eventstore.store.store import Store
from projections.diff.tree_diff import paired, touched_by
from projections.layers import layers
from projections.refs.containers import view_at
from projections.tree.hard_links import linked_among, names_of
from projections.tree.view import View
from projections.tree.walk import walk
from tests.projections.layers.test_layers import laid_over, names_by_node
from tests.projections.tree.test_view import listed, looked_up, walked
from tests.stories import tell

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_views_of_stories_agree_with_the_model(tmp_path: Path, seed: int) -> None:
    """At the end of every changeset, by walk, look-up, listing and the walk of a part."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        paths = {path for trees in told.trees.values() for tree in trees.values() for path in tree}
        for container, trees in told.trees.items():
            for version, expected in trees.items():
                view = view_at(store, container, version)
                assert walked(view) == expected
                assert looked_up(view, paths) == expected
                assert listed(view) == set(expected)
                for top in list(expected)[:3]:
                    part = {path: node for path, node in expected.items() if not top or path == top or path.startswith(top + b"/")}
                    assert walked(view, top) == part


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_of_stories_give_what_was_after(tmp_path: Path, seed: int) -> None:
    """The layer of any run of events over what was before it is what was after it, hard links included."""
    with Store.open_or_create(str(tmp_path / "layered")) as store:
        told = tell(store, seed)
        stream, last = told.stream(told.upper), store.log.version(told.stream(told.upper))
        first, last = sorted((told.random.randrange(last + 1), told.random.randrange(last + 1)))
        before, after = told.view(told.upper, first), told.view(told.upper, last)
        found = laid_over(store, before, list(layers.changes(before, after, stream, first + 1, last)))
        assert walked(found) == walked(after)
        assert names_by_node(found) >= {group for group in names_by_node(after) if len(group) > 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_events_touched_is_what_differs(tmp_path: Path, seed: int) -> None:
    """Between any two points, the differences found through events are those of two whole walks."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        stream, last = told.stream(told.upper), store.log.version(told.stream(told.upper))
        for _ in range(5):
            first, end = sorted((told.random.randrange(last + 1), told.random.randrange(last + 1)))
            before, after = told.view(told.upper, first), told.view(told.upper, end)
            assert {d.path for d in touched_by(before, after, stream, first + 1, end)} == differing(before, after)


def differing(before: View, after: View) -> set[bytes]:
    pairs = paired(walk(before), walk(after))
    return {d.path for d in pairs if d.before is None or d.after is None or not same_node(d.before, d.after)}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_names_of_a_node_are_those_that_a_walk_finds(tmp_path: Path, seed: int) -> None:
    """Every name of a node is found through its events; only a node without links can have but one."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        view = told.view(told.upper)
        names: dict[int, set[bytes]] = {}
        for entry in walk(view):
            names.setdefault(entry.node, set()).add(entry.path)
        names.pop(0, None)
        assert {node: names_of(view, {node}) for node in names} == names
        assert {node for node, paths in names.items() if len(paths) > 1} <= linked_among(view, names)
