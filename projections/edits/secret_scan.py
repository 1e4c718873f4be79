"""Looks for secrets in the bytes of files, as they stream by.

What costs is looking at each byte again and again, once for each kind.  So literals are looked for first, those of tokens only
within long runs of what tokens are made of, and a pattern is tried only where one stands.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from projections.edits.secret_kinds import AHEAD, ASSIGNED, BACK, EVERYWHERE, FILES, NAMED, RUN, TOKENS, Hit, Kind

MARKER = b"layerlog:allow-secret"
"""What lets the secret of its line through."""
WINDOW = 1 << 18
_BEFORE_RUN = 12
_MADE_OF = bytes(ord("x") if (chr(i).isascii() and chr(i).isalnum()) or i in b"_+=-" else ord(" ") for i in range(256))


class Secret(NamedTuple):
    """A secret in a file: its `line`, counted from 1, and which kind; `marked` where the line says that it may be there."""

    line: int
    kind: str
    marked: bool


class _Window(NamedTuple):
    """Some of a file's bytes, of which [begin, end) are looked at; `line` is that of `begin`."""

    data: bytes
    begin: int
    end: int
    line: int


def secrets(chunks: Iterable[bytes], path: bytes) -> Iterator[Secret]:
    """Yield the secrets that the file at *path* holds, at most one a line, in their order: O(bytes), memory flat."""
    last = 0
    for window in _windows(chunks):
        for secret in _in_window(window, path):
            if secret.line > last:
                yield secret
                last = secret.line


def _windows(chunks: Iterable[bytes]) -> Iterator[_Window]:
    """Whatever lies across the cut between two is wholly in one of them."""
    waiting: list[bytes] = []
    held, begin, line = 0, 0, 1
    for chunk in chunks:
        waiting.append(chunk)
        held += len(chunk)
        if held >= WINDOW + AHEAD + BACK:
            data = b"".join(waiting)
            end = len(data) - AHEAD
            yield _Window(data, begin, end, line)
            line += data.count(b"\n", begin, end)
            waiting, begin = [data[end - BACK :]], BACK
            held = len(waiting[0])
    data = b"".join(waiting)
    yield _Window(data, begin, len(data), line)


def _in_window(window: _Window, path: bytes) -> Iterator[Secret]:
    """Of several in a line the kind that is looked for first counts: it says more."""
    hits = sorted(((start, rank, kind) for rank, (start, kind) in enumerate(_hits(window, path))))
    at, line = window.begin, window.line
    of_lines: dict[int, tuple[int, str, int]] = {}
    for start, rank, kind in hits:
        line += window.data.count(b"\n", at, start)
        at = start
        of_lines[line] = min(of_lines.get(line, (rank, kind, start)), (rank, kind, start))
    for line, (_, kind, start) in of_lines.items():
        yield Secret(line, kind, MARKER in _line(window.data, start))


def _hits(window: _Window, path: bytes) -> Iterator[tuple[int, str]]:
    data = window.data
    for kind, found in _files():
        if found.search(path):
            matches = _compiled(kind).finditer(data, window.begin)
            yield from ((match.start(), kind.name) for match in matches if match.start() < window.end)
    folded = data.lower()
    yield from _by_literals(window, path, TOKENS, _runs(data), data)
    yield from _by_literals(window, path, EVERYWHERE, data, data)
    yield from _by_literals(window, path, NAMED if b"\0" in data else NAMED + ASSIGNED, folded, folded)


def _by_literals(
    window: _Window, path: bytes, kinds: tuple[Kind, ...], sieve: bytes, searched: bytes
) -> Iterator[tuple[int, str]]:
    for literal, named in _by_literal(kinds):
        if literal in sieve:
            for start in _places(searched, literal, window.begin, window.end):
                for kind in named:
                    match = _compiled(kind).match(window.data, start)
                    if match and kind.check(Hit(window.data, match, path)):
                        yield start, kind.name
                        break


def _places(data: bytes, literal: bytes, begin: int, end: int) -> Iterator[int]:
    start = data.find(literal, begin, end + len(literal) - 1)
    while start >= 0:
        yield start
        start = data.find(literal, start + 1, end + len(literal) - 1)


def _runs(data: bytes) -> bytes:
    """The long runs of what tokens are made of, and a little before each."""
    marks, found, stop = data.translate(_MADE_OF), [], 0
    while (start := marks.find(b"x" * RUN, stop)) >= 0:
        stop = marks.find(b" ", start + RUN)
        stop = len(data) if stop < 0 else stop
        found.append(data[max(0, start - _BEFORE_RUN) : stop])
    return b"\n".join(found)


def _line(data: bytes, start: int) -> bytes:
    """The line at *start*, as far as it is near."""
    before = data[max(0, start - BACK) : start].rpartition(b"\n")[2]
    return before + data[start : start + AHEAD].partition(b"\n")[0]


@cache
def _by_literal(kinds: tuple[Kind, ...]) -> list[tuple[bytes, list[Kind]]]:
    literals = dict.fromkeys(literal for kind in kinds for literal in kind.literals.split())
    return [(literal.encode(), [kind for kind in kinds if literal in kind.literals.split()]) for literal in literals]


@cache
def _files() -> list[tuple[Kind, re.Pattern[bytes]]]:
    return [(kind, re.compile(rb"(?:^|/)(?:%b)\Z" % kind.path)) for kind in FILES]


@cache
def _compiled(kind: Kind) -> re.Pattern[bytes]:
    alone = rb"(?<![0-9A-Za-z])" if kind in TOKENS else b""
    return re.compile(alone + rb"(?:%b)" % kind.pattern, re.MULTILINE | (re.IGNORECASE if kind in NAMED + ASSIGNED else 0))
