"""The user that a process runs as: by number, or by the names in the container's own passwd and group (Docker's rules)."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.errors import InvalidError, LayerlogError
from eventstore.model.paths import shown
from projections.tree.symlinks import follow
from projections.tree.view import View

MAX_FILE = 16 << 20
MAX_ID = 0x7FFFFFFF
"""The largest that runtimes take."""
_PASSWD, _GROUP = b"etc/passwd", b"etc/group"
MAX_GROUPS = 4096
"""Runtimes hang with tens of thousands, whose numbers overflow a message of theirs (CVE-2021-43784)."""


class User(NamedTuple):
    """`groups` are the further ones that the container's group file gives to the user; `home` is its directory."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def find(view: View, text: str) -> User:
    """Return the user that USER[:GROUP] names, root for ""; raise InvalidError for a name that the container does not know.

    A number needs no entry.  The further groups are those of a user whose group is not given.
    """
    name, colon, group = text.partition(":")
    name = name or "0"
    entry = next((row for row in _rows(view, _PASSWD, 7) if name in (row[0], row[2])), None)
    if entry is None and not _is_id(name):
        raise InvalidError(f"user {shown(name)!r}: the container's /etc/passwd has no such name; give a number, or add it")
    uid = int(entry[2] if entry else name)
    gid = int(entry[3]) if entry else 0
    home = entry[5] if entry and entry[5] else "/"
    if group:
        return User(uid, _group(view, group), (), home)
    groups = {int(row[2]) for row in _rows(view, _GROUP, 4) if entry and entry[0] in row[3].split(",")} - {gid}
    if len(groups) > MAX_GROUPS:
        raise InvalidError(f"user {shown(name)!r}: /etc/group has it in {len(groups)} groups, over {MAX_GROUPS}; "
                           "name one behind the user (`-u USER:GROUP`)")  # fmt: skip
    return User(uid, gid, () if colon else tuple(sorted(groups)), home)


def _group(view: View, name: str) -> int:
    for row in _rows(view, _GROUP, 4):
        if name == row[0]:
            return int(row[2])
    if not _is_id(name):
        raise InvalidError(f"group {shown(name)!r}: the container's /etc/group has no such name; give a number, or add it")
    return int(name)


def _is_id(text: str) -> bool:
    """Whether *text* is a number as passwd(5) has it that can be an id; int() alone takes other scripts' digits, too."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID


def _rows(view: View, path: bytes, fields: int) -> Iterator[list[str]]:
    """Yield the well-formed rows of a file, those with numbers where ids stand; none where the container has no such file."""
    try:
        entry = view.lookup(follow(view, path))
        data = b"".join(view.read(entry)) if entry and entry.is_file and entry.size <= MAX_FILE else b""
    except LayerlogError:
        return
    for line in data.splitlines():
        row = line.decode(errors="surrogateescape").split(":")
        if len(row) == fields and _is_id(row[2]) and (fields != 7 or _is_id(row[3])):
            yield row
