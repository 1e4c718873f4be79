"""The chain and the tree, checked as they are written, for logs of many shapes; single edits: cli/commands/store/test_verify.py."""

import random
import stat

import pytest

from eventstore.integrity import chain, derived_columns
from eventstore.integrity.findings import Finding
from eventstore.log import merkle
from eventstore.log.log import header
from eventstore.model.changes import put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.audit.proofs import stored_bytes
from projections.refs.containers import live_view
from tests.conftest import ADA

FILE = stat.S_IFREG | 0o644


def filled(store: Store, *sizes: int) -> None:
    """Append one changeset of each of these numbers of events."""
    with writing(store, ADA) as writer:
        web = commands.create_container(writer, "web", None)
        for size in sizes:
            commands.record(writer, web, [put(b"f%d" % number, FILE, mtime=number) for number in range(size)], live_view(store, web))


def checked(store: Store) -> list[Finding]:
    return list(chain.check(store.log, lambda _: None))


@pytest.mark.parametrize("sizes", [(), (1,), (1, 2, 3, 4, 5, 6, 7, 8, 9), (5000,), (4095, 4096, 4097, 1), (9000, 3)])
def test_a_log_of_any_shape_holds(store: Store, sizes: tuple[int, ...]) -> None:
    filled(store, *sizes)
    passed: list[int] = []
    assert list(chain.check(store.log, passed.append)) == []
    assert sum(passed) == store.log.head().position
    assert list(derived_columns.check(store.log)) == []


def test_every_hash_is_what_the_specification_says(store: Store) -> None:
    """Computed here from FORMAT.md's sentences, one event at a time."""
    filled(store, 3, 1, 10)
    previous, leaves = b"", []
    for row in store.db.execute("SELECT * FROM changeset ORDER BY number").fetchall():
        changeset = store.log.changeset(row[1])
        events = [merkle.leaf_hash(data) for data in stored_bytes(store.log, row[1], row[1] + row[2] - 1)]
        assert merkle.root_of(events) == changeset.root
        assert merkle.leaf_hash(header(changeset, previous, ADA.body)) == changeset.hash
        leaves.append(previous := changeset.hash)
    assert store.log.tree_head(len(leaves)) == merkle.root_of(leaves)
    assert [store.log.tree_head(size) for size in range(1, 6)] == [merkle.root_of(leaves[:size]) for size in range(1, 6)]


@pytest.mark.damages
@pytest.mark.parametrize("seed", range(25))
def test_any_change_of_any_stored_field_is_found(store: Store, seed: int) -> None:
    """A field of a row that the chain covers, drawn by chance, set to another value."""
    draw = random.Random(seed)
    filled(store, 3, 1, 10, 4)
    for (trigger,) in store.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        store.db.execute(f"DROP TRIGGER {trigger}")
    table, key, columns = draw.choice([
        ("event", "position", ("version", "kind", "mode", "uid", "gid", "mtime", "size", "content", "target", "detail", "stream", "path", "id")),
        ("changeset", "number", ("number", "first", "events", "time", "wall", "root", "hash", "context")),
        ("path", "id", ("name",)), ("stream", "id", ("name",)), ("context", "id", ("body",)), ("tree_node", "level", ("hash",)),
    ])  # fmt: skip
    column = draw.choice(columns)
    rows = store.db.execute(f"SELECT {key}, {column} FROM {table} WHERE {key} > {int(table == 'path')}").fetchall()
    number, old = draw.choice(rows)
    new = {int: 1000 + (old if isinstance(old, int) else 0), bytes: b"other" * 4, str: "other", type(None): {"detail": "other", "path": 1}.get(column, b"other")}[type(old)]
    store.db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, number))
    assert checked(store), (table, column, number, old, new)
