"""Undoing: for any run of changes, the tree is what it was before it; and what a revert takes back and refuses."""

from pathlib import Path

import pytest

from eventstore.store.store import Store
from projections.edits import undo
from projections.history.undo_stack import undoable
from projections.tree.view import View
from tests.projections.layers.test_layers import names_by_node
from tests.projections.tree.test_view import walked
from tests.stories import tell

SEEDS = range(100, 120)


def several_names(view: View) -> set[frozenset[bytes]]:
    """The groups of paths that are hard links of each other."""
    return {group for group in names_by_node(view) if len(group) > 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_undo_gives_the_tree_before(tmp_path: Path, seed: int) -> None:
    """Taking back the last N changesets gives the tree before them, hard links included; and then back again."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        stream = told.stream(told.upper)
        taken = list(undoable(store.log, stream, store.log.version(stream)))
        assert [run.last for run in taken] == sorted(told.trees[told.upper], reverse=True)
        if not taken:
            return
        taken = taken[: told.random.randrange(1, len(taken) + 1)]
        before, now = told.view(told.upper, taken[-1].first - 1), told.view(told.upper)
        after = told.record(told.upper, list(undo.taken_back(store, told.upper, taken)))
        assert walked(after) == walked(before)
        assert several_names(after) == several_names(before)
        if walked(before) != walked(now):
            latest = next(undoable(store.log, stream, store.log.version(stream)))
            again = told.record(told.upper, list(undo.taken_back(store, told.upper, [latest])))
            assert walked(again) == walked(now)
            assert several_names(again) == several_names(now)


@pytest.mark.parametrize("seed", SEEDS)
def test_restore_gives_what_was(tmp_path: Path, seed: int) -> None:
    """Restoring the root as it was at any earlier point gives that tree."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        live = told.view(told.upper)
        source = told.view(told.upper, told.random.randrange(live.spans[-1].upto + 1))
        after = told.record(told.upper, list(undo.restored(live, b"", source, b"")))
        assert walked(after) == walked(source)
        assert several_names(after) == several_names(source)


@pytest.mark.parametrize("seed", SEEDS)
def test_restore_of_a_part_leaves_the_rest(tmp_path: Path, seed: int) -> None:
    """Restoring one directory or file makes that, and nothing else, what it was."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        live = told.view(told.upper)
        source = told.view(told.upper, told.random.randrange(live.spans[-1].upto + 1))
        for path in sorted(set(walked(source)) & set(walked(live)))[:3]:
            after = told.record(told.upper, list(undo.restored(live, path, source, path)))
            part = {p: node for p, node in walked(after).items() if p == path or not path or p.startswith(path + b"/")}
            assert part == walked(source, path)
            rest = {p for p in walked(live) if not (p == path or not path or p.startswith(path + b"/"))}
            assert {p: walked(after)[p] for p in rest} == {p: walked(live)[p] for p in rest}
            live = told.view(told.upper)
