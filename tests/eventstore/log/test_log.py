"""The log: append-only, one order, versions without gaps, one intent all or nothing."""

import sqlite3
import stat
import time
from collections.abc import Callable
from typing import Any

import pytest

from eventstore.errors import ConcurrencyError, ConflictError, NotFoundError
from eventstore.log.log import Context, header
from eventstore.log.schema_1 import APPEND_ONLY
from eventstore.model.changes import Change, attributes, delete, link, move, put
from eventstore.model.events import Kind, Node, event_bytes
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from tests.conftest import ADA

FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


def container(store: Store, name: str = "web") -> str:
    with writing(store, ADA) as writer:
        return commands.create_container(writer, name, None)


def record(store: Store, web: str, *changes: Change, **how: Any) -> int:
    with writing(store, ADA) as writer:
        return commands.record(writer, web, changes, live_view(store, web), **how)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid", "UPDATE {} SET {} = {}"])
def test_no_row_is_ever_changed_or_removed(store: Store, table: str, statement: str) -> None:
    record(store, container(store), put(b"a", FILE), key="once")
    with writing(store, ADA) as writer:
        commands.create_container(writer, "second", None)
    column = store.db.execute(f"SELECT name FROM pragma_table_info('{table}') LIMIT 1").fetchone()[0]
    before = store.db.execute(f"SELECT * FROM {table}").fetchall()
    assert before
    sql = statement.format(table, *[column] * 2)
    with pytest.raises(sqlite3.DatabaseError, match=f"append-only: {table} rows are never changed or removed|no such column: rowid"):
        store.db.execute(sql)
    assert store.db.execute(f"SELECT * FROM {table}").fetchall() == before


def test_an_expected_version(store: Store) -> None:
    web = container(store)
    assert record(store, web, put(b"a", FILE), expected=1) == 2
    with pytest.raises(ConcurrencyError, match=f"container {web[:12]} moved from version 1 to 2 meanwhile; look again and repeat"):
        record(store, web, put(b"b", FILE), expected=1)
    assert store.log.existing("container", web).version == 2


def test_a_tag_that_moved(store: Store) -> None:
    with writing(store, ADA) as writer:
        commands.move_tag(writer, "docker.io/library/app:1", "1" * 64)
        with pytest.raises(ConflictError, match="names 111111111111 and not 222222222222"):
            commands.move_tag(writer, "docker.io/library/app:1", "3" * 64, expected="2" * 64)


def test_an_idempotency_key_counts_once_for_ever(store: Store, open_store: Callable[[], Store]) -> None:
    web = container(store)
    record(store, web, put(b"a", FILE), key="upload-1")
    with pytest.raises(ConcurrencyError, match="the idempotency key 'upload-1' was used before; its changeset stands"):
        record(open_store(), web, put(b"b", FILE), key="upload-1")
    assert store.log.existing("container", web).version == 2


def test_a_name_is_free_or_it_is_not(store: Store) -> None:
    container(store)
    with writing(store, ADA) as writer, pytest.raises(ConflictError, match="the name 'web' is in use by container"):
        commands.create_container(writer, "web", None)


def test_all_or_nothing(store: Store) -> None:
    """A change that the rules refuse takes its whole intent along, and what joined the same transaction."""
    web, head = container(store), store.log.head()
    with pytest.raises(NotFoundError, match="no such path: /none"):
        record(store, web, put(b"a", FILE), delete(b"none"))
    assert store.log.head() == head
    with writing(store, ADA) as writer, pytest.raises(ConflictError), writer.transaction():
        commands.record(writer, web, [put(b"a", FILE)], live_view(store, web))
        commands.create_container(writer, "web", None)
    assert store.log.head() == head
    assert store.log.path_id(b"a") is None


def test_an_empty_changeset_leaves_no_trace(store: Store) -> None:
    web, before = container(store), store.log.head()._replace(changesets=2, position=2)
    with writing(store, ADA) as writer:
        commands.record(writer, web, [], live_view(store, web))
        with writer.transaction():
            pass
    assert store.log.head() == before


def test_time_never_goes_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is by position; a clock that is set back shows in `wall` alone."""
    web = container(store)
    first = store.db.execute("SELECT time, wall FROM changeset ORDER BY number DESC LIMIT 1").fetchone()
    ahead = first[0] + 3600 * 10**9
    with monkeypatch.context() as clock:
        clock.setattr(time, "time_ns", lambda: ahead)
        record(store, web, put(b"a", FILE))
    record(store, web, put(b"b", FILE))
    last = store.db.execute("SELECT time, wall FROM changeset ORDER BY number DESC LIMIT 1").fetchone()
    assert last[0] == ahead > last[1]


def test_a_context_is_stored_once(store: Store) -> None:
    web = container(store)
    for number in range(5):
        record(store, web, put(b"%d" % number, FILE))
    assert store.db.execute("SELECT count(*) FROM context").fetchone()[0] == 1
    with writing(store, Context(ADA.actor, ADA.command, author="Eve")) as writer:
        commands.rename_container(writer, web, "other")
    assert store.db.execute("SELECT count(*) FROM context").fetchone()[0] == 2


def test_derived_columns(store: Store) -> None:
    """What the appender derives beside the stored bytes; FORMAT.md, "Derived columns"."""
    web = container(store)
    with writing(store, ADA) as writer:
        content = writer.content.put(b"x")
        commands.record(
            writer, web,
            [put(b"d", DIRECTORY), put(b"d/f", FILE, size=1, content=content), link(b"l", b"d/f"), move(b"l", b"m"),
             put(b"l", FILE), attributes(b"m", FILE, uid=1, gid=1, mtime=1), delete(b"d")],
            live_view(store, web),
        )  # fmt: skip
        commit = commands.commit(writer, web, parent=None)
    rows = store.db.execute(
        "SELECT k.name, e.position, node, source, effect, fresh, e.id FROM event e JOIN kind k ON k.id = e.kind WHERE stream = ? "
        "ORDER BY version", (store.log.existing("container", web).id,),
    ).fetchall()  # fmt: skip
    file, linked = rows[2][1], store.log.path_id(b"l")
    assert [(row[0], *row[2:]) for row in rows] == [
        ("ContainerCreated", None, None, None, None, None),
        ("FileWritten", None, None, 0, 1, None),
        ("FileWritten", None, None, 1, 1, None),
        ("LinkMade", file, None, 1, 1, None),
        ("PathMoved", None, linked, 1, 1, None),
        ("FileWritten", None, None, 1, None, None),
        ("AttributesChanged", file, None, 2, None, None),
        ("PathDeleted", None, None, 1, None, None),
        ("Committed", None, None, None, None, commit),
    ]


def test_the_bytes_of_an_event_are_specified() -> None:
    assert event_bytes(b"web", 7, Kind.LINK_MADE, b"a/b", Node(420, 1, 2, -3, 4, target=b"c d")) == b"3:web 7 2 420 1 2 -3 4 3:a/b 0: 3:c d 0:"


def test_the_header_is_specified(store: Store) -> None:
    container(store)
    changeset = store.log.changeset(1)
    body = ADA.body
    assert header(changeset, b"", body).decode() == (
        f"layerlog changeset 1\nnumber 1\nfirst 1\nevents 1\ntime {changeset.time}\nwall {changeset.wall}\nprevious \n"
        f"root {changeset.root.hex()}\ncontext {body}\n"
    )
