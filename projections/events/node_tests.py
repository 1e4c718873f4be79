"""Tests of nodes, as find(1) spells them: what permissions, type, owner, size and time something must have."""

import re
import stat
from typing import NamedTuple, Protocol

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

TYPES = {
    "f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "p": stat.S_IFIFO, "c": stat.S_IFCHR, "b": stat.S_IFBLK,
}  # fmt: skip


class Attributed(Protocol):
    """What has a node's attributes: an entry, an event, a state of a path."""

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


class Mode(NamedTuple):
    """A mode as find(1)'s -perm spells it: `how` "" is these bits, "-" all of them at least, "/" any of them."""

    how: str
    bits: int

    def fits(self, mode: int) -> bool:
        bits = mode & self.bits
        return bits == self.bits if self.how == "-" else bool(bits) if self.how == "/" else stat.S_IMODE(mode) == self.bits


class Size(NamedTuple):
    """A size of files: `how` "" is so many bytes, "+" more, "-" fewer."""

    how: str
    size: int

    def fits(self, size: int) -> bool:
        return size > self.size if self.how == "+" else size < self.size if self.how == "-" else size == self.size


class NodeTest(NamedTuple):
    """What a node must be; empty: anything.  Several modes and sizes must all hold, of types and owners one.

    A symlink has no permissions of its own; files alone have a size; `newer` is ns, included.
    """

    modes: tuple[Mode, ...] = ()
    types: frozenset[int] = frozenset()
    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    sizes: tuple[Size, ...] = ()
    newer: int | None = None

    def fits(self, node: Attributed) -> bool:
        mode = node.mode
        return (
            all(one.fits(mode) and not stat.S_ISLNK(mode) for one in self.modes)
            and (not self.types or stat.S_IFMT(mode) in self.types)
            and (not self.uids or node.uid in self.uids)
            and (not self.gids or node.gid in self.gids)
            and all(stat.S_ISREG(mode) and one.fits(node.size) for one in self.sizes)
            and (self.newer is None or node.mtime >= self.newer)
        )


def parse_mode(text: str, option: str) -> Mode:
    """Return the mode that *text* spells; raise InvalidError, which names *option* as the user wrote it before the value."""
    found = re.fullmatch("([-/]?)([0-7]{1,4})", text, re.ASCII)
    if found is None:
        raise InvalidError(f"{option}{shown(text)}: write it in octal: 4755, -4000 (all of these bits), /6000 (any)")
    return Mode(found[1], int(found[2], 8))


def parse_types(text: str) -> frozenset[int]:
    """Return the file types that *text* names, one or several with commas between; raise InvalidError."""
    letters = text.split(",")
    if unknown := [letter for letter in letters if letter not in TYPES]:
        names = "f file, d directory, l symlink, p fifo, c and b devices"
        raise InvalidError(f"--type {shown(text)}: no type {shown(unknown[0])!r}; {names}")
    return frozenset(TYPES[letter] for letter in letters)
