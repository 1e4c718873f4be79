"""Questions in SQL, as whoever reads the log makes them up: to the views, and nothing can be changed by one."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from eventstore.errors import InvalidError
from eventstore.log.log import Log
from eventstore.model.paths import shown


class Answer(NamedTuple):
    """The `names` of the columns, and the rows, which are read as they are asked for."""

    names: list[str]
    rows: Iterator[tuple[Any, ...]]


def ask(log: Log, query: str, values: Sequence[str] = ()) -> Answer:
    """Return what a query answers; InvalidError where it is wrong, or wants to change something.

    From then on the connection of *log* reads alone.
    """
    from sqlite_utils import Database  # noqa: PLC0415 - 70 ms, for who asks alone

    log.db.execute("PRAGMA query_only = ON")
    log.db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    try:
        found = Database(log.db).execute(query, values)
        if found.description is None:
            raise InvalidError("the query answers nothing; begin it with SELECT")
        return Answer([column[0] for column in found.description], _read(found))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _refusal(error) from None


def _read(found: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
    try:
        yield from found
    except sqlite3.Error as error:
        raise _refusal(error) from None


def _refusal(error: Exception) -> InvalidError:
    return InvalidError(f"the query fails: {shown(str(error))}; `layerlog sql` lists the views and columns")


def views(log: Log) -> Iterator[tuple[str, list[str]]]:
    """Yield each view and its columns, by name."""
    from sqlite_utils import Database  # noqa: PLC0415

    for name in sorted(Database(log.db).view_names()):
        yield name, [column[0] for column in log.db.execute(f"SELECT * FROM [{name}] LIMIT 0").description]
