"""Node: what a filesystem shows of a file, whatever its name: one value for changes, events and entries alike."""

from typing import NamedTuple


class Node(NamedTuple):
    """`mode` holds the type bits; `mtime` is ns since 1970; `size` is bytes; `content` is a regular file's digest (32 bytes),
    `target` a symlink's text (of links and moves: the other path); `detail` is JSON text: xattrs and device numbers.

    The rows of Change, Event and Entry hold these fields beside their own, flat, since millions of them pass by.
    """

    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    content: bytes | None = None
    target: bytes | None = None
    detail: str | None = None


def place_in(fields: tuple[str, ...]) -> slice:
    """Return where the node's fields stand, in their order, among the *fields* of a row."""
    first = fields.index(Node._fields[0])
    place = slice(first, first + len(Node._fields))
    assert fields[place] == Node._fields
    return place
