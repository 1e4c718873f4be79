"""Modes and owners as chmod(1) and chown(1) take them: 0755 or u+x,go-w; by number, or by the names that a view gives them."""

import re
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import as_bytes, shown
from projections.tree.symlinks import follow
from projections.tree.view import View

Remode = Callable[[int], int]
"""Returns the new mode of a node by its old one; type bits stay."""

_OCTAL = r"[0-7]{1,4}"
_CLAUSE = r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)"
_ACTION = r"([-+=])([ugo]|[rwxXst]*)"
_CLASSES = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}
MAX_ID = (1 << 32) - 2  # (uid_t) -1 means "leave as it is" to the kernel
MAX_FILE = 16 << 20


def octal(text: str) -> int:
    """Return the permissions that *text* states in octal; raise InvalidError."""
    if not re.fullmatch(_OCTAL, text):
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
    clauses = [re.fullmatch(_CLAUSE, clause) for clause in text.split(",")]
    found = [(match[1], re.findall(_ACTION, match[2])) for match in clauses if match]
    if len(found) != len(clauses):
        raise InvalidError(f"mode {shown(text)!r}: not understood; write it in octal (0755) or as u+x,go-w")

    def remode(mode: int) -> int:
        for who, actions in found:
            for operator, what in actions:
                mode = _applied(mode, who, operator, what)
        return mode

    return remode


def _applied(mode: int, who: str, operator: str, what: str) -> int:
    mask = sum(_CLASSES[name] for name in ("ugo" if not who or "a" in who else set(who)))
    bits = _bits(mode, what)
    if operator == "+":
        return mode | bits & mask
    if operator == "-":
        return mode & ~(bits & mask)
    kept = 0o6000 if stat.S_ISDIR(mode) and "s" not in what else 0
    return mode & ~(mask & ~kept) | bits & mask


def _bits(mode: int, what: str) -> int:
    if what in _SHIFTS:
        return (mode >> _SHIFTS[what] & 7) * 0o111
    bits = 0
    for letter in what:
        if letter == "X":
            bits |= 0o111 if stat.S_ISDIR(mode) or mode & 0o111 else 0
        else:
            bits |= _BITS[letter]
    return bits


# -- owners


class Owner(NamedTuple):
    """None leaves that half as it is."""

    uid: int | None
    gid: int | None


def parse_owner(view: View, text: str) -> Owner:
    """Return what USER, USER:GROUP, USER: (the user's own group) or :GROUP stands for in *view*.

    Digits are numbers, as for Docker's --user.  Raise NotFoundError for a name that the view's files lack, InvalidError.
    """
    user, colon, group = text.partition(":")
    if not user and not group:
        raise InvalidError(f"owner {shown(text)!r}: write USER, USER:GROUP or :GROUP, by number or by name")
    uid = _number(view, user, b"etc/passwd") if user else None
    if colon and user and not group:
        field = 2 if user.isascii() and user.isdigit() else 0
        return Owner(uid, int(_record(view, user, b"etc/passwd", field)[3]))
    return Owner(uid, _number(view, group, b"etc/group") if group else None)


def named_ids(view: View, name: str, file: bytes) -> set[int]:
    """Return the number that *name* has in *view*'s own /etc/passwd or /etc/group (*file*): one, or none."""
    wanted = as_bytes(name)
    return {int(record[2]) for record in _records(view, file) if record[0] == wanted}


def _number(view: View, name: str, file: bytes) -> int:
    if name.isascii() and name.isdigit():
        if int(name) > MAX_ID:
            raise InvalidError(f"owner {shown(name)}: over {MAX_ID}")
        return int(name)
    return int(_record(view, name, file)[2])


def _record(view: View, name: str, file: bytes, field: int = 0) -> list[bytes]:
    wanted = as_bytes(name)
    for record in _records(view, file):
        if record[field] == wanted:
            return record
    raise NotFoundError(f"/{shown(file)} of this view does not name {shown(name)!r}; give the number instead")


def _records(view: View, file: bytes) -> Iterator[list[bytes]]:
    found = view.lookup(follow(view, file))
    if found is None or not found.is_file or found.size > MAX_FILE:
        return
    for line in b"".join(view.read(found)).splitlines():
        record = line.split(b":")
        if len(record) >= 4 and record[2].isdigit() and (record[3].isdigit() or file.endswith(b"group")):
            yield record
