"""Sizes, as people type them."""

import re

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

_SIZE = re.compile(r"(\d{1,15})\s?(?:([kmgt])(i?)b?|b)?", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes that *text* says: 5000, 64GiB, 10 MB; units with i, or of one letter (as in Docker), are of 1,024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidError(f"{shown(text[:40])!r} is not a size; write bytes, or as 512MiB or 64GiB")
    number, unit, binary = match.groups()
    decimal = unit and not binary and text.strip().lower().endswith("b")
    power = " kmgt".index(unit.lower()) if unit else 0
    return int(number) * int((1000 if decimal else 1024) ** power)
