"""Findings: what a verification has to say, each naming exactly one damaged thing."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong; a `note` tells of an erasure and is no fault.

    `check` is schema, chain, index, content, layer, view, cache, checkpoint or signature.  `digests` (raw) and `events`
    (first and last position) are what is damaged, so that others can tell what it touches.
    """

    check: str
    object: str
    problem: str
    digests: tuple[bytes, ...] = ()
    events: tuple[int, int] | None = None
    note: bool = False
