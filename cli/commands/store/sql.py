"""`sql`: questions of one's own to the log's views."""

import csv
import json
import sys
from base64 import b64encode
from typing import Any

import click

from cli.display.output import Column, Shape, listing
from cli.session.session import session
from eventstore.log.log import Log
from eventstore.log.query import Answer, ask, views


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
    with session() as s:
        names, rows = _views(s.log) if query is None else ask(s.log, query, values)
        _print((dict(zip(names, row, strict=True)) for row in rows), names, mode or "table")


def _views(log: Log) -> Answer:
    return Answer(["view", "columns"], ((name, ", ".join(columns)) for name, columns in views(log)))


def _print(rows: Any, names: list[str], mode: str) -> None:
    if mode == "table":
        columns = [Column(name, name.upper(), _cell, kept=True) for name in names]
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
