"""Images as rows of `images` and `history`, and which of them are asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from cli import filters
from cli.formats import ago, from_rfc3339, human_size, short_id
from cli.output import Column
from cli.session import Session
from eventstore.errors import InvalidError
from projections import image_list, images, inspection, references, run_config
from projections.image_history import Row
from projections.images import Image
from projections.names import familiar

NONE, MISSING = "<none>", "<missing>"


def age(created: str) -> str:
    """Return how long ago an RFC 3339 time was; images may say anything, or nothing."""
    try:
        return ago(from_rfc3339(created))
    except InvalidError:
        return "N/A"


def ellipsis(text: str) -> str:
    return text if len(text) <= 45 else text[:44] + "…"


COLUMNS = (
    Column("repository", "REPOSITORY"),
    Column("tag", "TAG"),
    Column("id", "IMAGE ID", short_id, str),
    Column("created", "CREATED", age),
    Column("size", "SIZE", human_size),
)
WITH_DIGESTS = (*COLUMNS[:2], Column("digest", "DIGEST"), *COLUMNS[2:])
HISTORY = (
    Column("id", "IMAGE", short_id, str),
    Column("created", "CREATED", age),
    Column("created_by", "CREATED BY", ellipsis, str),
    Column("size", "SIZE", human_size),
    Column("comment", "COMMENT"),
)


_KNOWN = "dangling=true, dangling=false, reference=PATTERN, label=NAME[=VALUE], before=IMAGE and since=IMAGE"


class Named(NamedTuple):
    """An image under one of its full names, or under none."""

    image: Image
    name: str | None


Wanted = Callable[[Named], bool]


def wanted(s: Session, given: Sequence[str], pattern: str | None) -> Wanted:
    """Return what `--filter KEY=VALUE` and the pattern of the command line ask for; raise InvalidError."""

    def make(key: str, value: str) -> Wanted | None:
        if key == "reference":
            return _matching(value)
        if key == "label":
            return _labelled(s, value)
        if key in ("before", "since"):
            limit = images.get(s.log, s.image(value)).position
            return lambda row: row.image.position < limit if key == "before" else row.image.position > limit
        if key == "dangling" and value in ("true", "false"):
            return lambda row: (row.name is None) is (value == "true")
        return None

    accepts, matches = filters.wanted(given, make, _KNOWN), _matching(pattern) if pattern else None
    return lambda row: accepts(row) and (matches is None or matches(row))


def _labelled(s: Session, label: str) -> Wanted:
    """Docker's NAME or NAME=VALUE."""
    name, equals, value = label.partition("=")

    def labelled(row: Named) -> bool:
        target = references.of_image(s.log, row.image.id, row.image.id)
        labels = run_config.run_config(s.log, s.store.content, target).get("Labels")
        return isinstance(labels, dict) and name in labels and (not equals or labels[name] == value)

    return labelled


def _matching(pattern: str) -> Wanted:
    """Docker's pattern for REPOSITORY or REPOSITORY:TAG; what is below localhost/ answers to its short name too."""

    def matches(row: Named) -> bool:
        if row.name is None:
            return False
        repository, tag = familiar(row.name)
        spellings = (repository, repository.removeprefix("localhost/"))
        return any(_fits(text, pattern) for name in spellings for text in (name, f"{name}:{tag}"))

    return matches


def _fits(name: str, pattern: str) -> bool:
    """Whether *pattern* matches the whole name; none of its wildcards stands for a slash."""
    parts, patterns = name.split("/"), pattern.replace("[^", "[!").split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def named(s: Session, found: Iterable[Image], accepts: Wanted) -> list[Named]:
    """Return *found* once for each of its names, once where it has none, as far as *accepts* says."""
    tags = images.tags(s.log)
    rows = (Named(image, name) for image in found for name in tags.get(image.id, [None]))
    return [row for row in rows if accepts(row)]


def image_rows(s: Session, rows: Sequence[Named]) -> Iterator[dict[str, Any]]:
    sizes = image_list.sizes(s.log, [row.image for row in rows])
    for image, name in rows:
        repository, tag = familiar(name) if name else (NONE, NONE)
        digests = inspection.manifest_digests(s.log, image.id)
        yield {
            "repository": repository,
            "tag": tag,
            "digest": f"sha256:{digests[0]}" if digests else NONE,
            "id": f"sha256:{image.id}",
            "created": images.created(s.log, s.store.content, image),
            "size": sizes[image.id],
        }


def history_row(row: Row) -> dict[str, Any]:
    return {
        "id": f"sha256:{row.id}" if row.id else MISSING,
        "created": row.step.created,
        "created_by": row.step.created_by,
        "size": row.size,
        "comment": row.step.comment,
        "author": row.step.author,
    }
