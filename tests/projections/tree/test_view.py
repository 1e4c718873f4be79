"""Point answers = walk answers = the dict model, for any sequence of changes, at every point of history."""

import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.content.writer import ContentWriter
from eventstore.errors import ConflictError, NotFoundError
from eventstore.model.changes import Change, attributes, clear, delete, link, move, put
from eventstore.model.facts import ContainerBase
from eventstore.store import commands
from eventstore.store.rules import Recording
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view, view_at
from projections.tree.view import View
from projections.tree.walk import walk
from tests.conftest import ADA
from tests.model import Model

NAMES = st.sampled_from([b"a", b"b", b"a-b", b"\xff"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
SMALL = st.integers(0, 3)


def any_change() -> st.SearchStrategy[Change]:
    files = st.builds(
        lambda path, n: put(path, stat.S_IFREG | 0o644 + n, uid=n, mtime=n, target=None, content=bytes([n]) * 32), PATHS, SMALL
    )
    return st.one_of(
        files,
        st.builds(lambda path, n: put(path, stat.S_IFDIR | 0o755, uid=n), PATHS, SMALL),
        st.builds(lambda path, n: put(path, stat.S_IFLNK | 0o777, target=b"t%d" % n), PATHS, SMALL),
        st.builds(delete, PATHS),
        st.builds(clear, PATHS),
        st.builds(link, PATHS, PATHS),
        st.builds(lambda path, source: move(source, path), PATHS, PATHS),
        st.builds(lambda path, n: attributes(path, stat.S_IFREG | 0o600, uid=n, gid=n, mtime=n), PATHS, SMALL),
        st.builds(lambda path, n: attributes(path, stat.S_IFDIR | 0o700, uid=n, gid=n, mtime=n), PATHS, SMALL),
    )


def walked(view: View, top: bytes = b"") -> dict[bytes, tuple[int, int, int, bytes | None]]:
    return {e.path: (e.mode, e.uid, e.mtime, e.content or e.target) for e in walk(view, top)}


def looked_up(view: View, paths: set[bytes]) -> dict[bytes, tuple[int, int, int, bytes | None]]:
    found = {path: view.lookup(path) for path in paths}
    return {p: (e.mode, e.uid, e.mtime, e.content or e.target) for p, e in found.items() if e is not None}


def listed(view: View, path: bytes = b"") -> set[bytes]:
    found = {path}
    for entry in view.children(path):
        found |= listed(view, entry.path) if entry.is_dir else {entry.path}
    return found


def fill(store: Store, container: str, changes: list[Change], model: Model) -> dict[int, dict[bytes, tuple[int, int, int, bytes | None]]]:
    """Apply the changes that the rules allow; return the model's tree at every version of the container."""
    states = {}
    view = live_view(store, container)
    with writing(store, ADA) as writer, writer.transaction():
        for change in changes:
            if model.allows(change):
                version = commands.record(writer, container, [change], view)
                model.apply(change)
                states[version] = model.tree()
            else:
                try:
                    with writer.changeset() as appending:
                        Recording(appending, writer, appending.open("container", container), view).add(change)
                    raise AssertionError(f"{change} was allowed")
                except (ConflictError, NotFoundError):
                    pass
    return states


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(any_change(), max_size=30), st.lists(any_change(), max_size=12))
def test_views_agree_with_the_model(
    tmp_path_factory: pytest.TempPathFactory, first: list[Change], second: list[Change]
) -> None:
    """A container, and one on top of a point of it, answer as the model does, by look-up, listing and walk."""
    folder = tmp_path_factory.mktemp("model")
    with Store.open_or_create(str(folder / "store")) as store:
        model = Model()
        with writing(store, ADA) as writer:
            one = commands.create_container(writer, "one", None)
        states = fill(store, one, first, model)
        with writing(store, ADA) as writer:
            base = ContainerBase(one, store.log.existing("container", one).version)
            two = commands.create_container(writer, "two", base)
        upper = fill(store, two, second, model)
        for container, points in ((one, states), (two, upper)):
            for version, expected in points.items():
                view = view_at(store, container, version)
                assert walked(view) == expected
                assert looked_up(view, set(model.names) | set(expected) | {c.path for c in first}) == expected
                assert listed(view) == set(expected)
                for top in list(expected)[:4]:
                    assert walked(view, top) == {p: v for p, v in expected.items() if p == top or not top or p.startswith(top + b"/")}


def test_content_writer_is_a_keeper(store: Store) -> None:
    """A content put is found by its digest once its transaction has committed."""
    with writing(store, ADA) as writer:
        digest = writer.content.put(b"hello")
        with writer.transaction():
            pass
    assert isinstance(writer.content, ContentWriter)
    assert store.content.read_all(digest) == b"hello"
