"""Transports: docker://NAME, oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], as skopeo names them."""

import re
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

REGISTRY, LAYOUT = "docker", "oci"
FILES = (LAYOUT, "oci-archive", "docker-archive")
_NOT_READ = ("containers-storage", "docker-daemon", "dir", "sif", "ostree", "tarball", "atomic")


class Place(NamedTuple):
    """Where an image is: `transport` is "" for this store, whose reference `rest` is then.

    `rest` is a name for a registry, else a path; `name` is the image's in a file, "" where none is said.
    """

    transport: str
    rest: str
    name: str = ""


def parse_place(text: str) -> Place:
    """Return the place that *text* names; InvalidError for a transport that is another tool's."""
    transport, mark, rest = text.partition(":")
    if transport not in FILES and has_scheme(text):
        return Place(REGISTRY, registry_name(text))
    if transport in FILES:
        path, _, name = rest.partition(":")
        if not path:
            raise InvalidError(f"{shown(text)!r}: a path stands behind {transport}:")
        return Place(transport, path, name)
    if mark and transport in _NOT_READ:
        known = ", ".join(("docker://", *(f"{one}:" for one in FILES)))
        raise InvalidError(f"{shown(text)!r}: {transport}: is skopeo's alone; here there are {known} and this store")
    return Place("", text)


def registry_name(text: str) -> str:
    """Return what is called *text* where only a registry can be meant: without docker://, which may stand before it.

    InvalidError for an address of the web, and for docker: with another number of slashes.
    """
    if not has_scheme(text):
        return text
    scheme, rest = text.split(":/", 1)
    name = rest.lstrip("/")
    if scheme == REGISTRY and name and rest == f"/{name}":
        return name
    raise InvalidError(f"{shown(text)!r}: an image in a registry is written docker://{shown(name) or 'NAME'}")


def has_scheme(text: str) -> bool:
    """Whether *text* is an address, if a misspelt one, and no name: docker:24 is an image's, docker:/24 is none."""
    return re.match(rf"(?i:{REGISTRY}):/|[a-zA-Z][a-zA-Z0-9+.-]*://", text) is not None
