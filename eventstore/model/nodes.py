"""Node: what a filesystem shows of a file, whatever its name: one value for changes, events and entries alike."""

from operator import attrgetter
from typing import NamedTuple, Protocol


class Node(NamedTuple):
    """`mode` holds the type bits; `mtime` is ns since 1970; `size` is bytes; `content` is a regular file's digest (32 bytes),
    `target` a symlink's text (of links and moves: the other path); `detail` is JSON text: xattrs and device numbers.
    """

    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    content: bytes | None = None
    target: bytes | None = None
    detail: str | None = None


class HasNode(Protocol):
    """Change, Event and Entry: their rows hold a node's fields beside their own, flat, since millions of them pass by."""

    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def mtime(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def content(self) -> bytes | None: ...
    @property
    def target(self) -> bytes | None: ...
    @property
    def detail(self) -> str | None: ...


_FIELDS = attrgetter(*Node._fields)


def node_of(thing: HasNode) -> Node:
    """Return the node that a change, an event or an entry states."""
    return Node._make(_FIELDS(thing))


def same_node(one: HasNode, other: HasNode) -> bool:
    """Whether two things state one and the same type, mode, owner, time, content, target and xattrs."""
    return bool(_FIELDS(one) == _FIELDS(other))


def place_in(fields: tuple[str, ...]) -> slice:
    """Return where the node's fields stand, in their order, among the *fields* of a row."""
    first = fields.index(Node._fields[0])
    place = slice(first, first + len(Node._fields))
    assert fields[place] == Node._fields
    return place
