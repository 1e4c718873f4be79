"""Who did what, as rows: actions, groups and movements; for tables, JSON and CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TextIO

from cli.display.formats import human_size, short_id, shown_exactly, shown_stated, subject
from cli.display.output import Column
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.audit.actions import Action, Group, Sealed
from projections.audit.movements import Movement
from projections.events.records import actor_text
from projections.history.commits import Sent
from projections.refs.tags import shown_names

_FORMULAS = ("=", "+", "-", "@")
STREAM = "-"
"""Where something came from by standard input, or went to standard output: nothing that is computed."""
MESSAGE = 60
DIGITS = 64
"""Of an image's whole id, which no name may look like."""


def action_row(action: Action) -> dict[str, Any]:
    record, held = action.record, action.sealed or action.came
    return {
        "time": rfc3339(record.time),
        "position": record.event.position,
        "what": action.what,
        "id": action.object,
        "container": action.container,
        "name": action.name,
        "author": action.author,
        "actor": dict(record.actor),
        "command": record.command,
        "signer": action.signer,
        **(held._asdict() if held else dict.fromkeys(Sealed._fields)),
        "tags": shown_names(action.tags),
        "before": action.before,
        "sent": [sent_row(sent) for sent in action.sent],
        "message": action.said,
        "tags_now": shown_names(action.tags_now) if action.what == "commit" else None,
    }


def erased_together(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows for people: of the contents that one command erased, or brought back, all in one."""

    def command(row: dict[str, Any]) -> object:
        return (row["what"], row["time"], row["command"]) if row["what"] in ("erase", "readmit") else row["position"]

    for _, same in groupby(rows, command):
        first, *more = same
        many = {"id": None, "message": f"{1 + len(more)} contents: {first['message']}"}
        yield first | (many if more else {})


def sent_row(sent: Sent) -> dict[str, Any]:
    return {"how": sent.how, "where": sent.where, "time": rfc3339(sent.record.time), "actor": actor_text(sent.record)}


def group_row(group: Group, of: str) -> dict[str, Any]:
    return {
        of: b"/" + group.key if isinstance(group.key, bytes) else group.key,
        "commits": group.commits,
        "events": group.events,
        "files": group.files,
        "bytes": group.bytes,
        "first": rfc3339(group.first),
        "last": rfc3339(group.last),
        "authors": list(group.authors),
    }


def sent_text(sent: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['how']} {one['where']}" for one in sent)


def shown_before(before: str) -> str:
    """Return what a tag named before, or what a container was called."""
    return short_id(before) if len(before) == DIGITS else before


_ACTOR = Column("actor", "ACTOR (SEEN)", lambda actor: f"{actor.get('login') or actor.get('uid')}@{actor.get('host')}")
ACTIONS = (
    Column("time", "TIME", shown_stated, shown_exactly),
    Column("what", "WHAT"),
    Column("id", "ID", short_id, str),
    Column("name", "CONTAINER"),
    Column("author", "AUTHOR (CLAIMED)"),
    _ACTOR,
    Column("signer", "SIGNED BY"),
    Column("events", "EVENTS"),
    Column("files", "FILES"),
    Column("bytes", "SIZE", human_size),
    Column("tags", "TAGS (EVER)", ", ".join),
    Column("before", "BEFORE", shown_before, str),
    Column("sent", "SENT", sent_text),
    Column("message", "MESSAGE", lambda message: subject(message, MESSAGE), str),
)


def movement_row(movement: Movement) -> dict[str, Any]:
    record = movement.record
    return {
        "time": rfc3339(record.time),
        "position": record.event.position,
        "what": movement.what,
        "image": movement.image,
        "names": shown_names(movement.names),
        "place": movement.place,
        "digest": movement.manifest and f"sha256:{movement.manifest}",
        "point": movement.point or None,
        "author": record.author,
        "actor": dict(record.actor),
        "command": record.command,
    }


MOVEMENTS = (
    Column("time", "TIME", shown_stated, shown_exactly),
    Column("what", "WHAT"),
    Column("image", "IMAGE", short_id, str),
    Column("names", "NAMES", ", ".join),
    Column("place", "WHERE"),
    Column("digest", "MANIFEST", short_id, str),
    _ACTOR,
    Column("author", "AUTHOR (CLAIMED)"),
)


def group_columns(of: str) -> tuple[Column, ...]:
    return (
        Column(of, of.upper()),
        Column("commits", "COMMITS"),
        Column("events", "EVENTS"),
        Column("files", "FILES"),
        Column("bytes", "SIZE", human_size),
        Column("first", "FIRST", shown_stated, shown_exactly),
        Column("last", "LAST", shown_stated, shown_exactly),
        Column("authors", "AUTHORS", lambda authors: ", ".join(name or "nobody named" for name in authors)),
    )


def write_csv(out: TextIO, rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> None:
    """Write *rows* as RFC 4180 has it, each on one line; a cell that a spreadsheet would compute begins with a quote."""
    import csv

    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.key for column in columns])
    writer.writerows([_cell(row[column.key], column) for column in columns] for row in rows)


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    said = value if isinstance(value, str | bytes) else str(value) if isinstance(value, int) else column.to_text(value)
    text = ", ".join(map(shown, said)) if isinstance(said, list) else shown(said)
    return f"'{text}" if text.startswith(_FORMULAS) and text != STREAM else text
