"""Findings: what a verification has to say, each naming exactly one damaged thing."""

from collections.abc import Callable
from typing import NamedTuple

from eventstore.model.digests import named

Advance = Callable[[int], None]
"""Is told of each step of a long work: how many more events, or bytes, are done."""


class Finding(NamedTuple):
    """One thing that is wrong; a `note` tells of an erasure or a clock and is no fault.

    `check` is schema, chain, clock, index, content, layer, view, cache, checkpoint or signature.  `digests` (raw) and `events`
    (ranges of positions, first and last) are what is damaged, so that others can tell what it touches; `cause` is events
    or context where a changeset differs because of these.
    """

    check: str
    object: str
    problem: str
    digests: tuple[bytes, ...] = ()
    events: tuple[tuple[int, int], ...] = ()
    note: bool = False
    cause: str = ""


def of_content(digest: bytes, problem: str, *, note: bool = False) -> Finding:
    return Finding("content", f"content {named(digest)}", problem, (digest,), note=note)


def of_event(position: int, problem: str, check: str = "chain") -> Finding:
    return Finding(check, f"event {position}", problem, events=((position, position),))
