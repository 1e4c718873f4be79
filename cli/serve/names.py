"""Names: what a repository's name and a reference stand for.

A repository is asked for by its full name (quay.io/team/app), or without its registry (team/app, app) where that is clear;
Docker Hub's and localhost's come first, as everywhere in layerlog.  A container is a repository under its name and its id.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cli.serve.answers import RefusedError, manifest_unknown, name_unknown
from eventstore.errors import InvalidError
from eventstore.index import names as pointers
from eventstore.index import seals
from eventstore.index.moments import position_at, version_at
from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind
from eventstore.model.facts import Departure, Seal
from eventstore.model.spelling import MAX_NAME, PART, TAG
from eventstore.model.times import from_rfc3339
from projections.images import images
from projections.images.images import Image
from projections.refs.tags import familiar, spellings

_NAME = re.compile(rf"(?:{PART}|[a-zA-Z0-9][a-zA-Z0-9_.-]*)(?:/{PART})*", re.ASCII)
_TAG = re.compile(TAG, re.ASCII)
_CONTAINER_ID = re.compile(r"[0-9a-f]{12,64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_VERSION = re.compile(r"v([1-9]\d{0,17})", re.ASCII)
_TIME = re.compile(r"t(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)

Repositories = Mapping[str, Mapping[str, str]]
"""Full name of a repository -> tag -> image id."""


class Repository(NamedTuple):
    """What is served as *name*: `tags` (tag -> image id) and, where it is a container's name or id too, that.

    `unclear` are tags that several registries' repositories of this name have for several images, with those repositories.
    """

    name: str
    tags: Mapping[str, str]
    unclear: Mapping[str, list[str]]
    container: str | None


class Names:
    """*points* says whether containers are served as they were after each of their events, too."""

    def __init__(self, *, points: bool) -> None:
        self._points = points
        self._seen: tuple[int, Repositories] = (-1, {})

    def catalog(self, log: Log) -> list[str]:
        """Return the name of each repository by which it is surely meant: as Docker shows it, or its full name."""
        found = (familiar(f"{full}:")[0] for full in self._repositories(log))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def repository(self, log: Log, name: str) -> Repository:
        """Return what is served as *name*; raise RefusedError where nothing is, or no name is so spelled."""
        if len(name) > MAX_NAME or not _NAME.fullmatch(name):
            raise RefusedError(400, "NAME_INVALID", "that is no repository's name: lower-case letters, digits, . _ - and /")
        known = self._repositories(log)
        first = list(dict.fromkeys(full.rpartition(":")[0] for full in spellings(name)))
        others = [full for full in known if full not in first and full.partition("/")[2] == name]
        tags: dict[str, str] = {}
        for full in first:
            tags = {**known.get(full, {}), **tags}
        clear, unclear = _joined(known, others)
        container = _container(log, name)
        if not (container or others or any(full in known for full in first)):
            raise name_unknown(name)
        return Repository(name, clear | tags, {tag: where for tag, where in unclear.items() if tag not in tags}, container)

    def image(self, log: Log, repository: Repository, reference: str) -> Image:
        """Return the image, or the point of a container, that a tag stands for; RefusedError where it stands for none.

        A real tag comes first, then a commit's id (7 digits or more) and a point; the `latest` of a container that has no
        such tag is its last commit.
        """
        if not _TAG.fullmatch(reference):
            raise manifest_unknown("that is no tag: letters, digits, . _ and -, at most 128")
        if reference in repository.unclear:
            where = ", ".join(repository.unclear[reference])
            raise manifest_unknown(f"{repository.name}:{reference} is in several registries, so ask for one of {where}")
        found = repository.tags.get(reference) or _commit(log, repository, reference)
        image = images.get(log, found) if found else self._point(log, repository, reference)
        if image is None:
            raise manifest_unknown(f"{repository.name} has no tag, commit or point {reference}")
        if image.removed:
            raise manifest_unknown(f"{repository.name}:{reference} was removed from the store")
        return image

    def _point(self, log: Log, repository: Repository, reference: str) -> Image | None:
        container = repository.container
        if container is None or not self._points:
            return None
        latest = log.existing("container", container)
        version = _version(log, latest.id, reference)
        return images.at(log, container, version) if 1 <= version <= latest.version else None

    def _repositories(self, log: Log) -> Repositories:
        """Ask the log once for each of its states: every request needs this."""
        head = log.head().changesets
        seen = self._seen
        if seen[0] != head:
            found: dict[str, dict[str, str]] = {}
            for full, image in pointers.current_tags(log):
                repository, _, tag = full.rpartition(":")
                found.setdefault(repository, {})[tag] = image
            self._seen = seen = (head, found)
        return seen[1]


def tagged(log: Log, repository: Repository) -> Iterator[Image]:
    """Yield the images that the repository's tags name."""
    for image in dict.fromkeys(repository.tags.values()):
        found = images.get(log, image)
        if not found.removed:
            yield found


def holds(log: Log, repository: Repository, image: Image) -> bool:
    """Whether *image* may be had through the repository: a tag names it, or a commit made on it, or it is the container's."""
    if image.id and images.get(log, image.id).removed:
        return False
    if image.id and image.id in repository.tags.values():
        return True
    if image.seal is not None and log.stream_of(image.seal.stream).name == repository.container:
        return True
    return bool(image.id) and image.id in _behind(log, repository)


def referrers(log: Log, repository: Repository) -> Iterator[Event]:
    """Yield what is kept about the images that may be had through the repository: O(all kept)."""
    for event in log.of_kind(Kind.REFERRER_KEPT):
        if holds(log, repository, images.get(log, log.stream_of(event.stream).name)):
            yield event


def left_as(log: Log, manifest: bytes) -> Image | None:
    """Return what came in, or ever left the store, with the manifest of this digest: O(arrivals and departures)."""
    for kind in (*ARRIVALS, *DEPARTURES):
        for event in log.of_kind(kind):
            if event.content == manifest:
                point = Departure.of(event).point
                return images.of_point(log, point) if point else images.get(log, log.stream_of(event.stream).name)
    return None


def _joined(known: Repositories, others: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the tags of several repositories that are one by their name, and which tags are not clear, and where those are."""
    found: dict[str, dict[str, str]] = {}
    for full in others:
        for tag, image in known[full].items():
            found.setdefault(tag, {})[full] = image
    unclear = {tag: sorted(by_name) for tag, by_name in found.items() if len(set(by_name.values())) > 1}
    return {tag: next(iter(by_name.values())) for tag, by_name in found.items() if tag not in unclear}, unclear


def _container(log: Log, name: str) -> str | None:
    """Return the live container that *name* names, or whose id is or begins so."""
    named = pointers.container_named(log, name)
    if named is not None or not _CONTAINER_ID.fullmatch(name):
        return named
    found = log.beginning("container", name)
    if len(found) != 1 or pointers.is_removed(log, log.existing("container", found[0]).id):
        return None
    return found[0]


def _commit(log: Log, repository: Repository, reference: str) -> str | None:
    """Return the image of the repository whose id is or begins so, or, of a container's `latest`, its last commit."""
    if reference == "latest" and repository.container:
        seal = log.latest(Kind.COMMITTED, log.existing("container", repository.container).id)
        return seal.commit if seal else None
    if not _COMMIT.fullmatch(reference):
        return None
    ids = {image for image in repository.tags.values() if image.startswith(reference)}
    ids |= {image for image in seals.beginning(log, reference) if holds(log, repository, images.get(log, image))}
    if len(ids) > 1:
        raise manifest_unknown(f"{reference} begins the ids of {len(ids)} images of {repository.name}; give more digits")
    return next(iter(ids), None)


def _behind(log: Log, repository: Repository) -> set[str]:
    """Return the commits on which those were made that the repository's tags name."""
    found: set[str] = set()
    for image in repository.tags.values():
        seal = log.seal(image)
        while seal is not None and (parent := Seal.of(seal).parent) and parent not in found:
            found.add(parent)
            seal = log.seal(parent)
    return found


def _version(log: Log, stream: int, reference: str) -> int:
    """Return the version of a container that a point is, 0 for what is none."""
    if match := _VERSION.fullmatch(reference):
        return int(match[1])
    if (match := _TIME.fullmatch(reference)) is None:
        return 0
    year, month, day, hour, minute, second = match.groups()
    try:
        return version_at(log, stream, position_at(log, from_rfc3339(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")))
    except InvalidError as error:
        raise manifest_unknown(str(error)) from None
