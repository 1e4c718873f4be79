"""File modes as chmod(1) takes them: octal (0755), or symbolic (u+x,go-w)."""

import re
import stat
from collections.abc import Callable

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

Remode = Callable[[int], int]
"""Returns the new mode of a node by its old one; type bits stay."""

_OCTAL = re.compile(r"[0-7]{1,4}", re.ASCII)
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)", re.ASCII)
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)", re.ASCII)
_CLASSES = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


def octal(text: str) -> int:
    """Return the permissions that *text* states in octal; raise InvalidError."""
    if not _OCTAL.fullmatch(text):
        raise InvalidError(f"mode {shown(text)!r}: not an octal number up to 7777, as 0644")
    return int(text, 8)


def parse_mode(text: str) -> Remode:
    """Return what *text* makes of a mode; raise InvalidError.

    Without u, g or o a symbolic clause is for all: no umask counts here.  As with GNU's chmod a directory's setuid and
    setgid bits go only where a symbolic mode names them.
    """
    if text.isdigit():
        fixed = octal(text)
        return lambda mode: stat.S_IFMT(mode) | fixed | (mode & 0o6000 if stat.S_ISDIR(mode) else 0)
    clauses = [_CLAUSE.fullmatch(clause) for clause in text.split(",")]
    found = [(match[1], _ACTION.findall(match[2])) for match in clauses if match]
    if len(found) != len(clauses):
        raise InvalidError(f"mode {shown(text)!r}: not understood; write it in octal (0755) or as u+x,go-w")

    def remode(mode: int) -> int:
        for who, actions in found:
            for operator, what in actions:
                mode = _applied(mode, who, operator, what)
        return mode

    return remode


def _applied(mode: int, who: str, operator: str, what: str) -> int:
    classes = "ugo" if not who or "a" in who else who
    mask = 0
    for name in classes:
        mask |= _CLASSES[name]
    bits = _bits(mode, what)
    if operator == "+":
        return mode | bits & mask
    if operator == "-":
        return mode & ~(bits & mask)
    kept = 0o6000 if stat.S_ISDIR(mode) and "s" not in what else 0
    return mode & ~(mask & ~kept) | bits & mask


def _bits(mode: int, what: str) -> int:
    if what in _SHIFTS:
        three = mode >> _SHIFTS[what] & 7
        return three * 0o111
    bits = 0
    for letter in what:
        if letter == "X":
            bits |= 0o111 if stat.S_ISDIR(mode) or mode & 0o111 else 0
        else:
            bits |= _BITS[letter]
    return bits
