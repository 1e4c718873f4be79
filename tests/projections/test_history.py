"""What touched a path, asked of the indexes, is what the trees before and after every event say."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import commands
from eventstore.changes import Change
from eventstore.events import Kind
from eventstore.store import Store
from projections import layers
from projections.containers import view_at
from projections.line_diff import matches
from projections.pathspecs import matcher, touched_by_any
from projections.touching import after, touches
from projections.view import View
from projections.walk import walk
from tests.conftest import ADA
from tests.model import Model
from tests.projections.test_layers_model import laid_over
from tests.projections.test_view_model import any_change, fill

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def story(store: Store, first: list[Change], second: list[Change]) -> View:
    """A container with *first*; a layer of that over it; another container with *second* on top: every kind of span."""
    with store.writer(ADA) as writer:
        one = commands.create_container(writer, "one", None)
    model = Model()
    fill(store, one, first, model)
    stream = store.log.stream("container", one)
    assert stream is not None
    middle, base = view_at(store, one, stream.version // 2), view_at(store, one, stream.version)
    layered = laid_over(store, base, list(layers.changes(base, middle, stream.id, stream.version // 2 + 1, stream.version)))
    with store.writer(ADA) as writer:
        two = commands.create_container(writer, "two", {"container": one, "version": stream.version})
    fill(store, two, second, model)
    upper = store.log.stream("container", two)
    assert upper is not None
    return View(store.log, store.content, [*layered.spans, *view_at(store, two, upper.version).spans[-1:]])


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
    return {order for order in orders(view) if view.before(order).lookup(path) != after(view, order).lookup(path)}


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(st.lists(any_change(), max_size=15), st.lists(any_change(), max_size=12))
def test_touches_are_all_that_changed_a_path(tmp_path_factory: object, first: list[Change], second: list[Change]) -> None:
    """Every event that changed a path touches it; whatever else touches it is about that very path."""
    folder: Path = tmp_path_factory.mktemp("touches")  # type: ignore[attr-defined]
    with Store.open(str(folder / "store")) as store:
        view = story(store, first, second)
        for path in every_path(view):
            found, really = list(touches(view, path)), changed(view, path)
            ordered = [touch.order for touch in found]
            assert ordered == sorted(set(ordered), reverse=True)
            assert really <= set(ordered)
            for touch in found:
                names = {store.log.path_text(i) for i in (touch.event.path, touch.event.source) if i}
                assert touch.order in really or path in names


@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(st.lists(any_change(), max_size=15), st.lists(any_change(), max_size=12), st.sampled_from([b"a", b"b", b"a/b", b"*b", b"a*", b"b/*"]))
def test_pathspecs_hold_all_that_changed_below(
    tmp_path_factory: object, first: list[Change], second: list[Change], pattern: bytes
) -> None:
    """A prefix or glob yields every event that changed a path it matches, newest first and once."""
    folder: Path = tmp_path_factory.mktemp("specs")  # type: ignore[attr-defined]
    with Store.open(str(folder / "store")) as store:
        view = story(store, first, second)
        ordered = [touch.order for touch in touched_by_any(view, [pattern])]
        assert ordered == sorted(set(ordered), reverse=True)
        matched = [path for (path_id,) in store.db.execute("SELECT id FROM path") if matcher([pattern]).match(path := store.log.path_text(path_id))]
        by_name = {order for path in matched for order in changed(view, path) if not reached_by_another_name(view, order, path)}
        assert by_name <= set(ordered)


def reached_by_another_name(view: View, order: tuple[int, int], path: bytes) -> bool:
    """Whether the event changed the attributes of a node through a name that is not *path*: of those only some are found."""
    stream = view.spans[order[0]].stream
    event = next(view.log.events(stream, order[1], order[1]))
    return event.kind == Kind.ATTRIBUTES_CHANGED and view.log.path_text(event.path or 1) != path


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(st.lists(any_change(), max_size=25))
def test_following_ends_where_the_node_was_made(tmp_path_factory: object, changes: list[Change]) -> None:
    """Followed back through moves and links, a file's history holds the event that made its node."""
    folder: Path = tmp_path_factory.mktemp("follow")  # type: ignore[attr-defined]
    with Store.open(str(folder / "store")) as store:
        view = story(store, changes, [])
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
