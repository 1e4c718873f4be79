"""Single nodes made below an open directory, with all of their attributes or as many as this process may set.

Every name is made exclusively and no symlink is followed, so nothing that stands in the directory, and nothing that
another process puts there meanwhile, leads a write out of it.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from eventstore.errors import ConflictError, InvalidError, MismatchError
from eventstore.model.entries import Entry, Piece
from eventstore.model.paths import shown

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PIN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

SETUID = stat.S_ISUID | stat.S_ISGID
PRIVILEGED = (b"security.", b"trusted.")
# EINVAL: an owner that this user namespace does not know; ENOTSUP: xattrs that this filesystem does not
NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP)
PROBE = b".layerlog-probe"
HOLE = 4096  # zeros worth a seek instead of a write
ZEROS = bytes(1024 * 1024)


@dataclass(slots=True)
class Report:
    """What was written, and how often something was left out: `devices`, `owners`, `setuid` (and setgid), `xattrs`."""

    files: int = 0
    directories: int = 0
    symlinks: int = 0
    links: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


class NodeWriter:
    """Makes nodes on one filesystem and counts them; OSError where the host refuses for want of more than rights.

    *safe* leaves out devices, owners, setuid and setgid bits, and the xattrs that grant rights.  What this process may
    not set is left out too.  Setuid and setgid bits are set only where the owner is the entry's.
    """

    def __init__(self, directory: int, *, safe: bool = False) -> None:
        """*directory* must be empty of default ACLs and have its final filesystem; a file is made in it and removed."""
        self.safe = safe
        self.report = Report()
        self.uid, self.gid, self.umask = _defaults(directory)

    def file(self, directory: int, name: bytes, entry: Entry, chunks: Iterable[Piece]) -> None:
        """Make a regular file; raise MismatchError where *chunks* are not `entry.size` bytes."""
        made = self._initial(entry)
        fd = os.open(name, CREATE, made, dir_fd=directory)
        try:
            size = fill(fd, chunks)
            self.finish(fd, entry, made)
        finally:
            os.close(fd)
        if size != entry.size:
            raise MismatchError(f"{shown(entry.path)}: {size} bytes came, its event says {entry.size}; run verify")
        self.report.files += 1
        self.report.bytes += size

    def directory(self, parent: int, name: bytes, entry: Entry) -> int:
        """Make a directory that its owner can fill and return it open; `finish` is due when it is full.

        What else it is to be would hinder filling it, or be spoilt.
        """
        os.mkdir(name, self.fillable(entry), dir_fd=parent)
        self.report.directories += 1
        return os.open(name, OPEN_DIRECTORY, dir_fd=parent)

    def symlink(self, directory: int, name: bytes, entry: Entry) -> None:
        if not entry.target:
            raise InvalidError(f"{shown(entry.path)}: a symlink without a target cannot be made; run verify")
        os.symlink(entry.target, name, dir_fd=directory)
        with _pinned(directory, name, entry) as node:
            self.finish(node, entry._replace(mode=0o777), 0o777)  # a symlink's mode means nothing and cannot be changed
        self.report.symlinks += 1

    def special(self, directory: int, name: bytes, entry: Entry) -> bool:
        """Make a device or fifo; return whether it was."""
        device = stat.S_ISCHR(entry.mode) or stat.S_ISBLK(entry.mode)
        if not device and not stat.S_ISFIFO(entry.mode):
            raise InvalidError(f"{shown(entry.path)}: mode {entry.mode:#o} is of no known type; run verify")
        if device and self.safe:
            return self._skip("devices")
        made = self._initial(entry)
        try:
            os.mknod(name, stat.S_IFMT(entry.mode) | made, os.makedev(*entry.rdev or (0, 0)), dir_fd=directory)
        except PermissionError:
            return self._skip("devices")
        with _pinned(directory, name, entry) as node:
            self.finish(node, entry, made)
        return True

    def link(self, source: int, old: bytes, directory: int, name: bytes) -> None:
        os.link(old, name, src_dir_fd=source, dst_dir_fd=directory, follow_symlinks=False)
        self.report.links += 1

    def finish(self, node: int | bytes, entry: Entry, made: int) -> None:
        """Give an open node the owner, xattrs, mode and mtime of *entry*; *made* are the permissions that it has.

        The order matters: a change of owner clears setuid bits and file capabilities.
        """
        mode = stat.S_IMODE(entry.mode)
        owned = (entry.uid == self.uid and entry.gid == self.gid) or self._chown(node, entry)
        if entry.detail:
            self._set_xattrs(node, entry)
        if mode & SETUID and (self.safe or not owned):
            self._skip("setuid")
            mode &= ~SETUID
        if mode != made:
            os.chmod(node, mode)
        os.utime(node, ns=(entry.mtime, entry.mtime))

    def allowed(self, what: str, act: Callable[..., None], *of: object) -> bool:
        """Do it, and return whether this process may; *what* is counted where it may not."""
        try:
            act(*of)
        except OSError as error:
            if error.errno not in NOT_ALLOWED:
                raise
            return self._skip(what)
        return True

    def _initial(self, entry: Entry) -> int:
        """Return the permissions that a new node gets at once: the final ones, or such that xattrs can still be set."""
        mode = entry.mode | 0o600 if entry.detail else entry.mode
        return mode & 0o777 & ~self.umask

    def fillable(self, entry: Entry) -> int:
        """Return the permissions of a directory until it is full."""
        return (entry.mode | 0o700) & 0o777 & ~self.umask

    def _chown(self, node: int | bytes, entry: Entry) -> bool:
        return self._skip("owners") if self.safe else self.allowed("owners", os.chown, node, entry.uid, entry.gid)

    def _set_xattrs(self, node: int | bytes, entry: Entry) -> None:
        for name, value in entry.xattrs.items():
            if self.safe and name.startswith(PRIVILEGED):
                self._skip("xattrs")
            else:
                self.allowed("xattrs", os.setxattr, node, name, value)

    def _skip(self, reason: str) -> bool:
        self.report.skipped[reason] += 1
        return False


def fill(fd: int, chunks: Iterable[Piece]) -> int:
    """Write *chunks* to a new file, long runs of zeros as holes, and return their size."""
    size = 0
    hole = False
    for chunk in chunks:
        size += len(chunk)
        hole = len(chunk) >= HOLE and not chunk[0] and ZEROS.startswith(bytes(chunk))
        if hole:
            os.lseek(fd, len(chunk), os.SEEK_CUR)
            continue
        written = os.write(fd, chunk)
        while written < len(chunk):
            written += os.write(fd, memoryview(chunk)[written:])
    if hole:
        os.ftruncate(fd, size)
    return size


@contextmanager
def _pinned(directory: int, name: bytes, entry: Entry) -> Iterator[bytes]:
    """Yield a path that names the node just made, whatever happens to its name; chmod has no other way to be safe."""
    fd = os.open(name, PIN, dir_fd=directory)
    try:
        status = os.fstat(fd)
        if stat.S_IFMT(status.st_mode) != stat.S_IFMT(entry.mode) or status.st_nlink != 1:
            raise ConflictError(f"{shown(entry.path)} was replaced by another process while it was written")
        yield b"/proc/self/fd/%d" % fd
    finally:
        os.close(fd)


def _defaults(directory: int) -> tuple[int, int, int]:
    """Return the (uid, gid, umask) that new nodes below *directory* get: the mount and the process both have a say."""
    probe = b"%b-%d" % (PROBE, os.getpid())
    fd = os.open(probe, CREATE, 0o777, dir_fd=directory)
    try:
        status = os.fstat(fd)
        return status.st_uid, status.st_gid, 0o777 & ~status.st_mode
    finally:
        os.close(fd)
        os.unlink(probe, dir_fd=directory)
