"""Transports: docker://NAME, oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], as skopeo names them."""

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
    if transport == REGISTRY and rest.startswith("//"):
        return Place(REGISTRY, rest.removeprefix("//"))
    if transport in FILES:
        path, _, name = rest.partition(":")
        if not path:
            raise InvalidError(f"{shown(text)!r}: a path stands behind {transport}:")
        return Place(transport, path, name)
    if mark and transport in _NOT_READ:
        known = ", ".join(("docker://", *(f"{one}:" for one in FILES)))
        raise InvalidError(f"{shown(text)!r}: {transport}: is skopeo's alone; here there are {known} and this store")
    return Place("", text)
