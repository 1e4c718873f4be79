"""Several blobs on their way here at once, each in a file that is read while it grows and that the next try goes on with."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self

from cli.registry.repository import Repository
from cli.streams.files import Extent, OpenFile, unnamed_file
from cli.streams.reader import Reader, pieces_of, verified
from cli.streams.workers import in_threads
from eventstore.errors import InvalidError
from projections.oci.oci_image import Descriptor

AT_ONCE = 3
"""As Docker: more gains nothing from one registry, and hinders others."""

Advance = Callable[[Descriptor, int], object]
"""Told of a blob's bytes as they arrive, those that an earlier try had got among them."""


class Downloads:
    """The blobs *wanted* from *repository*, in that order.

    Their files lie in *folder* until the block ends well, or because they are not what they should be.
    """

    def __init__(self, repository: Repository, wanted: Sequence[Descriptor], folder: str, advance: Advance) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._found = {blob: _Download(repository, blob, folder, advance) for blob in dict.fromkeys(wanted)}

    def __enter__(self) -> Self:
        in_threads(AT_ONCE, (download.run for download in self._found.values()))
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        for download in self._found.values():
            download.stop()
            download.unlock()
        if kind is None or issubclass(kind, InvalidError):  # else the next try goes on with what is here
            for download in self._found.values():
                download.forget()

    def open(self, blob: Descriptor) -> BinaryIO:
        """Return a blob, verified as it is read, waiting for what has not come yet."""
        chunks = self._found[blob].chunks()
        return verified(Reader(chunks), blob.digest, blob.size, f"blob {blob.digest}")


class _Download:
    def __init__(self, repository: Repository, blob: Descriptor, folder: str, advance: Advance) -> None:
        self._repository, self._blob, self._advance = repository, blob, advance
        self._path: str | None = os.path.join(folder, blob.hex)
        file = _own_file(self._path)
        if file is None:  # somebody else is getting the same blob
            self._path, file = None, unnamed_file(folder)
        self._file = file
        self._come = min(file.size, blob.size)
        self._failure: BaseException | None = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()

    def run(self) -> None:
        if self._stopped.is_set():
            return
        self._advance(self._blob, self._come)
        try:
            for chunk in self._repository.chunks(self._blob, self._come):
                if self._stopped.is_set():
                    return
                os.pwrite(self._file.descriptor, chunk, self._come)
                self._tell(len(chunk))
                self._advance(self._blob, len(chunk))
        except BaseException as failure:  # noqa: BLE001 - raised again in the thread that reads
            self._failure = failure
        finally:
            self._tell(0)

    def chunks(self) -> Iterator[bytes]:
        read = 0
        while read < self._blob.size:
            come = self._come_after(read)
            yield from pieces_of(Extent(self._file, read, come - read))
            read = come

    def _come_after(self, read: int) -> int:
        """Return how many bytes are here once that is more than *read*; raise what kept them from coming."""
        with self._changed:
            self._changed.wait_for(lambda: self._come > read or self._failure is not None)
            if self._come == read and self._failure is not None:
                raise self._failure
            return self._come

    def stop(self) -> None:
        self._stopped.set()

    def unlock(self) -> None:
        fcntl.flock(self._file.descriptor, fcntl.LOCK_UN)

    def forget(self) -> None:
        if self._path is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._path)

    def _tell(self, size: int) -> None:
        with self._changed:
            self._come += size
            self._changed.notify_all()


def _own_file(path: str) -> OpenFile | None:
    """Return the file at *path*, made where it is not there, for this process alone; None where another one has it."""
    file = OpenFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return file
