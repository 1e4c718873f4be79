"""`sql`: questions of one's own to the log's views."""

import csv
import json
import sqlite3
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import click

from cli.display.output import Column, Shape, listing
from cli.session.session import session
from eventstore.errors import InvalidError
from eventstore.model.paths import shown

EXAMPLE = "select time, author, path from event_log where path glob '/etc/*'"
_MODES = ("table", "json", "nl", "csv")


@click.command(epilog="The views and their columns are in eventstore/FORMAT.md; `layerlog sql` alone lists them.")
@click.argument("query", required=False)
@click.argument("values", nargs=-1, metavar="[VALUE]...")
@click.option("--table", "mode", flag_value="table", help="As a table.  [default]")
@click.option("--json", "mode", flag_value="json", help="As one JSON array.")
@click.option("--nl", "mode", flag_value="nl", help="As JSON, an object a line.")
@click.option("--csv", "mode", flag_value="csv", help="As CSV, with a line of names.")
def sql(query: str | None, values: tuple[str, ...], mode: str | None) -> None:
    r"""Ask the log in SQL: of events, commits, containers, images, tags and who did what. Nothing can be changed.

    Values take the places of ? in the query. Without a query, the views and their columns are listed.

    \b
      layerlog sql "select time, author, path from event_log where path glob '/etc/*'"
      layerlog sql --csv "select author, count(*) from commits group by author"
      layerlog sql --nl "select * from tag_moves where tag like ?" '%/web:%'
    """
    import sqlite_utils

    with session() as s:
        database = sqlite_utils.Database(s.store.db)
        s.store.db.execute("PRAGMA query_only = ON")
        s.store.db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        try:
            if query is None:
                _print(_views(database), ["view", "columns"], mode or "table")
                return
            found = database.execute(query, values)
            if found.description is None:
                raise InvalidError("the query answers nothing; begin it with SELECT")
            names = [column[0] for column in found.description]
            _print((dict(zip(names, row, strict=True)) for row in found), names, mode or "table")
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise InvalidError(f"the query fails: {shown(str(error))}; `layerlog sql` lists the views and columns") from None


def _views(database: Any) -> Iterator[dict[str, Any]]:
    for name in sorted(database.view_names()):
        columns = database.execute(f"select * from [{name}] limit 0").description
        yield {"view": name, "columns": ", ".join(column[0] for column in columns)}


def _print(rows: Any, names: list[str], mode: str) -> None:
    if mode == "table":
        columns = [Column(name, name.upper(), _cell) for name in names]
        listing(Shape(), rows, columns, "")
    elif mode == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(map(_plain, row.values()) for row in rows)
    elif mode == "nl":
        for row in rows:
            print(json.dumps(_ready(row)))
    else:
        print("[", end="")
        for number, row in enumerate(rows):
            print(",\n " * bool(number) + json.dumps(_ready(row)), end="")
        print("]")


def _cell(value: Any) -> str:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    return _cell(value) if isinstance(value, bytes) else value


def _ready(row: dict[str, Any]) -> dict[str, Any]:
    """As sqlite-utils writes bytes that are no text."""
    return {
        name: {"$base64": True, "encoded": b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.items()
    }
