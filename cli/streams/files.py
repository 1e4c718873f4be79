"""Files that several read at once, each from its own place."""

import os
import weakref


class OpenFile:
    """A file descriptor that is closed with its last user."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size


def unnamed_file(folder: str) -> OpenFile:
    """Return a new file in *folder* that has no name there, and so is gone with its last user."""
    import tempfile

    with tempfile.TemporaryFile(dir=folder) as file:
        return OpenFile(os.dup(file.fileno()))


class Extent:
    """*size* bytes of *file* from *offset*: a stream that no other user of the file disturbs."""

    def __init__(self, file: OpenFile, offset: int, size: int) -> None:
        self._file: OpenFile | None = file
        self._at = offset
        self._end = offset + size

    def read(self, size: int, /) -> bytes:
        assert self._file
        found = os.pread(self._file.descriptor, min(size, self._end - self._at), self._at)
        self._at += len(found)
        return found

    def close(self) -> None:
        self._file = None
