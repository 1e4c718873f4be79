"""Deeds and groups as rows: for tables, JSON, CSV and the page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from cli.display.history_text import subject
from cli.formats import human_size, short_id, whole_seconds
from cli.output import Column
from eventstore.paths import shown
from eventstore.times import rfc3339
from projections.commits import Sent
from projections.deeds import Deed, Group, Sealed
from projections.tags import shown_names
from projections.who import actor_text

_FORMULAS = ("=", "+", "-", "@")
MESSAGE = 60


def deed_row(deed: Deed) -> dict[str, Any]:
    record = deed.record
    return {
        "time": rfc3339(record.time),
        "position": record.event.position,
        "what": deed.what,
        "id": deed.object,
        "container": deed.container,
        "author": deed.author,
        "actor": dict(record.actor),
        "command": record.command,
        "signer": deed.signer,
        **(deed.sealed._asdict() if deed.sealed else dict.fromkeys(Sealed._fields)),
        "tags": shown_names(deed.tags),
        "before": deed.before,
        "sent": [sent_row(sent) for sent in deed.sent],
        "message": deed.said,
    }


def sent_row(sent: Sent) -> dict[str, Any]:
    return {"how": sent.how, "where": sent.where, "time": rfc3339(sent.record.time), "actor": actor_text(sent.record)}


def group_row(group: Group, of: str) -> dict[str, Any]:
    key = b"/" + group.key if isinstance(group.key, bytes) else group.key
    return {
        of: key,
        "commits": group.commits,
        "events": group.events,
        "files": group.files,
        "bytes": group.bytes,
        "first": rfc3339(group.first),
        "last": rfc3339(group.last),
        "authors": list(group.authors),
    }


def actor_of(row: Mapping[str, Any]) -> str:
    actor = row["actor"]
    return f"{actor.get('login') or actor.get('uid')}@{actor.get('host')}"


def _sent(sent: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['how']} {one['where']}" for one in sent)


DEEDS = (
    Column("time", "TIME", whole_seconds, str),
    Column("what", "WHAT"),
    Column("id", "ID", short_id, str),
    Column("author", "AUTHOR (CLAIMED)"),
    Column("actor", "ACTOR (SEEN)", lambda actor: actor_of({"actor": actor})),
    Column("signer", "SIGNED BY"),
    Column("events", "EVENTS"),
    Column("files", "FILES"),
    Column("bytes", "SIZE", human_size),
    Column("tags", "TAGS", ", ".join),
    Column("sent", "SENT", _sent),
    Column("message", "MESSAGE", lambda message: subject(message, MESSAGE), str),
)


def group_columns(of: str) -> tuple[Column, ...]:
    return (
        Column(of, of.upper()),
        Column("commits", "COMMITS"),
        Column("events", "EVENTS"),
        Column("files", "FILES"),
        Column("bytes", "SIZE", human_size),
        Column("first", "FIRST", whole_seconds, str),
        Column("last", "LAST", whole_seconds, str),
        Column("authors", "AUTHORS", lambda authors: ", ".join(name or "nobody named" for name in authors)),
    )


def write_csv(out: TextIO, rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> None:
    """Write *rows* as RFC 4180 has it, each on one line; a cell that a spreadsheet would compute begins with a quote."""
    import csv

    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.key for column in columns])
    for row in rows:
        writer.writerow([_cell(row[column.key], column) for column in columns])


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    text = shown(value if isinstance(value, str | bytes) else str(value) if isinstance(value, int) else column.to_text(value))
    return f"'{text}" if text.startswith(_FORMULAS) else text
