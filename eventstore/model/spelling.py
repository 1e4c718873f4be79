"""How tags and containers may be spelled; no name may look like an id, and no id is ever taken for a name.

The grammar is that of Docker's references (github.com/distribution/reference); what a short name means is said in
`projections/refs/image_names.py`.
"""

import re

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

HUB = "docker.io"
MAX_NAME = 255
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
DOMAIN = rf"(?:{DOMAIN_PART}(?:\.{DOMAIN_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
TAG = r"\w[\w.-]{0,127}"
_FULL = rf"(?P<domain>{DOMAIN})/(?P<path>{PART}(?:/{PART})*):{TAG}"  # compiled when a tag is given: most commands give none


def is_id(text: str) -> bool:
    """Whether *text* is a whole id (64 hex digits) or digest, and so nobody's name."""
    return re.fullmatch(r"(?:sha256:)?[0-9a-f]{64}", text) is not None


def is_domain(text: str) -> bool:
    """Whether the first part of a name is that of a registry: only then is it one and no user of Docker Hub."""
    return "." in text or ":" in text or text == "localhost" or text != text.lower()


def check_tag(tag: str) -> str:
    """Return *tag* as it is; InvalidError unless it is a full reference (registry/path:tag) that cannot be read as an id."""
    match = re.fullmatch(_FULL, tag, re.ASCII)
    if match is None or not is_domain(match["domain"]) or len(tag.rpartition(":")[0]) > MAX_NAME:
        raise InvalidError(f"{shown(tag[:200])!r} is no full name of an image, as docker.io/library/app:1.0 is one")
    if match["domain"] == HUB and "/" not in match["path"]:
        raise InvalidError(f"{shown(tag[:200])!r} is no full name of an image: that is {HUB}/library/{match['path']}")
    if match["domain"] == HUB and re.fullmatch(r"library/(?:sha256|[0-9a-f]{64})", match["path"]):
        raise InvalidError(f"{shown(tag[:200])!r} would be read as an image's id; choose another name")
    if tag == f"{HUB}/library/scratch:latest":
        raise InvalidError("scratch is the empty image: `create scratch` takes that, whatever has the name; choose another")
    return tag


def check_container_name(text: str) -> str:
    """Return *text* as it is; raise InvalidError unless it can be a container's name."""
    if len(text) > MAX_NAME:
        raise InvalidError(f"{shown(text[:40])!r}... is not a container name: over {MAX_NAME} characters")
    if is_id(text):
        raise InvalidError(f"{text!r} would be read as an id; choose another name")
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", text, re.ASCII):
        raise InvalidError(f"{shown(text[:200])!r} is not a container name: letters, digits, _ . - and a letter or digit first")
    return text
