"""Pointers: what a container's name and a tag mean now, and what they ever meant."""

import json
from collections.abc import Iterable, Iterator

from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.spelling import is_id

_NAME = "json_extract(detail, '$.name')"
_LAST = "e.version = (SELECT max(version) FROM event WHERE stream = s.id)"
_NAMING = f"({Kind.CONTAINER_CREATED:d}, {Kind.CONTAINER_RENAMED:d})"


def container_named(log: Log, name: str) -> str | None:
    """Return the id of the live container that bears *name* now: index look-ups over those that ever did."""
    return next((c for stream, c in bearers(log, name) if name_of(log, stream) == name and not is_removed(log, stream)), None)


def bearers(log: Log, name: str) -> list[tuple[int, str]]:
    """Return (stream, id) of every container that ever bore *name*, the one that got it last first."""
    if is_id(name) or any("\ud800" <= c <= "\udfff" for c in name):  # an id, or no text: nobody's name
        return []
    return log.db.execute(
        "SELECT s.id, s.name FROM event e JOIN stream s ON s.id = e.stream WHERE json_extract(e.detail, '$.name') = ? "
        f"AND e.path IS NULL AND e.kind IN {_NAMING} GROUP BY e.stream ORDER BY max(e.position) DESC",
        (name,),
    ).fetchall()


def containers_called(log: Log, begun: str, *, removed: bool, most: int) -> list[tuple[str, str]]:
    """Return (name, id) of the containers that are there, or of the *removed* ones, whose name begins so, by name: index
    look-ups for *most* of the names that there ever were of those.
    """
    begins = f"{_NAME} BETWEEN ?1 AND ?1 || char(0x10ffff)"
    naming = f"FROM event WHERE path IS NULL AND kind IN {_NAMING}"
    named = f"SELECT stream, {_NAME} AS name {naming} AND {begins} ORDER BY {_NAME} LIMIT ?2"
    last_name = f"SELECT {_NAME} {naming} AND stream = s.id ORDER BY version DESC LIMIT 1"
    last = "coalesce((SELECT max(version) FROM event WHERE path IS NULL AND kind = {:d} AND stream = s.id), 0)"
    gone = f"{last.format(Kind.CONTAINER_REMOVED)} > {last.format(Kind.CONTAINER_RESTORED)}"
    return log.db.execute(
        f"SELECT DISTINCT n.name, s.name FROM ({named}) n JOIN stream s ON s.id = n.stream "
        f"WHERE n.name = ({last_name}) AND ({gone}) = ?3 ORDER BY n.name",
        (begun, most, removed),
    ).fetchall()


def name_of(log: Log, stream: int, upto: int = 2**62) -> str:
    """Return what a container was called when its version *upto* was done, else what it is called now, or was last."""
    named = log.latest(Kind.CONTAINER_RENAMED, stream, upto) or log.latest(Kind.CONTAINER_CREATED, stream)
    assert named is not None
    return str(named.stated["name"])


def is_removed(log: Log, stream: int) -> bool:
    """Whether a container was removed and not brought back."""
    removed = log.latest(Kind.CONTAINER_REMOVED, stream)
    if removed is None:
        return False
    restored = log.latest(Kind.CONTAINER_RESTORED, stream)
    return restored is None or restored.version < removed.version


def tag_target(log: Log, tag: str) -> str | None:
    """Return the image id that *tag* (a full name) has now, or None."""
    row = log.db.execute(
        "SELECT e.kind, json_extract(e.detail, '$.image') FROM event e JOIN stream s ON s.id = e.stream "
        "WHERE s.kind = 'tag' AND s.name = ? ORDER BY e.version DESC LIMIT 1",
        (tag,),
    ).fetchone()
    return str(row[1]) if row and row[0] == Kind.TAG_MOVED else None


def current_tags(log: Log, begun: str = "") -> Iterator[tuple[str, str]]:
    """Yield (full name, image id) of every tag that begins so and names an image now, by name: O(such there ever were),
    streaming.
    """
    return log.db.execute(
        f"SELECT s.name, json_extract(e.detail, '$.image') FROM stream s JOIN event e ON e.stream = s.id AND {_LAST} "
        f"WHERE s.kind = 'tag' AND s.name BETWEEN ?1 AND ?1 || char(0x10ffff) AND e.kind = {Kind.TAG_MOVED:d} ORDER BY s.name",
        (begun,),
    )


def deleted_tags(log: Log) -> Iterator[tuple[str, str]]:
    """Yield (full name, image id that it named last) of every tag that names nothing now, the latest first: O(deletions)."""
    return log.db.execute(
        "SELECT s.name, json_extract(e.detail, '$.old') FROM event e JOIN stream s ON s.id = e.stream "
        f"WHERE e.path IS NULL AND e.kind = {Kind.TAG_DELETED:d} AND {_LAST} ORDER BY e.stream DESC"
    )


def tags_ever(log: Log, image: str) -> list[str]:
    """Return the full names that an image was ever given, sorted: index look-ups for those.

    The hint: `event_kind` would do too, and reads every move of every tag.
    """
    return log.column(
        "SELECT DISTINCT s.name FROM event e INDEXED BY event_tag_image JOIN stream s ON s.id = e.stream "
        f"WHERE e.path IS NULL AND e.kind = {Kind.TAG_MOVED:d} AND json_extract(e.detail, '$.image') = ? ORDER BY s.name",
        (image,),
    )


def tags_of(log: Log, images: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (image id, full name) of those of *images* that a tag's last event moved it to, by name.

    Index look-ups over the names that each ever had: by CROSS JOIN from the images to those, never through all tags.
    """
    return log.db.execute(
        "SELECT i.value, s.name FROM json_each(?) i CROSS JOIN event e INDEXED BY event_tag_image "
        f"ON e.path IS NULL AND e.kind = {Kind.TAG_MOVED:d} AND json_extract(e.detail, '$.image') = i.value "
        "JOIN stream s ON s.id = e.stream WHERE e.version = (SELECT max(version) FROM event WHERE stream = e.stream) "
        "ORDER BY s.name",
        (json.dumps(list(images)),),
    )
