"""What an auditor asks for, as rows: actions and groups, and where something occurs; for tables, JSON, CSV and the page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, TextIO

from cli.display.formats import human_size, listed, short_id, whole_seconds
from cli.display.history import subject
from cli.display.output import Column
from eventstore.index import names
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.retention.reachability import erased
from projections.audit.actions import Action, Group, Sealed
from projections.audit.movements import Movement
from projections.audit.occurrences import Document, PathOccurrence
from projections.events.records import actor_text
from projections.history import commits
from projections.history.commits import Sent
from projections.refs import containers, tags
from projections.refs.tags import shown_names

_FORMULAS = ("=", "+", "-", "@")
MESSAGE = 60


def action_row(action: Action) -> dict[str, Any]:
    record = action.record
    return {
        "time": rfc3339(record.time),
        "position": record.event.position,
        "what": action.what,
        "id": action.object,
        "container": action.container,
        "author": action.author,
        "actor": dict(record.actor),
        "command": record.command,
        "signer": action.signer,
        **(action.sealed._asdict() if action.sealed else dict.fromkeys(Sealed._fields)),
        "tags": shown_names(action.tags),
        "before": action.before,
        "sent": [sent_row(sent) for sent in action.sent],
        "message": action.said,
    }


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


def _sent(sent: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['how']} {one['where']}" for one in sent)


_ACTOR = Column("actor", "ACTOR (SEEN)", lambda actor: f"{actor.get('login') or actor.get('uid')}@{actor.get('host')}")
ACTIONS = (
    Column("time", "TIME", whole_seconds, str),
    Column("what", "WHAT"),
    Column("id", "ID", short_id, str),
    Column("author", "AUTHOR (CLAIMED)"),
    _ACTOR,
    Column("signer", "SIGNED BY"),
    Column("events", "EVENTS"),
    Column("files", "FILES"),
    Column("bytes", "SIZE", human_size),
    Column("tags", "TAGS", ", ".join),
    Column("sent", "SENT", _sent),
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
    Column("time", "TIME", whole_seconds, str),
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
        Column("first", "FIRST", whole_seconds, str),
        Column("last", "LAST", whole_seconds, str),
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
    text = shown(value if isinstance(value, str | bytes) else str(value) if isinstance(value, int) else column.to_text(value))
    return f"'{text}" if text.startswith(_FORMULAS) else text


COLUMNS = (
    Column("where", "WHERE"),
    Column("path", "PATH", lambda path: shown(path) if isinstance(path, bytes) else str(path)),
    Column("since", "SINCE", whole_seconds, str),
    Column("status", "STATUS"),
    Column("images", "IMAGES", lambda images: listed(list(map(_image_text, images)), 3)),
    Column("sent", "SENT", _sent),
)


class Rows:
    """Makes rows of what was found; what containers and images are called, and where images went, is looked up once."""

    def __init__(self, log: Log) -> None:
        self._name = cache(partial(_name, log))
        self._images = cache(partial(_images, cache(partial(_image_row, log))))
        self._erased = erased(log)

    def of_occurrence(self, occurrence: PathOccurrence) -> dict[str, Any]:
        ended, gone = occurrence.ended, self._erased.get(occurrence.content or b"")
        return {
            "kind": occurrence.kind,
            "id": occurrence.id,
            "where": self._name(occurrence.kind, occurrence.id),
            "path": b"/" + occurrence.path,
            "content": named(occurrence.content) if occurrence.content else None,
            "shown": occurrence.shown,
            "from_version": occurrence.first if occurrence.kind == "container" and occurrence.shown else None,
            "since": rfc3339(occurrence.since.time) if occurrence.since else None,
            "until": rfc3339(ended.time) if ended else None,
            "until_position": ended.event.position if ended else None,
            "status": _status(occurrence) + (", but erased" if gone else ""),
            "erased": gone,
            **self._images(occurrence.images),
        }

    def of_document(self, document: Document) -> dict[str, Any]:
        return {
            "kind": document.kind,
            "id": document.id,
            "where": self._name(document.kind, document.id),
            "path": None,
            "since": rfc3339(document.record.time),
            "status": "in its config or manifest" if document.kind == "image" else "in its config",
            **self._images(document.images),
        }


def _status(occurrence: PathOccurrence) -> str:
    if not occurrence.shown:
        return "hidden in a lower layer"
    return f"until {whole_seconds(rfc3339(occurrence.ended.time))}" if occurrence.ended else "there now"


def _images(row: Callable[[str], dict[str, Any]], images: tuple[str, ...]) -> dict[str, Any]:
    rows = [row(image) for image in images]
    return {"images": rows, "sent": [sent for row in rows for sent in row["sent"]]}


def _image_text(image: dict[str, Any]) -> str:
    return image["tags"][0] if image["tags"] else short_id(image["id"])


def _image_row(log: Log, image: str) -> dict[str, Any]:
    sent = [sent_row(one) for one in commits.sent(log, image)]
    ever, now = names.tags_ever(log, image), tags.now(log, image)
    return {"id": image, "tags": shown_names(now), "tags_ever": shown_names(ever), "sent": sent}


def _name(log: Log, kind: str, identity: str) -> str:
    if kind == "image":
        return ", ".join(shown_names(tags.now(log, identity))) or short_id(identity)
    container = containers.get(log, identity)
    return f"{container.name} (removed)" if container.removed else container.name
