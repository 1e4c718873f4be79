"""Memory forgets when it is full; batches take no more than they give."""

from eventstore.model.batches import batches, growing_batches
from eventstore.model.memory import Memory


def test_a_full_memory_forgets_all_but_what_it_always_knows() -> None:
    memory = Memory(3, {0: "root"})
    memory[1], memory[2] = "one", "two"
    assert memory == {0: "root", 1: "one", 2: "two"}
    memory[3] = "three"
    assert memory == {0: "root", 3: "three"}


def test_batches_are_full_but_for_the_last_and_take_no_more() -> None:
    things = iter(range(5))
    found = batches(things, 2)
    assert (next(found), next(things)) == ([0, 1], 2)
    assert list(found) == [[3, 4]]
    assert list(batches([], 2)) == []


def test_growing_batches_begin_with_one() -> None:
    assert [len(batch) for batch in growing_batches(range(10))] == [1, 2, 4, 3]
