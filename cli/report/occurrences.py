"""Where something occurs, as rows, for tables and JSON."""

import re
import stat
from collections.abc import Callable, Container, Sequence
from functools import cache, lru_cache, partial
from typing import Any

from cli.display.formats import short_id, shown_exactly, shown_stated
from cli.display.output import Column, Ready, json_ready
from cli.report.rows import sent_row, sent_text
from eventstore.index import names
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.retention.reachability import erased
from projections.audit.occurrences import Moment, PathOccurrence
from projections.audit.path_states import State
from projections.audit.search import Document
from projections.history import commits
from projections.images import images
from projections.refs import containers, tags
from projections.refs.tags import shown_names

REMEMBERED = 1000
_REMOVED = " (removed)"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]{8}Z")


def _times_here(summary: str) -> str:
    """Return a row's summary with its times as the user wants times."""
    return _TIME.sub(lambda time: shown_stated(time[0]), summary)


COLUMNS = (
    Column("where", "WHERE"),
    Column("path", "PATH", lambda path: shown(path) if isinstance(path, bytes) else str(path)),
    Column("since", "SINCE", shown_stated, shown_exactly),
    Column("summary", "STATUS", _times_here),
    Column("images", "IMAGES", lambda images: list(map(_image_text, images))),
    Column("sent", "SENT", sent_text),
)

ATTRIBUTES = (Column("mode", "MODE"), Column("uid", "UID"), Column("gid", "GID"), Column("size", "SIZE"))
WITH_ATTRIBUTES = (*COLUMNS[:2], *ATTRIBUTES, *COLUMNS[2:])


class Rows:
    """Makes rows of what was found; what containers and images are called, and where images went, is looked up once."""

    def __init__(self, log: Log) -> None:
        self._gone = images.removed(log)
        self._of_image = cache(partial(_image_row, log, self._gone))
        self._images = cache(partial(_images, self._of_image))
        self._place = cache(partial(_place, log, self._gone))
        self._like = lru_cache(REMEMBERED)(self._occurrence)
        self._erased = erased(log)

    def of_occurrence(self, occurrence: PathOccurrence) -> dict[str, Any]:
        row = self._like(occurrence._replace(path=b"", contents=(), last=None)).copy()
        row["path"] = b"/" + occurrence.path
        if occurrence.last is not None:
            row |= attributes_row(occurrence.last)
        if occurrence.contents:
            row["content"] = named(occurrence.contents[-1])
            erased = [self._erased[content] for content in occurrence.contents if content in self._erased]
            if erased:
                but = ", but erased" if len(erased) == len(occurrence.contents) else ", but some of it erased"
                row |= {"status": row["status"] + but, "summary": row["summary"] + but}
                row["erased"] = max(erased)
        return row

    def _occurrence(self, occurrence: PathOccurrence) -> dict[str, Any]:
        ended, shown_in = occurrence.ended, occurrence.kind == "container" and occurrence.shown
        place = self._place(occurrence.kind, occurrence.id)
        status = _status(occurrence, removed=place["removed"])
        held = [self._of_image(image)["removed"] for image in occurrence.images] if occurrence.kind == "container" else []
        return {
            **place,
            "path": None,
            "mode": None,
            "uid": None,
            "gid": None,
            "size": None,
            "content": None,
            "shown": occurrence.shown,
            "from_version": occurrence.first if shown_in else None,
            "since": rfc3339(occurrence.since.time) if occurrence.since else None,
            "until": rfc3339(ended.time) if ended else None,
            "until_position": ended.position if ended else None,
            "status": status,
            "summary": _summary(occurrence, place["where"].removesuffix(_REMOVED), status, held) if held else status,
            "erased": None,
            **self._images(occurrence.images),
        }

    def of_document(self, document: Document) -> dict[str, Any]:
        status = "in its config or manifest" if document.kind == "image" else "in its config"
        return {
            **self._place(document.kind, document.id),
            "path": None,
            "since": rfc3339(document.record.time),
            "status": status,
            "summary": status,
            **self._images(document.images),
        }


def attributes_row(state: State) -> dict[str, Any]:
    return {"mode": f"{stat.S_IMODE(state.mode):04o}", "uid": state.uid, "gid": state.gid, "size": state.size}


def _place(log: Log, gone: Container[str], kind: str, identity: str) -> dict[str, Any]:
    if kind == "image":
        name, removed = ", ".join(shown_names(tags.now(log, identity))) or short_id(identity), identity in gone
    else:
        found = containers.get(log, identity)
        name, removed = found.name, found.removed
    return {"kind": kind, "id": identity, "where": name + _REMOVED if removed else name, "removed": removed}


def _status(occurrence: PathOccurrence, *, removed: bool) -> str:
    if not occurrence.shown:
        return "hidden in a lower layer"
    if occurrence.ended is not None:
        return f"until {_second(occurrence.ended)}"
    return "there when it was removed" if removed else "there now"


def _summary(occurrence: PathOccurrence, container: str, status: str, images_removed: Sequence[bool]) -> str:
    """Return a container's status as whoever asks for images reads it: of those that hold it, it is said first."""
    these = "removed images" if all(images_removed) else "these images"
    if not occurrence.shown:
        return f"{status} of {these}"
    if occurrence.ended is not None:
        return f"in {these}; gone from {container} since {_second(occurrence.ended)}"
    return status if status == "there now" else f"in {these}; there when {container} was removed"


def _second(moment: Moment) -> str:
    return f"{rfc3339(moment.time)[:19]}Z"


def _images(row: Callable[[str], dict[str, Any]], images: tuple[str, ...]) -> dict[str, Any]:
    rows = [row(image) for image in images]
    return {"images": Ready(map(json_ready, rows)), "sent": Ready(json_ready(sent) for row in rows for sent in row["sent"])}


def _image_text(image: dict[str, Any]) -> str:
    name = ", ".join(image["tags"]) or short_id(image["id"])
    return name + _REMOVED if image["removed"] else name


def _image_row(log: Log, gone: Container[str], image: str) -> dict[str, Any]:
    sent = [sent_row(one) for one in commits.sent(log, image)]
    ever, now = names.tags_ever(log, image), tags.now(log, image)
    return {"id": image, "tags": shown_names(now), "tags_ever": shown_names(ever), "removed": image in gone, "sent": sent}
