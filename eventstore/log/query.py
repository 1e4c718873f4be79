"""Questions in SQL, as whoever reads the log makes them up: to the views, and nothing can be changed by one."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from eventstore.errors import InvalidError
from eventstore.log.log import Log
from eventstore.log.schema_4 import EVENT_LOG_BY_PATH
from eventstore.model.paths import shown

_COMPARES_PATHS = re.compile(r"""\bpath["\]`]?\s*(?:[=<>]|(?:not\s+)?(?:like|glob|in|between)\b)""", re.IGNORECASE)


class Answer(NamedTuple):
    """The `names` of the columns, and the rows, which are read as they are asked for."""

    names: list[str]
    rows: Iterator[tuple[Any, ...]]


def ask(log: Log, query: str, values: Sequence[str] = ()) -> Answer:
    """Return what a query answers; InvalidError where it is wrong, or wants to change something.

    From then on the connection of *log* reads alone.
    """
    from sqlite_utils import Database  # noqa: PLC0415 - 70 ms, for who asks alone

    if _COMPARES_PATHS.search(query):
        _start_from_paths(log.db)
    log.db.execute("PRAGMA query_only = ON")
    log.db.set_progress_handler(lambda: 0, 100_000)  # Python hears of ^C where it is called alone
    log.db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    try:
        found = Database(log.db).execute(query, values)
        if found.description is None:
            raise InvalidError("the query answers nothing; begin it with SELECT")
        return Answer(_apart([column[0] for column in found.description]), _read(found))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _refusal(error) from None


def _start_from_paths(db: sqlite3.Connection) -> None:
    """Let `event_log` of this connection begin with the paths: the same rows, by a plan that SQLite cannot find itself."""
    db.execute("PRAGMA query_only = OFF")
    db.execute("DROP VIEW IF EXISTS temp.event_log")
    db.execute(f"CREATE TEMP VIEW event_log AS {EVENT_LOG_BY_PATH}")


def _read(found: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
    try:
        yield from found
    except sqlite3.Error as error:
        raise _refusal(error) from None


def _apart(names: list[str]) -> list[str]:
    """Return *names* with `_2` and so on behind those that stand there already, so that no column hides another."""
    found: list[str] = []
    for name in names:
        again = (f"{name}_{n}" for n in count(2))
        found.append(name if name not in found else next(other for other in again if other not in {*names, *found}))
    return found


def _refusal(error: Exception) -> InvalidError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        stopped = KeyboardInterrupt()
        stopped.add_note("the query was stopped")
        raise stopped
    return InvalidError(f"the query fails: {shown(str(error))}; `layerlog sql` lists the views and columns")


def views(log: Log) -> Iterator[tuple[str, list[str]]]:
    """Yield each view and its columns, by name."""
    from sqlite_utils import Database  # noqa: PLC0415

    for name in sorted(Database(log.db).view_names()):
        yield name, [column[0] for column in log.db.execute(f"SELECT * FROM [{name}] LIMIT 0").description]
