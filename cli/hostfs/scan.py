"""A host folder, read as Changes: one walk in tree order that no symlink can lead out of the folder."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeVar

from eventstore.errors import ConflictError, InvalidError, LayerlogError, NotFoundError, StoreError
from eventstore.model.changes import Change, link, put
from eventstore.model.entries import Keeper, Like
from eventstore.model.paths import join, shown

T = TypeVar("T")

WHOLE = 128 * 1024
CHUNK = 1024 * 1024
HOST_LABELS = frozenset({"security.selinux", "security.evm"})  # the machine's policy and key, not the file's own

# O_NONBLOCK: a fifo that has just taken a file's place must not hold the walk up
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LIST = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
CHANGED = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENOENT, errno.EINVAL, errno.ENODATA})


def scan(
    root: str, keeper: Keeper, *, skipped: Counter[str] | None = None, like: Like | None = None, limit: int | None = None
) -> Iterator[Change]:  # fmt: skip
    """Yield every node of the folder *root* in tree order, the root itself (b"") first.

    *root* may be a symlink to a folder; below it none is followed.  *skipped* counts what is left out: `sockets`, and
    what `vanished` between listing and opening.  *like* may name, for a path, a content that is probably similar.
    Later names of a hard-linked node come as links to its first.  *limit* is how many bytes all files may have together.
    Raises NotFoundError or ConflictError for a *root* that is missing or no folder, ConflictError for a node that
    changes while it is read, LayerlogError for one that cannot be read.  Memory: the names of the directories on the
    way down, the first names of hard-linked nodes, 1 MiB of content.
    """
    return iter(Scan(root, keeper, Counter() if skipped is None else skipped, like, limit))


def single(path: str, keeper: Keeper, *, skipped: Counter[str] | None = None, like: Like | None = None) -> Iterator[Change]:
    """Yield *path*, which is no folder and not followed where it is a symlink, as a tree of one node (b"").

    A socket is skipped, as in `scan`; raises as that does.
    """
    folder, name = os.path.split(os.fsencode(path))
    reading = Scan(os.fsdecode(folder or b"."), keeper, Counter() if skipped is None else skipped, like)
    return reading.one(name)


def xattrs(node: int | bytes) -> dict[bytes, bytes]:
    """Return the extended attributes of an open file or a path (no symlink followed), the host's labels left out."""
    follow = isinstance(node, int)
    try:
        names = os.listxattr(node, follow_symlinks=follow)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}
    return {os.fsencode(name): os.getxattr(node, name, follow_symlinks=follow) for name in names if name not in HOST_LABELS}


Reading = Callable[["Scan", bytes, bytes], Change | None]


class _Place(NamedTuple):
    """A directory on the way down: its names still to come, and how to know it again."""

    path: bytes
    names: Iterator[tuple[bytes, Reading]]
    identity: tuple[int, int]


class Scan:
    """Holds one directory open at a time and goes up by a checked `..`, so open files do not bound the depth."""

    def __init__(
        self, root: str, keeper: Keeper, skipped: Counter[str], like: Like | None, limit: int | None = None
    ) -> None:  # fmt: skip
        self.limit, self.held = limit, 0
        self.root, self.keeper, self.skipped, self.like = root, keeper, skipped, like
        self.fd = -1
        self.path = b""
        self.places: list[_Place] = []
        self.firsts: dict[tuple[int, int], bytes] = {}
        self.noatime = os.O_NOATIME

    def __iter__(self) -> Iterator[Change]:
        if not os.path.isdir(b"/proc/self/fd"):  # or every symlink would seem to have vanished
            raise LayerlogError(f"cannot read {_full(self.root, b'')}: /proc is not mounted; mount it")
        with self._opened():
            yield self._root()
            while self.places:
                yield from self._siblings()

    def one(self, name: bytes) -> Iterator[Change]:
        self.path = name
        with self._opened():
            regular = stat.S_ISREG(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)
            change = self._file(name, b"") if regular else self._other(name, b"")
            if change:
                yield change

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Hold the root open, and whichever directory the block goes on to; what the host refuses is said in our words."""
        try:
            self.fd = os.open(self.root, LIST & ~os.O_NOFOLLOW)
            yield
        except OSError as error:
            raise _refusal(self.root, self.path, error) from error
        finally:
            if self.fd >= 0:
                os.close(self.fd)

    def _siblings(self) -> Iterator[Change]:
        """Yield the nodes of the current directory up to the next one to enter; leave the directory after its last."""
        place = self.places[-1]
        for name, read in place.names:
            self.path = path = join(place.path, name)
            try:
                change = read(self, name, path)
            except FileNotFoundError:
                self.skipped["vanished"] += 1
                continue
            if change:
                yield change
            if self.places[-1] is not place:
                return
        self._leave()

    def _root(self) -> Change:
        status = os.fstat(self.fd)
        self.places.append(_Place(b"", iter(self._listing(self.fd)), (status.st_dev, status.st_ino)))
        return node(b"", status, self.fd)

    def _directory(self, name: bytes, path: bytes) -> Change | None:
        fd = self._open(name, LIST)
        try:
            status = os.fstat(fd)
            change = node(path, status, fd)
            names = self._listing(fd)
            if names:  # an empty directory is not entered: without its x bit there would be no way back
                self.places.append(_Place(path, iter(names), (status.st_dev, status.st_ino)))
                self.fd, fd = fd, self.fd
        finally:
            os.close(fd)
        return change

    def _listing(self, fd: int) -> list[tuple[bytes, Reading]]:
        """Return the names in an open directory in tree order, with what reads them: a DirEntry knows types only for now."""
        with os.scandir(fd) as entries:
            return sorted((os.fsencode(entry.name), self._reading(entry)) for entry in entries)

    @classmethod
    def _reading(cls, entry: "os.DirEntry[str]") -> Reading:
        """Return a function, not a method of this one: there is one of it for all names."""
        if entry.is_file(follow_symlinks=False):
            return cls._file
        return cls._directory if entry.is_dir(follow_symlinks=False) else cls._other

    def _leave(self) -> None:
        self.path = self.places.pop().path
        if not self.places:
            return
        fd, self.fd = self.fd, os.open(b"..", LIST, dir_fd=self.fd)
        os.close(fd)
        status = os.fstat(self.fd)
        if (status.st_dev, status.st_ino) != self.places[-1].identity:
            raise _changed(self.root, self.path)

    def _file(self, name: bytes, path: bytes) -> Change | None:
        fd = self._open(name, READ)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _changed(self.root, path)
            if known := self._linked(status, path):
                return known
            self._count(status.st_size, path)
            return node(path, status, fd, size=status.st_size, content=self._content(fd, path, status))
        finally:
            os.close(fd)

    def _count(self, size: int, path: bytes) -> None:
        self.held += size
        if self.limit is not None and self.held > self.limit:
            over = f"with it, the files hold over {self.limit} bytes; allow more with --max-layer-size"
            raise InvalidError(f"{_full(self.root, path)}: {over}")

    def _other(self, name: bytes, path: bytes) -> Change | None:
        status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        if stat.S_ISSOCK(status.st_mode):
            self.skipped["sockets"] += 1
            return None
        target = os.readlink(name, dir_fd=self.fd) if stat.S_ISLNK(status.st_mode) else None
        device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
        rdev = (os.major(status.st_rdev), os.minor(status.st_rdev)) if device else None
        handle = b"/proc/self/fd/%d/%b" % (self.fd, name)
        return self._linked(status, path) or node(path, status, handle, target=target, rdev=rdev)

    def _linked(self, status: os.stat_result, path: bytes) -> Change | None:
        """Return the link to the name under which the node was met before; at the first, remember *path* and return None."""
        if status.st_nlink == 1:
            return None
        first = self.firsts.setdefault((status.st_dev, status.st_ino), path)
        return None if first is path else link(path, first)

    def _open(self, name: bytes, flags: int) -> int:
        try:
            return os.open(name, flags | self.noatime, dir_fd=self.fd)
        except PermissionError:  # O_NOATIME is for root and the file's owner alone
            self.noatime = 0
            return os.open(name, flags, dir_fd=self.fd)

    def _content(self, fd: int, path: bytes, status: os.stat_result) -> bytes:
        if status.st_size > WHOLE:
            return _kept(self.keeper.put_stream, self._chunks(fd, path, status), path)
        data = os.read(fd, status.st_size + 1)
        while len(data) < status.st_size and (more := os.read(fd, status.st_size + 1 - len(data))):
            data += more
        self._check(fd, path, status, len(data))
        similar = self.like(path) if self.like else None
        return _kept(partial(self.keeper.put, like=similar) if similar else self.keeper.put, data, path)

    def _chunks(self, fd: int, path: bytes, status: os.stat_result) -> Iterator[bytes]:
        size = 0
        try:
            for chunk in pieces(fd, status):
                size += len(chunk)
                yield chunk
        except OSError as error:
            raise _refusal(self.root, path, error) from error
        self._check(fd, path, status, size)

    def _check(self, fd: int, path: bytes, before: os.stat_result, size: int) -> None:
        """Raise ConflictError unless *size* is all of a file that nobody wrote to since *before*."""
        after = os.fstat(fd)
        if size != before.st_size or size != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
            raise _changed(self.root, path)


def pieces(fd: int, status: os.stat_result) -> Iterator[bytes]:
    """Yield what a file holds, a little more where it grows; holes are not read, for the kernel would fill memory with them."""
    at, sparse, zeros = 0, status.st_blocks * 512 < status.st_size, b""
    while at <= status.st_size:
        end = at + CHUNK
        if sparse and at < status.st_size:
            data = _data_after(fd, at, status.st_size)
            if data > at:
                zeros = zeros or bytes(CHUNK)
                yield zeros[: data - at]
                at = min(data, end)
                continue
            end = min(end, os.lseek(fd, at, os.SEEK_HOLE))
        chunk = os.pread(fd, end - at, at)
        if not chunk:
            return
        at += len(chunk)
        yield chunk


def _data_after(fd: int, at: int, size: int) -> int:
    """Return where the next bytes lie that are no hole; *size* where there are none."""
    try:
        return min(os.lseek(fd, at, os.SEEK_DATA), size)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return size


def node(
    path: bytes,
    status: os.stat_result,
    handle: int | bytes,
    *,
    size: int = 0,
    content: bytes | None = None,
    target: bytes | None = None,
    rdev: tuple[int, int] | None = None,
) -> Change:
    return put(
        path, status.st_mode, uid=status.st_uid, gid=status.st_gid, mtime=status.st_mtime_ns,
        size=size, content=content, target=target, rdev=rdev, xattrs=xattrs(handle),
    )  # fmt: skip


def _kept(keep: Callable[[T], bytes], content: T, path: bytes) -> bytes:
    try:
        return keep(content)
    except OSError as error:
        raise StoreError(f"cannot store {shown(path)}: {error.strerror}; see to the disk of the store") from error


def _changed(root: str, path: bytes) -> ConflictError:
    return ConflictError(f"{_full(root, path)} changed while it was read: try again when nothing writes to it")


def _refusal(root: str, path: bytes, error: OSError) -> LayerlogError:
    name = _full(root, path)
    match error:
        case FileNotFoundError() if not path:
            return NotFoundError(f"{name} is not there: name an existing folder")
        case NotADirectoryError() if not path:
            return ConflictError(f"{name} is not a folder: name the folder that holds it")
        case PermissionError():
            return LayerlogError(f"cannot read {name}: permission denied; make it readable, read it as root, or leave it out")
        case _ if error.errno in CHANGED:
            return _changed(root, path)
    return LayerlogError(f"cannot read {name}: {error.strerror}; see to the disk that holds it, or leave it out")


def _full(root: str, path: bytes) -> str:
    return shown(join(os.fsencode(root), path) if path else os.fsencode(root))
