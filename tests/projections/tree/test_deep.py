"""Very deep trees: each path costs what it costs in a shallow one, and no call goes as deep as the tree."""

import stat
from pathlib import Path

from eventstore.model.changes import delete, put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.edits.undo import leading
from projections.refs.containers import live_view, view_at
from tests.conftest import ADA

DEPTHS = (400, 1900)


def looked_up(folder: Path, depth: int) -> int:
    """How many statements it takes to delete a chain of directories, bring it back, and see each of them."""
    paths = [b"/".join([b"d"] * (level + 1)) for level in range(depth)]
    with Store.open_or_create(str(folder / str(depth))) as store:
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, "c", None)
            made = [*(put(path, stat.S_IFDIR | 0o755) for path in paths), put(paths[-1] + b"/f", 0o100644)]
            version = commands.record(writer, container, made, live_view(store, container))
        found: list[str] = []
        store.db.set_trace_callback(found.append)
        with writing(store, ADA) as writer:
            gone = commands.record(writer, container, [delete(b"d")], view_at(store, container, version))
        back = list(leading(store, container, gone, version))
        with writing(store, ADA) as writer:
            last = commands.record(writer, container, back, view_at(store, container, gone))
        store.db.set_trace_callback(None)
        view = view_at(store, container, last)
        assert all((entry := view.lookup(path)) is not None and entry.is_dir for path in paths)
        return len(found)


def test_what_comes_back_costs_so_much_a_directory(tmp_path: Path) -> None:
    few, many = (looked_up(tmp_path, depth) for depth in DEPTHS)
    assert many / few < 1.3 * DEPTHS[1] / DEPTHS[0]
