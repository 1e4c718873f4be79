"""`stat`: all that is known of a path, and the event that made it what it is."""

from typing import Any

import click

from cli.display.entries import entry_row
from cli.display.formats import device_string, shown_exactly, shown_stated
from cli.display.output import Row, json_line, plain
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.session.session import Session, session
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events.records import Record, Records
from projections.events.rows import event_row, placed
from projections.refs.points import Points
from projections.tree.symlinks import follow, require


@click.command()
@click.argument("places", metavar="REF[@POINT][:PATH]...", nargs=-1, required=True, shell_complete=completion.paths)
@click.option("-L", "--dereference", is_flag=True, help="What a symbolic link leads to, not the link.")
@date_option()
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
def stat(places: tuple[str, ...], *, dereference: bool, output_format: str) -> None:
    """Show all attributes of a path, the digest of its content, and the event that made it what it is: who and when."""
    with session() as s:
        rows = [_stat(s, place, dereference=dereference) for place in places]
        for number, row in enumerate(rows):
            print(json_line(row)) if output_format == "json" else _print(s, row, first=not number)


def _stat(s: Session, place: str, *, dereference: bool) -> dict[str, Any]:
    view, path = s.view_of(place)
    entry = require(view, follow(view, path, last=dereference))
    erased = view.content.erased(entry.content) if entry.content else None
    origin = Records(s.log).at(entry.origin) if entry.origin else None  # there is none of the root of scratch
    return {
        "ref": place, **entry_row(entry), "node": entry.node, "origin": origin and _origin(origin),
        "erased": erased and event_row(Records(s.log).at(erased)),
    }  # fmt: skip


def _origin(record: Record) -> dict[str, Any]:
    return {
        "event": record.title,
        "position": record.event.position,
        "stream": f"{record.kind} {record.name}",
        "version": record.event.version,
        "time": rfc3339(record.time),
        "author": record.author,
        "actor": dict(record.actor),
        "command": record.command,
        "known": record.known,
    }


def _print(s: Session, row: Row, *, first: bool) -> None:
    lines = {
        "Path": row["path"], "Type": row["type"], "Mode": row["mode"], "Owner": f"{row['uid']}:{row['gid']}",
        "Size": row["size"], "Modified": shown_exactly(row["mtime"]), "Content": row["digest"], "Target": row["target"],
        "Erased": row["erased"] and _erased(row["erased"]),
        "Device": row["device"] and device_string(tuple(row["device"])), "Node": row["node"],
        **{f"Xattr {plain(xattr['name'])}": xattr["value"] for xattr in row["xattrs"]},
    }  # fmt: skip
    origin = row["origin"]
    if origin:
        lines |= {
            "Event": f"{origin['event']}, {placed(Records(s.log).at(origin['position']), Points(s.log))}",
            "When": shown_stated(origin["time"]), "Who": _who(origin), "Command": " ".join(origin["command"]),
        }  # fmt: skip
    if not first:
        print()
    for label, value in lines.items():
        if value is not None:
            print(f"{shown(label) + ':':<10} {shown(plain(value))}")


def _erased(event: Row) -> str:
    return f"{shown_stated(event['time'])} by event {event['position']}, {_who(event)}: {event['detail']['reason']}"


def _who(origin: Row) -> str:
    seen = f"{origin['actor'].get('login')}@{origin['actor'].get('host')} ({origin['known']})"
    return f"{origin['author']}, seen as {seen}" if origin["author"] else seen
