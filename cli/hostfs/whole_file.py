"""A host file that is written whole or not at all."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from cli.streams.threads import Lane
from eventstore.disk.fsync import sync_folder

PART = 32 << 20
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def whole_file(path: str, *, durable: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* at the end, on disk then if *durable*; after a failure *path* is as it was.

    It gets the mode of the file that it replaces.  What is there and is no regular file (a pipe, /dev/stdout) is
    written to as it is.  A killed process leaves nothing beside *path*, where the filesystem has files without a name.
    Raises OSError, naming the path.
    """
    path = os.path.realpath(path)
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    beside = f"{path}.{os.urandom(4).hex()}.layerlog"  # what a killed process left must not be in the next one's way
    permissions = 0o666 if mode is None else stat.S_IMODE(mode)
    unnamed = _open_unnamed(path, permissions)
    fd = _open(beside, path, permissions) if unnamed is None else unnamed
    try:
        with io.BufferedWriter(_OnItsWay(fd) if durable else io.FileIO(fd, "wb")) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(fd)
            if unnamed is not None:
                _name(unnamed, beside)
        os.rename(beside, path)
        if durable:
            sync_folder(os.path.dirname(path))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


class _OnItsWay(io.FileIO):
    """A file that goes to disk part by part, beside the writing, so that little is left to wait for at its end."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "wb")
        self._lane = Lane(lambda _: os.fdatasync(fd))
        self._waiting = 0

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self._waiting += written
        if self._waiting >= PART:
            self._lane.put(b"")
            self._waiting = 0
        return written

    def close(self) -> None:
        """Raise what went wrong on the way: the kernel says it once, and the last fsync may not."""
        if not self.closed:
            try:
                self._lane.close()
            finally:
                super().close()


def _open_unnamed(path: str, mode: int) -> int | None:
    """Return a file without a name in the folder of *path*; None where there is no such thing, or no way to name it."""
    if not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(os.path.dirname(path), os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
    except OSError:  # what else is wrong, opening it by name says
        return None


def _name(fd: int, beside: str) -> None:
    """Give an unnamed file a name, for the moment before it is renamed: a link alone cannot replace a file."""
    folder = os.open(os.path.dirname(beside), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # with a folder given, Python follows the link in /proc to the file itself
        os.link(f"/proc/self/fd/{fd}", os.path.basename(beside), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _open(beside: str, path: str, mode: int) -> int:
    try:
        return os.open(beside, NEW, mode)
    except OSError as error:
        error.filename = path
        raise


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
