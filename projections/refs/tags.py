"""Tags: image names by Docker's rules (`tomcat` means docker.io/library/tomcat:latest), and which images have them."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.index import names
from eventstore.log.log import Log
from eventstore.model.paths import shown
from eventstore.model.spelling import DOMAIN, HUB, MAX_NAME, PART, TAG, check_tag, is_domain, is_id

# Compiled when an image is named: who names a container waits for none of it.
_NAME = (
    rf"(?P<name>(?:{DOMAIN}/)?{PART}(?:/{PART})*)(?::(?P<tag>{TAG}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)


class ImageName(NamedTuple):
    """A full name: `repository` has its domain; `digest` is "sha256:..." or None."""

    repository: str
    tag: str
    digest: str | None

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def image_name(text: str) -> ImageName:
    """Return what *text* means by Docker's normalisation rules; raise InvalidError outside its grammar, and for an id."""
    if is_id(text):
        raise InvalidError(f"{text!r} is an id, and no image's name")
    match = re.fullmatch(_NAME, text, re.ASCII)
    if match is None:
        scheme, mark, _ = text.partition("://")
        hint = "; repository names are lower case" if text != text.lower() else ""
        hint = f"; leave out {shown(scheme[:20])}://" if mark else hint
        raise InvalidError(f"{shown(text[:200])!r} is not an image name (name[:tag][@sha256:...]){hint}")
    name = match["name"]
    domain, _, rest = name.partition("/")
    if not rest or not is_domain(domain):
        domain, rest = HUB, name
    if domain in (HUB, "index.docker.io"):
        domain, rest = HUB, rest if "/" in rest else f"library/{rest}"
    if rest != rest.lower():
        raise InvalidError(f"{shown(text[:200])!r}: repository names are lower case")
    if len(domain) + 1 + len(rest) > MAX_NAME:
        raise InvalidError(f"{shown(text[:40])!r}... is not an image name: over {MAX_NAME} characters with its registry")
    return ImageName(f"{domain}/{rest}", match["tag"] or "latest", match["digest"])


def new_name(text: str) -> str:
    """Return the full name that an image is to be given; raise InvalidError where it cannot be given."""
    found = image_name(text)
    if found.digest is not None:
        raise InvalidError(f"{shown(text)!r} holds a digest, which nobody chooses; leave it out")
    return check_tag(str(found))


def local(name: ImageName) -> ImageName:
    """Return localhost/NAME for a name that was written without a domain: where podman keeps what was built here."""
    return name._replace(repository="localhost/" + name.repository.removeprefix(f"{HUB}/library/").removeprefix(f"{HUB}/"))


def spellings(text: str) -> tuple[str, ...]:
    """Return the full names that *text* can mean, the first one that is a tag counts; () outside the grammar."""
    try:
        name = image_name(text)
    except InvalidError:
        return ()
    return str(name), str(local(name))


def beginnings(text: str) -> tuple[str, ...]:
    """Return how the full names begin that a name that begins with *text* can mean, whether or not that is a name yet."""
    return (f"{HUB}/library/{text}", f"{HUB}/{text}", f"localhost/{text}", text) if text else (text,)


def archive_name(text: str, *, hub: bool) -> str:
    """Return the full name for one found in an archive; InvalidError as `new_name`.

    One without a domain is Docker Hub's where *hub* (RepoTags, which Docker writes so), else localhost/NAME (an OCI
    layout's ref.name), as podman has it.
    """
    found = image_name(text)
    short = found.repository.startswith(f"{HUB}/") and not text.startswith((f"{HUB}/", f"index.{HUB}/"))
    return check_tag(str(local(found) if short and not hub else found))


def familiar(full: str) -> tuple[str, str]:
    """Return (repository, tag) of a full name as Docker shows them."""
    repository, _, tag = full.rpartition(":")
    return repository.removeprefix(f"{HUB}/library/").removeprefix(f"{HUB}/"), tag


# -- which an image has


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
