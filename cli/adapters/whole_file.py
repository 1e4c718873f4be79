"""A host file that is written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from eventstore.segments import sync_folder

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def whole_file(path: str, *, durable: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of *path* at the end, on disk then if *durable*; after a failure *path* is as it was.

    It gets the mode of the file that it replaces.  What is there and is no regular file (a pipe, /dev/stdout) is
    written to as it is.  Raises OSError, naming the path.
    """
    path = os.path.realpath(path)
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    beside = f"{path}.{os.urandom(4).hex()}.layerlog"  # what a killed process left must not be in the next one's way
    fd = _open(beside, path, 0o666 if mode is None else stat.S_IMODE(mode))
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(fd)
        os.rename(beside, path)
        if durable:
            sync_folder(os.path.dirname(path))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


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
