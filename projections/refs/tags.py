"""Tags: which names an image has, and ever had."""

from collections.abc import Iterable, Sequence

from eventstore.index import names
from eventstore.log.log import Log
from projections.refs.image_names import familiar, spellings


def current(log: Log) -> dict[str, list[str]]:
    """Return image id -> the full names it has now, sorted: O(names there ever were)."""
    found: dict[str, list[str]] = {}
    for name, image in names.current_tags(log):
        found.setdefault(image, []).append(name)
    return found


def of_repository(log: Log, text: str) -> dict[str, str]:
    """Return full name -> image id of all tags of the repository that *text* is; {} where it has a tag, or is none.

    Of a repository and that below localhost/ the one counts in which *text* names an image, else the first that has any.
    """
    if ":" in text.rpartition("/")[2]:
        return {}
    named = dict(names.current_tags(log))
    for full in sorted(spellings(text), key=lambda name: name not in named):
        found = {name: image for name, image in named.items() if name.rpartition(":")[0] == full.rpartition(":")[0]}
        if found:
            return dict(sorted(found.items()))
    return {}


def now(log: Log, image: str) -> list[str]:
    """Return the full names that the image has, sorted: index look-ups over those it ever had."""
    return of(log, [image]).get(image, [])


def of(log: Log, images: Iterable[str]) -> dict[str, list[str]]:
    """As `now`, of each of *images* that has any: those that a tag's last event moved it to."""
    found: dict[str, list[str]] = {}
    for image, name in names.tags_of(log, images):
        found.setdefault(image, []).append(name)
    return found


def shown_names(full: Sequence[str]) -> list[str]:
    """Return full names as Docker shows them."""
    return [":".join(familiar(name)) for name in full]
