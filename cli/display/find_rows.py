"""What `find` found as rows."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from cli.display.audit_rows import sent_row
from cli.formats import listed, short_id, whole_seconds
from cli.output import Column
from eventstore.digests import named
from eventstore.log import Log
from eventstore.needed import erased
from eventstore.paths import shown
from eventstore.times import rfc3339
from projections import commits, containers, tags
from projections.holdings import Document, Holding
from projections.tags import shown_names

COLUMNS = (
    Column("where", "WHERE"),
    Column("path", "PATH", lambda path: shown(path) if isinstance(path, bytes) else str(path)),
    Column("since", "SINCE", whole_seconds, str),
    Column("status", "STATUS"),
    Column("images", "IMAGES", lambda images: listed([_image_text(image) for image in images], 3)),
    Column("sent", "SENT", lambda sent: ", ".join(f"{one['how']} {one['where']}" for one in sent)),
)


class Rows:
    """Makes rows of what was found; what containers and images are called, and where images went, is looked up once."""

    def __init__(self, log: Log) -> None:
        self._name = cache(partial(_name, log))
        self._images = cache(partial(_images, cache(partial(_image_row, log))))
        self._erased = erased(log.db)

    def of_holding(self, holding: Holding) -> dict[str, Any]:
        ended, gone = holding.ended, self._erased.get(holding.content or b"")
        row = {
            "kind": holding.kind,
            "id": holding.id,
            "where": self._name(holding.kind, holding.id),
            "path": b"/" + holding.path,
            "content": named(holding.content) if holding.content else None,
            "shown": holding.shown,
            "from_version": holding.first if holding.kind == "container" and holding.shown else None,
            "since": rfc3339(holding.since.time) if holding.since else None,
            "until": rfc3339(ended.time) if ended else None,
            "until_position": ended.event.position if ended else None,
            "status": _status(holding) + (", but erased" if gone else ""),
            "erased": gone,
        }
        return row | self._images(holding.images)

    def of_document(self, document: Document) -> dict[str, Any]:
        what = "its config or manifest" if document.kind == "image" else "its config"
        row = {
            "kind": document.kind,
            "id": document.id,
            "where": self._name(document.kind, document.id),
            "path": None,
            "since": rfc3339(document.record.time),
            "status": f"in {what}",
        }
        return row | self._images(document.images)


def _status(holding: Holding) -> str:
    if not holding.shown:
        return "hidden in a lower layer"
    if holding.ended is None:
        return "there now"
    return f"until {whole_seconds(rfc3339(holding.ended.time))}"


def _images(row: Callable[[str], dict[str, Any]], images: tuple[str, ...]) -> dict[str, Any]:
    rows = [row(image) for image in images]
    return {"images": rows, "sent": [sent for row in rows for sent in row["sent"]]}


def _image_row(log: Log, image: str) -> dict[str, Any]:
    sent = [sent_row(one) for one in commits.sent(log, image)]
    ever, now = tags.ever(log, image), tags.now(log, image)
    return {"id": image, "tags": shown_names(now), "tags_ever": shown_names(ever), "sent": sent}


def _name(log: Log, kind: str, identity: str) -> str:
    if kind == "image":
        return ", ".join(shown_names(tags.now(log, identity))) or short_id(identity)
    container = containers.get(log, identity)
    return f"{container.name} (removed)" if container.removed else container.name


def _image_text(image: dict[str, Any]) -> str:
    return image["tags"][0] if image["tags"] else short_id(image["id"])
