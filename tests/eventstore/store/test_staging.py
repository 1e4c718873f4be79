"""Staged changes come back as they came, and in layer order, however many they are."""

import pytest

from eventstore.model.changes import Change, delete, put
from eventstore.model.paths import order
from eventstore.store.staging import FEW, Staged
from eventstore.store.store import Store


def backwards(count: int) -> list[Change]:
    files = [put(b"d%d/f%d" % (n % 7, n), 0o100644, size=n) for n in range(count, 0, -1)]
    return [*files, delete(b"d3"), delete(b"d1")]


@pytest.mark.parametrize("count", [0, 50, FEW + 1])
def test_layer_order_is_what_hides_then_the_rest_as_the_tree_lies(store: Store, count: int) -> None:
    """The order is the same whether the changes are sorted in memory or in a table."""
    changes = backwards(count)
    staged = Staged(store, iter(changes))
    assert list(staged) == changes
    assert len(staged) == len(changes)
    found = list(staged.in_layer_order())
    assert found[:2] == [delete(b"d1"), delete(b"d3")]
    assert found[2:] == sorted(changes[:-2], key=lambda change: order(change.path))
    staged.close()
