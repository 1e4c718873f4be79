"""Owners by number, or by the names that a view's own /etc/passwd and /etc/group give them (passwd(5), group(5))."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import as_bytes, shown
from projections.tree.symlinks import follow
from projections.tree.view import View

MAX_ID = (1 << 32) - 2  # (uid_t) -1 means "leave as it is" to the kernel
MAX_FILE = 16 << 20


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
        return Owner(uid, _login_group(view, user))
    return Owner(uid, _number(view, group, b"etc/group") if group else None)


def _number(view: View, name: str, file: bytes) -> int:
    if name.isascii() and name.isdigit():
        if int(name) > MAX_ID:
            raise InvalidError(f"owner {shown(name)}: over {MAX_ID}")
        return int(name)
    return int(_record(view, name, file)[2])


def _login_group(view: View, user: str) -> int:
    field = 2 if user.isascii() and user.isdigit() else 0
    return int(_record(view, user, b"etc/passwd", field)[3])


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
