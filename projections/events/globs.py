r"""Globs as git's pathspecs have them (gitglossary(7), wildmatch): which paths they match, as a regular expression.

`*` and `?` match any bytes, `/` too, and `[...]` one of a set; `\` takes the next byte as it stands.  Of a glob by parts
(`:(glob)`) `*`, `?` and sets match no `/`, and `**` as a whole part any number of parts.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

_TOKEN = rb"""(?sx)(?P<parts>(?:(?<=/)|\A)\*\*(?:/|\Z)) | (?P<star>\*+) | (?P<one>\?) | \\(?P<escaped>.)
    | \[(?P<not>[!^])?(?P<set>\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\] | (?P<plain>.)"""
_MEMBER = rb"(?s)\[:(?P<class>[a-z]+):\]|\\?(?P<first>.)(?:-\\?(?P<last>.))?"
_CLASSES: dict[bytes, Callable[[bytes], bool]] = {
    b"alpha": bytes.isalpha, b"digit": bytes.isdigit, b"alnum": bytes.isalnum, b"upper": bytes.isupper, b"lower": bytes.islower,
    b"xdigit": b"0123456789abcdefABCDEF".__contains__, b"blank": b" \t".__contains__, b"space": bytes.isspace,
    b"punct": lambda byte: b"!" <= byte <= b"~" and not byte.isalnum(),
}  # fmt: skip


class Glob(NamedTuple):
    """`start` is what all that it matches begins with; `expression` is None where that is all: it is no glob."""

    start: bytes
    expression: bytes | None


def glob(text: bytes, *, by_parts: bool = False) -> Glob:
    """Return what a glob matches."""
    tokens = list(re.finditer(_TOKEN, text))
    fixed = next((number for number, token in enumerate(tokens) if _is_special(token)), len(tokens))
    start = b"".join(token["escaped"] or token["plain"] for token in tokens[:fixed])
    return Glob(start, None if fixed == len(tokens) else _expression(tokens, by_parts=by_parts))


def longest_literal(text: bytes) -> bytes:
    """Return the longest run of bytes that all that a glob matches must hold."""
    found, run = b"", b""
    for token in re.finditer(_TOKEN, text):
        run = b"" if _is_special(token) else run + (token["escaped"] or token["plain"])
        found = max(found, run, key=len)
    return found


def _is_special(token: re.Match[bytes]) -> bool:
    return token["escaped"] is None and token["plain"] is None


def _expression(tokens: list[re.Match[bytes]], *, by_parts: bool) -> bytes:
    """Return the expression; between two stars the first place that fits is kept, so that no glob takes long."""
    runs = [b""]
    for token in tokens:
        if token["star"] or (token["parts"] and not by_parts):
            runs.append(re.escape(b"/") if (token["parts"] or b"").endswith(b"/") else b"")
        else:
            runs[-1] += _single(token, by_parts=by_parts)
    if by_parts:
        return b"[^/]*".join(runs) + rb"\Z"
    first, *middle = runs
    last = b".*" + middle.pop() if middle else b""
    return first + b"".join(b"(?>.*?%b)" % run for run in middle) + last + rb"\Z"


def _single(token: re.Match[bytes], *, by_parts: bool) -> bytes:
    if token["parts"]:
        return b"(?:.*/)?" if token["parts"].endswith(b"/") else b".*"
    if token["one"]:
        return b"[^/]" if by_parts else b"."
    return _set(token, by_parts=by_parts) if token["set"] is not None else re.escape(token["escaped"] or token["plain"])


def _set(token: re.Match[bytes], *, by_parts: bool) -> bytes:
    found: set[int] = set()
    for member in re.finditer(_MEMBER, token["set"]):
        if member["class"]:
            is_in = _CLASSES.get(member["class"])
            found.update(number for number in range(256) if is_in is not None and is_in(bytes([number])))
        else:
            found.update(member["first"], range(member["first"][0], (member["last"] or member["first"])[0] + 1))
    if token["not"]:
        found = {*range(256)} - found
    found -= {*b"/"} if by_parts else set()
    return b"[%b]" % b"".join(re.escape(bytes([byte])) for byte in sorted(found)) if found else b"(?!)"
