"""Streams of chunks: stages that take chunks and give chunks, and the Reader at their end for who reads by size.

A stage holds a chunk or two, whatever passes through it; a Reader closes what it reads from when it is closed.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import Protocol

from eventstore.errors import LayerlogError, MismatchError

PIECE = 1 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class ChunkSource(io.RawIOBase):
    """Chunks read by size; what they raise is raised again by every later read.  `count` is how many bytes were read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.count = 0
        self._left = memoryview(b"")
        self._error: LayerlogError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left and (chunk := self.chunk()) is not None:
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        self.count += size
        return size

    def exactly(self, size: int) -> bytes:
        """Return *size* bytes, fewer only at the end."""
        found = b""
        while len(found) < size and (more := self.read(size - len(found))):
            found += more
        return found

    def chunk(self) -> bytes | None:
        """Return the next chunk that nothing was read of yet, None at the end."""
        if self._error:
            raise self._error
        try:
            return next(self._chunks, None)
        except LayerlogError as error:
            self._error = error
            raise


class Reader(io.BufferedReader):
    """Chunks as a stream; closing it closes *origin*.  `proves` is the (digest, size) that reading to the end proves."""

    def __init__(
        self, chunks: Iterable[bytes], origin: Readable | None = None, *, proves: tuple[str, int | None] | None = None
    ) -> None:
        self.source = ChunkSource(chunks)
        super().__init__(self.source, PIECE)
        self.proves = proves
        self._origin = origin

    def close(self) -> None:
        if not self.closed and self._origin:
            self._origin.close()
        super().close()


def chunks_of(stream: Readable) -> Iterator[bytes]:
    """Return the rest of *stream* in chunks of any size: as they were made, where nothing was read of it yet."""
    if isinstance(stream, Reader) and not stream.source.count:
        return iter(stream.source.chunk, None)
    return pieces_of(stream)


def pieces_of(stream: Readable) -> Iterator[bytes]:
    """Return the rest of *stream* in pieces of at most 1 MiB; of a Reader all but the last are of that size."""
    return iter(lambda: stream.read(PIECE), b"")


def verified(stream: Readable, digest: str, size: int | None, what: str = "") -> Reader:
    """Return *stream* as a reader whose end is a MismatchError unless the bytes have this digest (and size, if any)."""
    if isinstance(stream, Reader) and stream.proves == (digest, size):
        return stream
    return Reader(verify(chunks_of(stream), digest, size, what or f"blob {digest}"), stream, proves=(digest, size))


def verify(chunks: Iterable[bytes], digest: str, size: int | None, what: str) -> Iterator[bytes]:
    """Yield *chunks*; raise MismatchError unless they have this digest (and size, if any: then before the last chunk)."""
    seen, count = hashlib.sha256(), 0
    for chunk in chunks:
        seen.update(chunk)
        count += len(chunk)
        if size is not None and count > size:
            raise MismatchError(f"{what}: more than the {size} bytes that were promised; get it again")
        if count == size:
            _check_digest(seen.hexdigest(), digest, what)
        yield chunk
    if size is not None and count != size:
        raise MismatchError(f"{what}: ends after {count} of {size} bytes; get it again")
    _check_digest(seen.hexdigest(), digest, what)


def _check_digest(found: str, digest: str, what: str) -> None:
    if "sha256:" + found != digest:
        raise MismatchError(f"{what}: the bytes are sha256:{found}, not {digest}; get it again")
