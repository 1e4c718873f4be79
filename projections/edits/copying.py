"""Docker's rules for `cp`: where a source goes, and what its nodes become in a container."""

import stat
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from eventstore.errors import ConflictError, NotFoundError
from eventstore.model.changes import Change, attributes, extras, link, put
from eventstore.model.entries import Entry, node_of
from eventstore.model.events import Kind
from eventstore.model.paths import join, shown, split
from projections.tree.symlinks import follow
from projections.tree.view import View


class There(Enum):
    """What stands at a destination, symlinks followed."""

    NOTHING = "nothing"
    DIRECTORY = "directory"
    OTHER = "other"


class Source(NamedTuple):
    """What is copied: its own name, and whether it is a directory of which the `contents` alone go (SRC/.)."""

    name: bytes
    directory: bool
    contents: bool = False


def destination(source: Source, path: bytes, there: There, *, slash: bool) -> bytes:
    """Return the path that the top of *source* gets where the user named *path* (with a *slash* at its end).

    Raise NotFoundError or ConflictError where Docker's table says no.
    """
    if there is There.DIRECTORY:
        return path if source.contents or not source.name else join(path, source.name)
    if there is There.NOTHING:
        if slash and not source.directory:
            raise NotFoundError(f"no such directory: {shown(path)}/; make it first, or leave the slash out to name a file")
        return path
    if source.directory:
        raise ConflictError(f"{shown(path)} is a file, and a directory cannot be copied onto it; name a directory")
    if slash:
        raise ConflictError(f"{shown(path)} is a file, not a directory; leave the slash at its end out")
    return path


def kind_of(entry: Entry | None) -> There:
    return There.NOTHING if entry is None else There.DIRECTORY if entry.is_dir else There.OTHER


def placed(source: Iterable[Change], view: View, top: bytes, *, contents: bool = False) -> Iterator[Change]:
    """Yield the Changes that put *source*, whose paths are relative to its top, at *top* of *view*.

    Directories that are there are merged into and get the source's attributes, the top of *contents* apart; parents
    that a tar leaves out are made.  Raise ConflictError where a directory would have to replace something else, or the
    reverse.
    """
    placing = Placing(view).at(top)
    for change in source:
        if change.path or not contents or placing.before(top) is None:
            yield from placing.changes(change)


class Placing:
    """The container as it is in the middle of a copy, as far as the copy asks of it: what stood there, and what it has made."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._top = b""
        self._made: set[bytes] = set()
        self._links: dict[bytes, Entry] = {}
        self._parent = (b"", b"")

    def at(self, top: bytes) -> "Placing":
        """Let what comes be placed below *top* from now on; return self."""
        self._top, self._parent = top, (b"", b"")
        return self

    def is_new(self, path: bytes) -> bool:
        """Whether nothing is at *path* yet, neither before the copy nor by it."""
        return path not in self._made and self.before(path) is None

    def lookup(self, path: bytes) -> Entry | None:
        return self._links.get(path) or self.before(path)

    def before(self, path: bytes) -> Entry | None:
        """Return what *path* is before the copy; nothing is below a directory that the copy itself made."""
        return None if path and split(path)[0] in self._made else self._view.lookup(path)

    def place(self, path: bytes) -> bytes:
        """Return where the source's *path* lies: as `tar x` finds it, through the symlinks that lead to it."""
        if b"/" not in path:
            return join(self._top, path) if path else self._top
        parent, name = split(join(self._top, path))
        if parent != self._parent[0]:  # most entries lie where the one before does
            self._parent = parent, follow(self, parent)
        return join(self._parent[1], name)

    def changes(self, change: Change) -> Iterator[Change]:
        path = self.place(change.path)
        if change.path:
            yield from self._parents(split(path)[0], change)
        found = self.before(path)
        directory = change.kind == Kind.FILE_WRITTEN and stat.S_ISDIR(change.mode)
        if found is not None and found.is_dir != directory:
            raise _mismatch(found)
        if change.kind == Kind.LINK_MADE:
            self._links.pop(path, None)
            yield link(path, self.place(change.target or b""))
        elif found is not None and directory:
            yield from merged(found, change._replace(path=path))
        else:
            self._remember(change._replace(path=path))
            yield change._replace(path=path)

    def _remember(self, change: Change) -> None:
        if stat.S_ISDIR(change.mode):
            self._made.add(change.path)
        elif stat.S_ISLNK(change.mode):
            self._links[change.path] = Entry(change.path, *node_of(change), 0, 0)
            self._parent = (b"", b"")
        elif self._links.pop(change.path, None):
            self._parent = (b"", b"")

    def _parents(self, parent: bytes, change: Change) -> Iterator[Change]:
        missing = []
        while parent != self._top and parent not in self._made and self.before(parent) is None:
            missing.append(parent)
            parent = split(parent)[0]
        for path in reversed(missing):
            self._made.add(path)
            yield put(path, stat.S_IFDIR | 0o755, mtime=change.mtime)


def merged(found: Entry, change: Change) -> Iterator[Change]:
    """Yield the Change, where there is one, that gives a directory that was *found* the attributes that *change* states."""
    xattrs, _ = extras(change.detail)
    stated = (change.mode, change.uid, change.gid, change.mtime)
    if stated != (found.mode, found.uid, found.gid, found.mtime) or xattrs != found.xattrs:
        yield attributes(change.path, change.mode, uid=change.uid, gid=change.gid, mtime=change.mtime, xattrs=xattrs)


def _mismatch(found: Entry) -> ConflictError:
    path = shown(found.path)
    if found.is_dir:
        return ConflictError(f"/{path} is a directory, and the copy has no directory of that name; delete it first")
    if found.is_symlink:
        step = f"copy what is in it to /{path}/, or delete the link first"
        return ConflictError(f"/{path} is a symbolic link to {shown(found.target or b'')}, but a directory in the copy; {step}")
    return ConflictError(f"/{path} is no directory, but the copy has a directory of that name; delete it first")
