"""Clocks that run ahead, go back and jump: order is by position, and a time finds the point that most clocks agree on."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.index.moments import position_at
from eventstore.integrity import chain, clocks
from eventstore.log.log import PARTED
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from tests.conftest import ADA


def told(folder: Path, walls: list[int], patch: pytest.MonkeyPatch) -> Store:
    """Return a store of one changeset of one event for each reading of the clock."""
    store = Store.open_or_create(str(folder))
    for number, wall in enumerate(walls):
        patch.setattr("time.time_ns", lambda wall=wall: wall)
        with writing(store, ADA) as writer:
            if number:
                commands.create_container(writer, f"c{number}", None)
            else:
                commands.create_store(writer)
    return store


@pytest.mark.parametrize(
    ("walls", "asked"),
    [
        ([100, 101, 102, 103], {99: 0, 100: 1, 102: 3, 500: 4}),
        ([100, 101, 900, 102, 103], {100: 1, 101: 2, 102: 4, 103: 5, 899: 5, 900: 5}),  # ran ahead once
        ([100, 101, 900, 901, 102, 103, 104, 105], {101: 2, 103: 6, 104: 7, 500: 8}),  # and for a while
        ([100, 101, 102, 5, 103, 104], {5: 0, 99: 0, 100: 1, 101: 4, 103: 5, 104: 6}),  # lost its battery once
        ([98, 99, 100, 101, 102, 5, 6, 103, 104], {98: 1, 99: 2, 103: 8, 104: 9}),  # and for a while
        ([900, 100], {50: 0, 100: 2, 1000: 2}),  # the newer of two that differ is believed
        ([-30, -20, -10], {-31: 0, -20: 2, 0: 3}),  # before 1970
        ([100, 40, 41, 42, 43], {41: 3, 43: 5}),  # set right after the first
        ([7, 7, 7], {6: 0, 7: 3}),
    ],
)
def test_a_time_is_answered_by_position(
    tmp_path: Path, walls: list[int], asked: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with told(tmp_path / "store", walls, monkeypatch) as store:
        assert {when: position_at(store.log, when) for when in asked} == asked
        assert [store.log.time_of(position) for position in range(1, len(walls) + 1)] == walls


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=12))
def test_no_other_point_is_contradicted_by_fewer_clocks(walls: list[int]) -> None:
    def contradicted(point: int, when: int) -> int:
        return sum(wall > when for wall in walls[:point]) + sum(wall <= when for wall in walls[point:])

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, told(Path(folder, "s"), walls, patch) as store:
        found = [position_at(store.log, when) for when in range(-22, 23)]
        points = range(len(walls), -1, -1)
        assert found == [min(points, key=lambda point: contradicted(point, when)) for when in range(-22, 23)]
        assert found == sorted(found)
        assert not list(chain.check(store.log, lambda _: None))


MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("walls", "noted"),
    [
        ([0, MINUTE, 2 * MINUTE], []),
        ([0, 9 * MINUTE, 8 * MINUTE], []),
        ([0, 9 * MINUTE, 8 * MINUTE - 1, 9 * MINUTE], ["changeset 3"]),
        ([0, 99 * MINUTE, MINUTE, 2 * MINUTE, 98 * MINUTE, 100 * MINUTE, 3 * MINUTE], ["changesets 3 to 4", "changeset 7"]),
        ([9 * MINUTE, -9 * MINUTE], ["changeset 2"]),
        ([-9 * MINUTE, -99 * MINUTE, -5 * MINUTE], []),  # no clock ever said 1970, which the chain begins with
    ],
)
def test_verify_notes_where_the_clock_was_set_back(
    tmp_path: Path, walls: list[int], noted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PARTED == MINUTE
    with told(tmp_path / "store", walls, monkeypatch) as store:
        found = list(clocks.check(store.log))
    assert [finding.object for finding in found] == noted
    assert all(finding.note for finding in found)
