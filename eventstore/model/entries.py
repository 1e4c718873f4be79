"""Entry: what a path is at one point of history.  The appender's rules ask for it, projections answer."""

import stat
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple, Protocol

from eventstore.model.changes import Change, extras
from eventstore.model.events import Event, Node


class Entry(NamedTuple):
    """A node under one of its names.

    `node` is the position of the event that made the node (equal for all its hard links), `origin` the position of the
    event that made it what it is now; `mode` holds the type bits; `mtime` is ns since 1970; `size` is bytes; `content`
    is a regular file's digest (32 bytes); `target` a symlink's.
    """

    path: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    content: bytes | None
    target: bytes | None
    detail: str | None
    node: int
    origin: int

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def xattrs(self) -> dict[bytes, bytes]:
        return extras(self.detail)[0]

    @property
    def rdev(self) -> tuple[int, int] | None:
        return extras(self.detail)[1]


HasNode = Change | Event | Entry
_NODE = attrgetter(*Node._fields)


def node_of(thing: HasNode) -> Node:
    """Return the node that a change, an event or an entry states."""
    return Node._make(_NODE(thing))


def same_node(one: HasNode, other: HasNode) -> bool:
    """Whether two things state one and the same type, mode, owner, time, content, target and xattrs."""
    return bool(_NODE(one) == _NODE(other))


Piece = bytes | memoryview
Read = Callable[[Entry], Iterable[Piece]]
"""Gives the bytes of a regular file."""
Like = Callable[[bytes], bytes | None]
"""Names, for a path, a content that is probably similar."""


class Keeper(Protocol):
    """Where file contents go; both verbs return the content's digest."""

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        """Keep a content of at most 128 KiB; *like* names one that it may be stored as a difference from."""

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        """Keep a content of any size; what *chunks* raises comes out unchanged."""


class Lookup(Protocol):
    """What can be asked what one path is."""

    def lookup(self, path: bytes) -> Entry | None:
        """Return what *path* is, or None; symlinks are not followed."""


class Tree(Lookup, Protocol):
    """The point questions that `rules` asks of a container as it is before anything is appended."""

    def live(self) -> "Tree":
        """Return the container as it is at each moment of asking."""
