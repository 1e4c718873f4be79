"""Where something occurs, as rows, for tables and JSON."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from cli.display.formats import listed, short_id, shown_exactly, shown_stated
from cli.display.output import Column
from cli.report.rows import sent_row, sent_text
from eventstore.index import names
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.retention.reachability import erased
from projections.audit.occurrences import Document, PathOccurrence
from projections.history import commits
from projections.refs import containers, tags
from projections.refs.tags import shown_names

_UNTIL = "until "


def _status_here(status: str) -> str:
    """Return a row's status with its time as the user wants times."""
    before, until, rest = status.partition(_UNTIL)
    when, comma, more = rest.partition(",")
    return f"{before}{until}{shown_stated(when)}{comma}{more}" if until else status


COLUMNS = (
    Column("where", "WHERE"),
    Column("path", "PATH", lambda path: shown(path) if isinstance(path, bytes) else str(path)),
    Column("since", "SINCE", shown_stated, shown_exactly),
    Column("status", "STATUS", _status_here),
    Column("images", "IMAGES", lambda images: listed(list(map(_image_text, images)), 3)),
    Column("sent", "SENT", sent_text),
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
    return f"{_UNTIL}{rfc3339(occurrence.ended.time)[:19]}Z" if occurrence.ended else "there now"


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
