"""Ranges: A..B, the same everywhere two views are told apart, as git spells it."""

import re
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.index.names import container_named
from eventstore.log.log import Log
from eventstore.model.paths import shown
from projections.refs.references import without_points

_PARENT = r"[:/]\.\.(/|$)"
_DOTS = r"(?s)(?P<first>(?:\{[^}]*\}|(?!\.\.)[^{])*)\.\.(?P<second>.*)"


class Range(NamedTuple):
    """What leads from `first` to `second`, both references; no `first` is the beginning of the second."""

    first: str | None
    second: str


def range_of(log: Log, text: str) -> Range | None:
    """Return the range that *text* spells, None where it is a reference: A.. is from A to what its name means now.

    Dots behind ":/", or that are a part of a path by themselves (web:../etc), are a path's, those in {...} a time's, and a
    container's own name comes first. Raise InvalidError for
    a range without any end, of three dots, or of three ends.
    """
    place, _, path = text.partition(":/")
    if re.search(_PARENT, place):
        return None
    found = re.fullmatch(_DOTS, place) if ".." in place and container_named(log, place) is None else None
    if found is None:
        return None
    first, second = found["first"], found["second"]
    if not first and not second:
        raise InvalidError(f"{shown(text)} names no end; a range is A..B, as in web@3..web@9, or A.. or ..B")
    if second.startswith("."):
        raise InvalidError(f"{shown(text)}: a range has two dots: {shown(first or 'A')}..{shown(second.lstrip('.') or 'B')}")
    if re.fullmatch(_DOTS, second):
        raise InvalidError(f"{shown(text)} has three ends; a range is A..B, as in web@3..web@9")
    return Range(first or None, (second or without_points(first)) + (f":/{path}" if ":/" in text else ""))
