"""Atomic: a file that takes its place when it is complete, and not at all where it cannot be completed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from eventstore.disk.fsync import sync_folder

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def replacing(path: str, mode: int = 0o600, *, durable: bool = False, folder: int | None = None) -> Iterator[int]:
    """Yield the descriptor of a new file that takes the place of *path* at the end; after a failure *path* is as it was.

    It is on disk then, name and bytes, if *durable*; else nothing is fsynced.  *path* is relative to the open *folder*,
    if any.  A killed process leaves nothing beside *path*, where the filesystem has files without a name.  Raises OSError.
    """
    beside = f"{path}.{os.urandom(8).hex()}.layerlog"  # what a killed process left must not be in the next one's way
    unnamed = _open_unnamed(path, mode, folder)
    fd = _open(beside, path, mode, folder) if unnamed is None else unnamed
    try:
        try:
            yield fd
            if durable:
                os.fsync(fd)
            if unnamed is not None:
                _link(unnamed, beside, folder)
        finally:
            os.close(fd)
        os.rename(beside, path, src_dir_fd=folder, dst_dir_fd=folder)
        if durable:
            sync_folder(os.path.dirname(path) or ".", folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise


def _open_unnamed(path: str, mode: int, folder: int | None) -> int | None:
    """Return a file without a name where *path* is; None where there is no such thing, or no way to name it."""
    if not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(os.path.dirname(path) or ".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode, dir_fd=folder)
    except OSError:  # what else is wrong, opening it by name says
        return None


def _link(fd: int, beside: str, folder: int | None) -> None:
    """Give an unnamed file a name, for the moment before it is renamed: a link alone cannot replace a file."""
    # Python follows the link in /proc to the file itself only where some folder is given.
    os.link(f"/proc/self/fd/{fd}", beside, src_dir_fd=fd, dst_dir_fd=folder, follow_symlinks=True)


def _open(beside: str, path: str, mode: int, folder: int | None) -> int:
    try:
        return os.open(beside, _NEW, mode, dir_fd=folder)
    except OSError as error:
        error.filename = path
        raise
