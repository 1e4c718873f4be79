"""A tree written to a host folder."""

import os
import stat
from collections.abc import Collection, Iterable
from typing import NamedTuple

from cli.hostfs.nodes import OPEN_DIRECTORY, NodeWriter, Report
from eventstore.errors import ConflictError, ErasedError, InvalidError, LayerlogError, NotFoundError
from eventstore.model.entries import Entry, Read
from eventstore.model.paths import shown, split

WALK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
KEPT_OPEN = 32
ACLS = ("system.posix_acl_access", "system.posix_acl_default")


def checkout(
    entries: Iterable[Entry], read: Read, dest: str, *, safe: bool = False, linked: Collection[int] = frozenset()
) -> Report:
    """Write *entries*, in tree order and from the root (b"") on, into *dest*: a new or an empty folder.

    *read* gives the content of a regular file.  Nodes in *linked* have several names: all but the first become hard
    links.  *safe* leaves out devices, setuid and setgid bits and owners.  *dest* is closed to others (0700) until all
    is written; after any failure it stays so, and the error says that it is incomplete.  Nothing is fsynced.
    Raises ConflictError for a *dest* that is not empty, NotFoundError for one without a parent, LayerlogError for what
    the host refuses, and what *read* and *entries* raise.  Memory: the directories on the way down, one name for each
    node in *linked*.  Rights that this process lacks are no error: see Report.skipped.
    """
    fd, writer = _opened(dest, safe=safe)
    work = TreeWriter(fd, read, writer, linked)
    incomplete = f"{shown(dest)} is incomplete: remove it, then check out again"
    try:
        for entry in entries:
            work.write(entry)
        work.finish()
    except LayerlogError as error:
        error.args = (f"{error}; {incomplete.rpartition(',')[0] if isinstance(error, ErasedError) else incomplete}",)
        raise
    except OSError as error:
        place = shown(os.path.join(os.fsencode(dest), work.current))
        raise LayerlogError(f"cannot write {place}: {error.strerror}; {incomplete}") from error
    except BaseException as error:
        error.add_note(incomplete)
        raise
    finally:
        work.close()
    return writer.report


class Place(NamedTuple):
    """A directory on the way down: what it becomes when it is full, and how to know it again."""

    entry: Entry
    identity: tuple[int, int]


class TreeWriter:
    """Holds the current directory, the nearest above it and the root open; goes up to others by a checked `..`.

    So depth is not bound by open files.
    """

    def __init__(self, root: int, read: Read, writer: NodeWriter, linked: Collection[int]) -> None:
        self.root, self.fd = root, os.dup(root)
        self.above: list[int] = []
        self.read, self.writer, self.linked = read, writer, linked
        self.path = self.current = b""
        self.places: list[Place] = []
        self.firsts: dict[int, bytes] = {}

    def write(self, entry: Entry) -> None:
        self.current = entry.path
        if not self.places:
            self._begin(entry)
            return
        parent, name = split(entry.path)
        while parent != self.path:
            self._leave()
        if entry.node not in self.linked:
            self._make(name, entry)
        elif entry.node in self.firsts:
            self._link(self.firsts[entry.node], name)
        elif self._make(name, entry):
            self.firsts[entry.node] = entry.path

    def finish(self) -> None:
        """Leave all directories; the root's own attributes come last of all."""
        if not self.places:
            raise InvalidError("a tree without a root cannot be checked out; run verify")
        while self.path:
            self._leave()
        self.writer.finish(self.fd, self.places[0].entry, 0o700)

    def close(self) -> None:
        for fd in (self.root, *self.above, self.fd):
            os.close(fd)

    def _begin(self, entry: Entry) -> None:
        if entry.path or not entry.is_dir:
            raise InvalidError(f"{shown(entry.path)!r} comes before the root directory of the tree; run verify")
        self.places.append(Place(entry, identity(self.fd)))
        self.writer.report.directories += 1

    def _make(self, name: bytes, entry: Entry) -> bool:
        match stat.S_IFMT(entry.mode):
            case stat.S_IFREG:
                self.writer.file(self.fd, name, entry, self.read(entry))
            case stat.S_IFDIR:
                self._enter(name, entry)
            case stat.S_IFLNK:
                self.writer.symlink(self.fd, name, entry)
            case _:
                return self.writer.special(self.fd, name, entry)
        return True

    def _enter(self, name: bytes, entry: Entry) -> None:
        self._go_down(self.writer.directory(self.fd, name, entry), entry.path)
        self.places.append(Place(entry, identity(self.fd)))

    def _go_down(self, into: int, path: bytes) -> None:
        self.above.append(self.fd)
        self.fd, self.path = into, path
        if len(self.above) > KEPT_OPEN:
            os.close(self.above.pop(0))

    def _leave(self) -> None:
        if not self.path:
            raise InvalidError(f"{shown(self.current)}: its directory does not come before it in the tree; run verify")
        kept, full = bool(self.above), self.fd
        self.fd = self.above.pop() if kept else os.open(b"..", OPEN_DIRECTORY, dir_fd=full)
        try:
            self._finish(full, self.places.pop().entry)
        finally:
            os.close(full)
        self.path = split(self.path)[0]
        if not kept and identity(self.fd) != self.places[-1].identity:
            raise ConflictError(f"{shown(self.path)} was moved by another process while it was written")

    def _finish(self, fd: int, entry: Entry) -> None:
        self.writer.finish(fd, entry, self.writer.fillable(entry))

    def _link(self, first: bytes, name: bytes) -> None:
        parent, old = split(first)
        if parent == self.path:
            self.writer.link(self.fd, old, self.fd, name)
            return
        source = descend(self.root, parent)
        try:
            self.writer.link(source, old, self.fd, name)
        finally:
            os.close(source)


def descend(root: int, path: bytes) -> int:
    """Return the directory *path* below *root*, open for look-ups alone; no symlink is followed."""
    fd = os.dup(root)
    for name in path.split(b"/") if path else ():
        above = fd
        try:
            fd = os.open(name, WALK, dir_fd=above)
        finally:
            os.close(above)
    return fd


def identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _opened(dest: str, *, safe: bool) -> tuple[int, NodeWriter]:
    """Return *dest*, made where it is missing, with mode 0700 and open (the caller closes it), and its writer."""
    try:
        fd = _open_directory(dest)
    except FileNotFoundError as error:
        raise NotFoundError(f"{shown(dest)}: the folder above it is not there; make it first") from error
    except NotADirectoryError as error:
        raise ConflictError(f"{shown(dest)} is not a folder; name a new or an empty one") from error
    except OSError as error:
        raise _unusable(dest, error) from error
    try:
        _empty(fd, dest)
        return fd, NodeWriter(fd, safe=safe)
    except OSError as error:
        os.close(fd)
        raise _unusable(dest, error) from error
    except LayerlogError:
        os.close(fd)
        raise


def _open_directory(dest: str) -> int:
    """Open *dest*; a symlink is followed only where the user named one that was there before."""
    try:
        os.mkdir(dest, 0o700)
    except FileExistsError:
        return os.open(dest, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    return os.open(dest, OPEN_DIRECTORY)


def _empty(fd: int, dest: str) -> None:
    if os.listdir(fd):
        raise ConflictError(f"{shown(dest)} is not empty; name a new or an empty folder")
    for name in set(ACLS).intersection(os.listxattr(fd)):  # all that is made below would inherit them
        os.removexattr(fd, name)
    os.chmod(fd, 0o700)


def _unusable(dest: str, error: OSError) -> LayerlogError:
    return LayerlogError(f"cannot write {shown(dest)}: {error.strerror}; name a folder in which you may write")
