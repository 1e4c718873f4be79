"""Which images `images` is asked for: `--filter KEY=VALUE` and a pattern."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from typing import NamedTuple

from cli.options import filters
from cli.options.filters import Key
from cli.session.session import Session
from eventstore.errors import NotFoundError
from eventstore.model.events import Event
from eventstore.model.facts import ImageBase
from eventstore.model.paths import shown
from projections.history import derivation
from projections.images import images, run_config
from projections.images.images import Image
from projections.refs import tags, targets
from projections.refs.targets import Target
from projections.tree import lineage


class Named(NamedTuple):
    """An image under one of its full names, or under none."""

    image: Image
    name: str | None


Wanted = Callable[[Named], bool]


def wanted(s: Session, given: Sequence[str], pattern: str | None) -> Wanted:
    """Return what `--filter KEY=VALUE` and the pattern of the command line ask for; raise InvalidError."""
    accepts, matches = filters.wanted(s, given, KEYS), _matching(pattern) if pattern else None
    return lambda row: accepts(row) and (matches is None or matches(row.name))


def standing_on(s: Session, image: str) -> Callable[[Target], bool]:
    """Return what tells what was made from *image*, or from an image that was: Docker's rule for containers; what was made
    anew, too, of what was.
    """
    seal = images.get(s.log, image).seal

    def stands(target: Target) -> bool:
        return any(map(stands_as_it_is, derivation.ever(s.log, target)))

    def stands_as_it_is(target: Target) -> bool:
        if seal is None:
            return targets.bottom(s.log, target) == ImageBase(image)
        below = islice(targets.containers_under(s.log, target), 1, None)
        return any(stream == seal.stream and version >= seal.version for stream, version in below)

    return stands


def _dangling(_s: Session, value: str) -> Wanted | None:
    return (lambda row: (row.name is None) is (value == "true")) if value in ("true", "false") else None


def _called(_s: Session, pattern: str) -> Wanted:
    like = _matching(pattern)
    return lambda row: like(row.name)


def _made_from(s: Session, ref: str) -> Wanted:
    """Images that stand on all of *ref*'s layers: a later commit of the same container, too, and one made elsewhere."""
    image = s.image(ref)
    seal, stands = images.get(s.log, image).seal, standing_on(s, image)
    layers = lineage.layers_of(s.log, image) if seal is None else []

    def made(row: Named) -> bool:
        other = row.image
        if other.id == image:
            return False
        if other.seal is None and seal is None:
            return lineage.layers_of(s.log, other.id)[: len(layers)] == layers
        return _is_later(other.seal, seal) or stands(targets.of_image(s.log, other.id, other.id))

    return made


def _is_later(seal: Event | None, other: Event | None) -> bool:
    """Whether *seal* is a later one of the same container."""
    return seal is not None and other is not None and seal.stream == other.stream and seal.version > other.version


def _labelled(s: Session, label: str) -> Wanted:
    """Docker's NAME or NAME=VALUE."""
    name, equals, value = label.partition("=")

    def labelled(row: Named) -> bool:
        target = targets.of_image(s.log, row.image.id, row.image.id)
        labels = run_config.run_config(s.log, s.store.content, target).get("Labels")
        return isinstance(labels, dict) and name in labels and (not equals or labels[name] == value)

    return labelled


def _before(s: Session, ref: str) -> Wanted:
    limit = images.get(s.log, s.image(ref)).position
    return lambda row: row.image.position < limit


def _since(s: Session, ref: str) -> Wanted:
    limit = images.get(s.log, s.image(ref)).position
    return lambda row: row.image.position > limit


KEYS: dict[str, Key[Named]] = {
    "dangling": Key("true|false", _dangling),
    "reference": Key("IMAGE|PATTERN", _called),
    "label": Key("NAME[=VALUE]", _labelled),
    "ancestor": Key("IMAGE", _made_from),
    "before": Key("IMAGE", _before),
    "since": Key("IMAGE", _since),
}


def _matching(pattern: str) -> Callable[[str | None], bool]:
    """Docker's pattern for REPOSITORY or REPOSITORY:TAG; what is below localhost/ answers to its short name too."""

    def matches(full: str | None) -> bool:
        if full is None:
            return False
        repository, tag = tags.familiar(full)
        spellings = (repository, repository.removeprefix("localhost/"))
        return any(_fits(text, pattern) for name in spellings for text in (name, f"{name}:{tag}"))

    return matches


def tagged(s: Session, globs: Sequence[str]) -> frozenset[str]:
    """Return the ids of the images of which a name, as `_matching` has it, or its tag alone is as one of *globs* says; of one
    with a colon the wildcards stand for slashes, too, so that '*:1.4' leaves no image out.

    Raise NotFoundError for a glob that no tag is like.
    """
    found = set[str]()
    for glob in globs:
        like = _matching(glob)
        images = {
            image
            for image, names in tags.current(s.log).items()
            if any(like(name) or _fits(tags.familiar(name)[1], glob) or _fits_anywhere(name, glob) for name in names)
        }
        if not images:
            raise NotFoundError(f"no image has a tag like {shown(glob)!r} now; `layerlog images` lists those there are")
        found |= images
    return frozenset(found)


def _fits_anywhere(full: str, glob: str) -> bool:
    return ":" in glob and fnmatchcase(":".join(tags.familiar(full)), glob.replace("[^", "[!"))


def _fits(name: str, pattern: str) -> bool:
    """Whether *pattern* matches the whole name; none of its wildcards stands for a slash."""
    parts, patterns = name.split("/"), pattern.replace("[^", "[!").split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def named(s: Session, found: Iterable[Image], accepts: Wanted) -> list[Named]:
    """Return *found* once for each of its names, once where it has none, as far as *accepts* says."""
    names = tags.current(s.log)
    rows = (Named(image, name) for image in found for name in names.get(image.id, [None]))
    return [row for row in rows if accepts(row)]
