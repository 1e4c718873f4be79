"""What touched a path, asked of the indexes, is what the trees before and after every event say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.events import Kind
from eventstore.store.store import Store
from projections.diff.line_diff import matches
from projections.events.path_events import touches
from projections.events.pathspecs import matcher, of_text, touched_by_any
from projections.events.records import Records
from projections.layers import layers
from projections.tree.view import View
from projections.tree.walk import walk
from tests.projections.layers.test_layers import laid_over
from tests.stories import tell

SEEDS = range(200, 215)
PATTERNS = (b"a", b"b", b"a/b", b"*b", b"a*", b"b/*")


def told_views(store: Store, seed: int) -> list[View]:
    """One container over another, and the lower one under a layer that takes half of it back: every kind of span."""
    told = tell(store, seed)
    lower = told.view(told.lower)
    half = lower.spans[-1].upto // 2
    back = list(layers.changes(lower, told.view(told.lower, half), told.stream(told.lower), half + 1, lower.spans[-1].upto))
    return [told.view(told.upper), laid_over(store, lower, back)]


def orders(view: View) -> list[tuple[int, int]]:
    found = []
    for rank, span in enumerate(view.spans):
        top = min(span.upto, view.log.version(span.stream))
        found += [(rank, version) for version in range(1, top + 1)]
    return found


def every_path(view: View) -> list[bytes]:
    """All paths that an event was about, and those that moves made without one."""
    known = [view.log.path_text(path_id) for (path_id,) in view.log.db.execute("SELECT id FROM path")]
    return sorted({*known, *(entry.path for entry in walk(view))})


def changed(view: View, path: bytes) -> set[tuple[int, int]]:
    """The orders of all events that changed what *path* is, by looking before and after each."""
    return {order for order in orders(view) if view.before(order).lookup(path) != view.after(order).lookup(path)}


@pytest.mark.parametrize("seed", SEEDS)
def test_touches_are_all_that_changed_a_path(tmp_path: Path, seed: int) -> None:
    """Every event that changed a path touches it; whatever else touches it is about that very path."""
    with Store.open_or_create(str(tmp_path / "layered")) as store:
        for view in told_views(store, seed):
            for path in every_path(view):
                check_touches(view, path)


def check_touches(view: View, path: bytes) -> None:
    found, really = list(touches(view, path)), changed(view, path)
    ordered = [touch.order for touch in found]
    assert ordered == sorted(set(ordered), reverse=True)
    assert really <= set(ordered)
    for touch in found:
        names = {view.log.path_text(i) for i in (touch.event.path, touch.event.source) if i}
        assert touch.order in really or path in names


@pytest.mark.parametrize("seed", SEEDS)
def test_pathspecs_hold_all_that_changed_below(tmp_path: Path, seed: int) -> None:
    """A prefix or glob yields every event that changed a path it matches, newest first and once."""
    with Store.open_or_create(str(tmp_path / "layered")) as store:
        for view in told_views(store, seed):
            for pattern in (of_text(view.log, text) for text in PATTERNS):
                ordered = [touch.order for touch in touched_by_any(view, [pattern])]
                assert ordered == sorted(set(ordered), reverse=True)
                for path in filter(matcher([pattern]).match, every_path(view)):
                    assert {order for order in changed(view, path) if not by_another_name(view, order, path)} <= set(ordered)


@pytest.mark.parametrize("seed", SEEDS)
def test_records_of_many_events_are_those_of_each(tmp_path: Path, seed: int) -> None:
    """In whatever order, and of whatever changesets, the events come."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        events = list(store.log.everything())
        told.random.shuffle(events)
        assert list(Records(store.log).each(events)) == [Records(store.log).of(event) for event in events]


def by_another_name(view: View, order: tuple[int, int], path: bytes) -> bool:
    """Whether the event changed the attributes of a node through a name that is not *path*: of those only some are found."""
    event = next(view.log.events(view.spans[order[0]].stream, order[1], order[1]))
    return event.kind == Kind.ATTRIBUTES_CHANGED and view.log.path_text(event.path or 1) != path


@pytest.mark.parametrize("seed", SEEDS)
def test_following_ends_where_the_node_was_made(tmp_path: Path, seed: int) -> None:
    """Followed back through moves and links, a file's history holds the event that made its node."""
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        view = told.view(told.upper)
        for entry in walk(view):
            if entry.node:
                assert {entry.node, entry.origin} <= {touch.event.position for touch in touches(view, entry.path, follow=True)}


LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"}"]), max_size=14)


@given(LINES, LINES)
def test_matching_lines_are_equal_and_in_order(old: list[bytes], new: list[bytes]) -> None:
    low = start = 0
    for a, b, count in matches(old, new):
        assert count > 0
        assert a >= low
        assert b >= start
        assert old[a : a + count] == new[b : b + count]
        low, start = a + count, b + count


@given(st.lists(st.binary(max_size=2), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_all_lines_match_but_those_cut_out(lines: list[bytes], one: int, other: int) -> None:
    """Where one run was cut out of a text, all others match."""
    first, last = sorted((min(one, len(lines)), min(other, len(lines))))
    shorter = lines[:first] + lines[last:]
    assert sum(count for _, _, count in matches(lines, shorter)) == len(shorter)
