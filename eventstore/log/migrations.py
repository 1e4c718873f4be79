"""log.db through its schemas, one module a released one: what creates it, and the steps between them, by sqlite-utils."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from eventstore.log import schema_1, schema_2, schema_3, schema_4
from eventstore.log.schema import SCHEMA
from eventstore.log.schema_3 import INDEX
from eventstore.model.events import Kind

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

KINDS = {1: schema_1.KINDS, 2: schema_2.KINDS, 3: schema_3.KINDS, 4: schema_4.KINDS}
"""The kinds of event that stores of a schema know by name."""
VIEWS = {1: schema_1.VIEWS, 2: schema_2.VIEWS, 3: schema_3.VIEWS, 4: schema_4.VIEWS}


def migrate(db: sqlite3.Connection, to: int = SCHEMA) -> None:
    """Bring *db* to schema *to*, each step in one transaction with its record; does nothing where it is there already."""
    import sqlite_utils  # noqa: PLC0415 - 70 ms, needed at a store's birth and once a schema

    for (name,) in db.execute("SELECT name FROM temp.sqlite_master WHERE type = 'view'").fetchall():
        db.execute(f"DROP VIEW temp.{name}")
    _steps().apply(sqlite_utils.Database(db), stop_before=None if to == SCHEMA else f"schema_{to + 1}")


def _steps() -> "Migrations":
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415

    steps = Migrations("layerlog")

    @steps()
    def schema_1(database: "Database") -> None:
        _create(database)

    @steps()
    def schema_2(database: "Database") -> None:
        _upgrade(database, 2, VIEWS[2])

    @steps()
    def schema_3(database: "Database") -> None:
        database.execute(INDEX)
        _upgrade(database, 3, VIEWS[3])

    @steps()
    def schema_4(database: "Database") -> None:
        _upgrade(database, 4, VIEWS[4])

    return steps


def _create(database: "Database") -> None:
    for statement in schema_1.TABLES.split(";\n"):
        if statement.strip():
            database.execute(statement)
    for table in schema_1.APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            database.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'append-only: {table} rows are never changed or removed'); END"
            )
    _settle(database, 1, KINDS[1], VIEWS[1])


def _upgrade(database: "Database", number: int, views: Mapping[str, str]) -> None:
    _settle(database, number, [kind for kind in KINDS[number] if kind not in KINDS[number - 1]], views)


def _settle(database: "Database", number: int, added: Iterable[Kind], views: Mapping[str, str]) -> None:
    database.table("kind").insert_all({"id": int(kind), "name": kind.title} for kind in added)
    for name, select in views.items():
        database.create_view(name, select, replace=True)
    database.execute(f"PRAGMA user_version = {number}")


def add_temporary_views(db: sqlite3.Connection) -> None:
    """Give a connection to an older store today's views, for itself alone: what it reads is shown as a new store shows it."""
    for name, select in VIEWS[SCHEMA].items():
        db.execute(f"CREATE TEMP VIEW IF NOT EXISTS {name} AS {select}")
