"""What the layers of a stack add, change and hide is what a dict of files says."""

import random
from pathlib import Path

import pytest

from tests import images
from tests.cli.invoking import Layerlog, with_loaded
from tests.tree_layers import merged_tree, random_layers


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_the_merged_layers(tmp_path: Path, seed: int) -> None:
    layers = random_layers(random.Random(seed))
    ll = Layerlog(tmp_path / "store")
    with_loaded(ll, "docker.io/library/app:1", tars=[images.layer_tar(layer) for layer in layers])
    ll("create", "--name", "web", "app:1")
    ll("write", "web:/new", stdin=bytes(9))
    ll("commit", "web")
    ll("write", "web:/new", stdin=bytes(5))
    rows = ll.json("layers", "web")
    assert [row["point"] for row in rows] == [*(f"web~{steps}" for steps in range(len(layers), -1, -1)), "web@4"]
    assert [(row["added_bytes"], row["changed_bytes"], row["hidden_bytes"]) for row in rows[-2:]] == [(9, 0, 0), (0, 5, 0)]
    for number, row in enumerate(rows[: len(layers)]):
        before, after = merged_tree(layers[:number]), merged_tree(layers[: number + 1])
        added, hidden = after.keys() - before.keys(), before.keys() - after.keys()
        changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
        for what, names, whole in (("added", added, after), ("changed", changed, after), ("hidden", hidden, before)):
            assert row[what] == len(names)
            assert row[f"{what}_bytes"] == sum(len(whole[name] or b"") for name in names)
        assert ll.lines("diff", row["point"], row["point"]) == []
    table = ll.lines("layers", "app:1")
    assert len(table) == len(layers) + 1
    assert max(map(len, table)) <= 80
