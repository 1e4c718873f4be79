"""A host file that is written whole or not at all."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from cli.streams.threads import Lane
from eventstore.disk.atomic import replacing

PART = 32 << 20


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
    with replacing(path, 0o666 if mode is None else stat.S_IMODE(mode), durable=durable) as fd:
        raw = _FlushedOnTheWay(fd) if durable else io.FileIO(fd, "wb", closefd=False)
        with io.BufferedWriter(raw) as file:
            yield file


class _FlushedOnTheWay(io.FileIO):
    """A file that goes to disk part by part, beside the writing, so that little is left to wait for at its end."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "wb", closefd=False)
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


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
