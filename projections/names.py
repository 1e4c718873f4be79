"""Image names by Docker's rules: `tomcat` means docker.io/library/tomcat:latest, and is shown as tomcat again."""

import re
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.paths import shown

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_NAME = re.compile(
    rf"(?P<name>(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?",
    re.ASCII,
)
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)
MAX_NAME = 255
HUB = "docker.io"


class ImageName(NamedTuple):
    """A full name: `repository` has its domain; `digest` is "sha256:..." or None."""

    repository: str
    tag: str
    digest: str | None

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def image_name(text: str) -> ImageName:
    """Return what *text* means by Docker's normalisation rules; raise InvalidError outside its grammar."""
    match = _NAME.fullmatch(text)
    if match is None or len(match["name"]) > MAX_NAME or re.fullmatch(r"[0-9a-f]{64}", text):
        hint = "; repository names are lower case" if text != text.lower() else ""
        raise InvalidError(f"{shown(text[:200])!r} is not an image name (name[:tag][@sha256:...]){hint}")
    name = match["name"]
    domain, _, rest = name.partition("/")
    if not rest or not ("." in domain or ":" in domain or domain == "localhost" or domain != domain.lower()):
        domain, rest = HUB, name
    if domain in (HUB, "index.docker.io"):
        domain, rest = HUB, rest if "/" in rest else f"library/{rest}"
    if rest != rest.lower():
        raise InvalidError(f"{shown(text[:200])!r}: repository names are lower case")
    return ImageName(f"{domain}/{rest}", match["tag"] or "latest", match["digest"])


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


def archive_name(text: str, *, hub: bool) -> str:
    """Return the full name for one found in an archive; InvalidError as `image_name`.

    One without a domain is Docker Hub's where *hub* (RepoTags, which Docker writes so), else localhost/NAME (an OCI
    layout's ref.name), as podman has it.
    """
    found = image_name(text)
    short = found.repository.startswith(f"{HUB}/") and not text.startswith((f"{HUB}/", f"index.{HUB}/"))
    return str(local(found) if short and not hub else found)


def familiar(full: str) -> tuple[str, str]:
    """Return (repository, tag) of a full name as Docker shows them."""
    repository, _, tag = full.rpartition(":")
    return repository.removeprefix(f"{HUB}/library/").removeprefix(f"{HUB}/"), tag


def container_name(text: str) -> str:
    """Return *text* as it is; raise InvalidError unless it can be a container's name."""
    if len(text) > MAX_NAME:
        raise InvalidError(f"{shown(text[:40])!r}... is not a container name: over {MAX_NAME} characters")
    if not _CONTAINER.fullmatch(text):
        raise InvalidError(f"{shown(text[:200])!r} is not a container name: letters, digits, _ . - and a letter or digit first")
    return text
