"""Tags: which names an image has, and ever had."""

import json
from collections.abc import Iterable, Sequence

from eventstore.log.log import Log
from eventstore.model.events import Kind
from projections.refs.image_names import familiar, spellings


def current(log: Log) -> dict[str, list[str]]:
    """Return image id -> the full names it has now, sorted: O(names there ever were)."""
    rows = log.db.execute(
        "SELECT s.name, json_extract(e.detail, '$.image') FROM stream s "
        "JOIN event e ON e.stream = s.id AND e.version = (SELECT max(version) FROM event WHERE stream = s.id) "
        "WHERE s.kind = 'tag' AND e.kind = ? ORDER BY s.name",
        (Kind.TAG_MOVED,),
    )
    found: dict[str, list[str]] = {}
    for name, image in rows:
        found.setdefault(image, []).append(name)
    return found


def of_repository(log: Log, text: str) -> dict[str, str]:
    """Return full name -> image id of all tags of the repository that *text* is; {} where it has a tag, or is none.

    Of a repository and that below localhost/ the one counts in which *text* names an image, else the first that has any.
    """
    if ":" in text.rpartition("/")[2]:
        return {}
    named = {name: image for image, names in current(log).items() for name in names}
    for full in sorted(spellings(text), key=lambda name: name not in named):
        found = {name: image for name, image in named.items() if name.rpartition(":")[0] == full.rpartition(":")[0]}
        if found:
            return dict(sorted(found.items()))
    return {}


def ever(log: Log, image: str) -> list[str]:
    """Return the full names that the image was ever given, sorted."""
    rows = log.db.execute(
        "SELECT DISTINCT s.name FROM event e INDEXED BY event_tag_image JOIN stream s ON s.id = e.stream "
        f"WHERE e.path IS NULL AND e.kind = {Kind.TAG_MOVED:d} AND json_extract(e.detail, '$.image') = ? ORDER BY s.name",
        (image,),
    )
    return [row[0] for row in rows]


def now(log: Log, image: str) -> list[str]:
    """Return the full names that the image has, sorted: index look-ups over those it ever had."""
    return of(log, [image]).get(image, [])


def of(log: Log, images: Iterable[str]) -> dict[str, list[str]]:
    """As `now`, of each of *images* that has any: those that a tag's last event moved it to."""
    rows = log.db.execute(
        "SELECT i.value, s.name FROM json_each(?) i CROSS JOIN event e INDEXED BY event_tag_image "
        f"ON e.path IS NULL AND e.kind = {Kind.TAG_MOVED:d} AND json_extract(e.detail, '$.image') = i.value "
        "JOIN stream s ON s.id = e.stream WHERE e.version = (SELECT max(version) FROM event WHERE stream = e.stream) "
        "ORDER BY s.name",
        (json.dumps(list(images)),),
    )
    found: dict[str, list[str]] = {}
    for image, name in rows:
        found.setdefault(image, []).append(name)
    return found


def shown_names(names: Sequence[str]) -> list[str]:
    """Return full names as Docker shows them."""
    return [":".join(familiar(name)) for name in names]
