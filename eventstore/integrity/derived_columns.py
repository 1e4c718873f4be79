"""What log.db holds beside the truth: derived columns, path spellings, and the schema that protects the rows."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from eventstore.disk import folder
from eventstore.integrity.findings import Finding, of_event
from eventstore.log.log import Log
from eventstore.log.migrations import KINDS, migrate
from eventstore.log.schema import version
from eventstore.model.events import Kind
from eventstore.model.paths import shown_name

MOST = 1000
_REPAIR = "`layerlog repair` makes it anew where its tables' rows are whole"
_CONTAINERS = "(SELECT id FROM stream WHERE kind = 'container')"
_LAYERS = "(SELECT id FROM stream WHERE kind = 'layer')"
_FIRST = "(SELECT min(f.position) FROM event f WHERE f.fresh = 1 AND f.stream = event.stream AND f.path = event.path)"

# column -> the condition under which it is not what the appender derives; FORMAT.md, "Derived columns"
_WRONG = {
    "effect": """effect IS NOT CASE WHEN kind IN (1, 7) THEN (mode & 61440) <> 16384 WHEN kind IN (2, 4, 5) THEN 1
        WHEN kind = 3 THEN 2 WHEN kind = 6 THEN 3 END""",
    "source": "(source IS NOT NULL) <> (kind = 4)",
    "node": f"""CASE WHEN kind NOT IN (2, 3) THEN node IS NOT NULL
        WHEN kind = 2 AND stream IN {_LAYERS} THEN 0
        ELSE node IS NULL OR node >= position OR (node = 0 AND kind = 2) OR (node <> 0 AND NOT EXISTS (
            SELECT 1 FROM event n WHERE n.position = event.node AND n.kind IN (1, 7))) END""",
    "fresh": f"""CASE WHEN path IS NULL OR stream NOT IN {_CONTAINERS} THEN fresh IS NOT NULL
        WHEN fresh = 1 THEN {_FIRST} <> position ELSE coalesce({_FIRST} > position, 1) END""",
}


def check(log: Log) -> Iterator[Finding]:
    """Yield what is wrong with columns and rows that the log's truth does not need: O(events).

    `node` of a container's events is checked for what it can be; what it must be, replaying alone tells.
    """
    yield from _columns(log)
    yield from _layer_links(log)
    yield from _paths(log)


def _columns(log: Log) -> Iterator[Finding]:
    conditions = " OR ".join(f"({wrong})" for wrong in _WRONG.values())
    which = ", ".join(f"({wrong}) AS {column}" for column, wrong in _WRONG.items())
    for position, *wrong in log.db.execute(f"SELECT position, {which} FROM event WHERE {conditions} LIMIT {MOST}"):
        for column, is_wrong in zip(_WRONG, wrong, strict=True):
            if is_wrong:
                yield index_finding(position, column)


def index_finding(position: int, column: str) -> Finding:
    return of_event(position, f"its index column {column} is not what the appender derives; look-ups may be wrong", "index")


def _layer_links(log: Log) -> Iterator[Finding]:
    """A link in a layer names the node that its target is in the same layer, if it is there."""
    links = f"SELECT position, stream, target, node FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream IN {_LAYERS}"
    for position, stream, target, node in log.db.execute(links).fetchall():
        if node != layer_node(log, stream, target or b""):
            yield index_finding(position, "node")


def layer_node(log: Log, stream: int, target: bytes) -> int | None:
    """Return the position of the event by which a layer states the node *target*, or None."""
    return log.number(
        f"SELECT max(position) FROM event WHERE path = ? AND effect IN (0, 1) AND stream = ? AND kind = {Kind.FILE_WRITTEN:d}",
        (log.path_id(target), stream),
    )


def _paths(log: Log) -> Iterator[Finding]:
    loose = "SELECT id FROM path p WHERE id <> 1 AND (parent >= id OR NOT EXISTS (SELECT 1 FROM path q WHERE q.id = p.parent))"
    for (path,) in log.db.execute(f"{loose} LIMIT {MOST}"):
        yield Finding("index", f"path {path}", "its parent is missing, so all events about it and below it are unreadable")
    for path, name, shown in log.db.execute("SELECT id, name, shown FROM path WHERE shown IS NOT NULL"):
        if shown != shown_name(name):
            yield Finding("index", f"path {path}", "its column shown is not how its name is shown")


def pages(log: Log) -> Iterator[Finding]:
    """Yield what SQLite's own check of the file says."""
    try:
        for (said,) in log.db.execute("PRAGMA integrity_check(20)"):
            if said != "ok":
                yield Finding("schema", "log.db", f"SQLite finds: {said}; {_REPAIR}")
    except sqlite3.DatabaseError as error:
        yield Finding("schema", "log.db", f"SQLite cannot check it to the end: {error}; {_REPAIR}")


def schema(log: Log) -> Iterator[Finding]:
    """Compare tables, indexes, triggers, views and the titles of kinds with those of the store's own schema."""
    there = _objects(log.db)
    for name, expected in _objects_of(version(log.db)).items():
        if there.get(name) != expected:
            problem = "was changed" if name in there else "is missing"
            if name not in there or expected.type == "view":
                problem += "; `layerlog repair` makes it anew"
            yield Finding("schema", f"{expected.type} {name}", problem)
    path = os.path.dirname(log.db.execute("PRAGMA database_list").fetchone()[2])
    if why := path and os.access(path, os.W_OK) and folder.unusual_journal(path):  # who only reads needs no WAL
        yield Finding("schema", "log.db", f"is a log{why}: readers and writers wait for each other")
    titles = dict(log.db.execute("SELECT id, name FROM kind"))
    for kind in KINDS[version(log.db)]:
        if titles.get(kind) != kind.title:
            yield Finding("schema", f"kind {kind:d}", f"its title, which the views show, is not {kind.title}")


def expected_objects(number: int) -> dict[str, str]:
    """Return name -> SQL of every table, index, trigger and view of a store of schema *number*."""
    return {name: found.sql for name, found in _objects_of(number).items() if found.sql is not None}


class _Object(NamedTuple):
    type: str
    table: str
    sql: str | None


def _objects_of(number: int) -> dict[str, _Object]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, to=number)
        return _objects(fresh)


def _objects(db: sqlite3.Connection) -> dict[str, _Object]:
    return {name: _Object(*row) for name, *row in db.execute("SELECT name, type, tbl_name, sql FROM sqlite_master")}
