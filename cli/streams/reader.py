"""Blobs as streams: verified as they are read, unpacked within limits, packed the same way every time.

Every reader here holds a few MiB whatever the blob's size, and closes what it reads from when it is closed.
"""

import hashlib
import io
import os
import weakref
from collections.abc import Iterable, Iterator
from typing import Protocol

from eventstore.errors import InvalidError, LayerlogError, MismatchError
from eventstore.model.digests import named
from projections.oci.oci_image import LayerBlob

PIECE = 1 << 20
MAX_SIZE = 64 << 30
"""Bytes that a blob may unpack to where the caller says nothing."""
FREE = 256 << 20
MAX_RATIO = 2000
"""How much zstd may unpack to: FREE, and then MAX_RATIO times what was read.  Real layers stay below 100; gzip cannot
exceed 1,032 (RFC 1951), so a genuine file of zeros always passes as gzip; zstd could reach 30,000."""
MAX_WINDOW = 128 << 20
"""zstd's own tools refuse more unless told otherwise (RFC 8878, 3.1.1.1.2)."""


HEAD = 10


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Reader(io.BufferedReader):
    """`claim` is the (digest, size) that reading to the end proves; `chunks` is what it reads."""

    claim: tuple[str, int | None] | None = None
    chunks: "_Chunks"


def reader(chunks: Iterator[bytes], source: Readable | None = None) -> Reader:
    """Return *chunks* as a stream; what they raise is raised again by every later read.  Closing closes *source*."""
    raw = _Chunks(chunks, source)
    found = Reader(raw, PIECE)
    found.chunks = raw
    return found


def pieces(stream: Readable) -> Iterator[bytes]:
    """Return the rest of *stream* in pieces of at most 1 MiB, a `reader` fills all but the last."""
    return iter(lambda: stream.read(PIECE), b"")


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Return *chunks* joined to pieces of 1 MiB or somewhat more, the last one less: what is passed on costs by the piece."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def passed(stream: Readable) -> Iterator[bytes]:
    """Return the rest of *stream* in pieces of any size: nothing is copied where nothing was read of it yet."""
    return stream.chunks.untouched() if isinstance(stream, Reader) and not stream.chunks.touched else pieces(stream)


def verified(stream: Readable, digest: str, size: int | None, what: str = "") -> Reader:
    """Return *stream* as a reader whose end is a MismatchError unless the bytes have this digest (and size, if any)."""
    if isinstance(stream, Reader) and stream.claim == (digest, size):
        return stream
    found = reader(_verified(passed(stream), digest, size, what or f"blob {digest}"), stream)
    found.claim = (digest, size)
    return found


def decompressed(stream: Readable, *, max_size: int = MAX_SIZE, what: str = "blob") -> Reader:
    """Return what *stream* unpacks to: gzip (also of several members), zstd (also of several frames) or plain bytes.

    InvalidError for cut or broken data, more than *max_size* bytes, a zstd window over 128 MiB or a zstd bomb.
    """
    return reader(_limited(_unpacked(stream, what), max_size, what), stream)


def layer_tar(layer: LayerBlob, *, max_size: int = MAX_SIZE) -> Reader:
    """Return the plain tar of *layer*; its end is reached only if blob digest, blob size and diff_id are all true."""
    diff_id, what = named(layer.diff_id), f"layer {layer.descriptor.digest}"
    stored = verified(layer.open(), layer.descriptor.digest, layer.descriptor.size, what)
    if layer.descriptor.digest == diff_id:
        return reader(_limited(passed(stored), max_size, what), stored)
    return verified(decompressed(stored, max_size=max_size, what=what), diff_id, None, f"{what}, unpacked")


def stored_as(head: bytes, what: str) -> str:
    """Return "gzip", "zstd" or "" (plain) by the first HEAD bytes of a blob; InvalidError for xz and bzip2."""
    if head.startswith(b"\xfd7zXZ\0") or (head.startswith(b"BZh") and head[4:10] == b"1AY&SY"):
        raise InvalidError(f"{what}: xz and bzip2 are not read; unpack it first, as with xz -d or bunzip2")
    return "gzip" if head.startswith(b"\x1f\x8b\x08") else "zstd" if _is_zstd(head[:4]) else ""


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


def gzip_blocks(chunks: Iterable[bytes], level: int = 1) -> Iterator[bytes]:
    """Return *chunks* as one gzip member without name or time; *level* 0-3.

    The same isal version on the same kind of CPU gives the same bytes, however the input is cut into chunks.
    """
    from isal import isal_zlib

    packer = isal_zlib.compressobj(level, isal_zlib.DEFLATED, 31)
    for chunk in pieces(reader(iter(chunks))):  # what isal makes depends on how its input is cut
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes], source: Readable | None) -> None:
        self._chunks = chunks
        self._source = source
        self._left = memoryview(b"")
        self._error: LayerlogError | None = None
        self.touched = False

    def readable(self) -> bool:
        return True

    def untouched(self) -> Iterator[bytes]:
        while (chunk := self._next()) is not None:
            if chunk:  # an empty one would be taken for the end
                yield chunk

    def _next(self) -> bytes | None:
        self.touched = True
        if self._error:
            raise self._error
        try:
            return next(self._chunks, None)
        except LayerlogError as error:
            self._error = error
            raise

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left and (chunk := self._next()) is not None:
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def close(self) -> None:
        if not self.closed and self._source:
            self._source.close()
        super().close()


def _verified(chunks: Iterable[bytes], digest: str, size: int | None, what: str) -> Iterator[bytes]:
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


def _limited(chunks: Iterable[bytes], max_size: int, what: str) -> Iterator[bytes]:
    left = max_size
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise InvalidError(f"{what}: unpacks to more than {max_size} bytes; allow more with --max-layer-size")
        yield chunk


def _unpacked(stream: Readable, what: str) -> Iterator[bytes]:
    source = _Source(stream)
    head = source.exactly(HEAD)
    source.back(head)
    how = stored_as(head, what)
    yield from (pieces(source) if not how else _gunzip(source, what) if how == "gzip" else _unzstd(source, what))


class _Source(io.RawIOBase):
    """A stream that counts what was read and takes its first bytes back."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._head = b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = PIECE) -> bytes:
        found = self._head[:size] or self._stream.read(size)
        self._head = self._head[len(found) :]
        self.count += len(found)
        return found

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def exactly(self, size: int) -> bytes:
        """Return *size* bytes, fewer only at the end."""
        found = b""
        while len(found) < size and (more := self.read(size - len(found))):
            found += more
        return found

    def back(self, head: bytes) -> None:
        self._head = head
        self.count -= len(head)


def _gunzip(source: _Source, what: str) -> Iterator[bytes]:
    import gzip

    from isal import igzip, isal_zlib

    broken: tuple[type[Exception], ...] = (gzip.BadGzipFile, isal_zlib.IsalError, OverflowError)  # type: ignore[assignment]
    with igzip.IGzipFile(fileobj=source) as unpacker:  # type: ignore[no-untyped-call]
        try:
            yield from pieces(unpacker)
        except EOFError:
            raise InvalidError(f"{what}: the gzip data is cut off after {source.count} bytes; get it again") from None
        except broken as error:
            raise InvalidError(f"{what}: broken gzip data: {error}; get it again") from None


_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"


def _is_zstd(head: bytes) -> bool:
    return head == _FRAME or (len(head) == 4 and head[0] >> 4 == 5 and head[1:] == _SKIPPABLE)


def _unzstd(source: _Source, what: str) -> Iterator[bytes]:
    import zstandard

    made = 0
    while head := source.exactly(4):
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        try:
            for block in _frame(source, head, what):
                chunk = unpacker.decompress(block)
                made += len(chunk)
                if made > FREE + MAX_RATIO * source.count:
                    raise InvalidError(f"{what}: a zstd bomb, over {MAX_RATIO} times its size; if genuine, gzip it")
                yield chunk
        except zstandard.ZstdError as error:
            hint = "make it with a window of 128 MiB at most" if "too much memory" in str(error) else "get it again"
            raise InvalidError(f"{what}: broken zstd data: {error}; {hint}") from None


def _frame(source: _Source, head: bytes, what: str) -> Iterator[bytes]:
    """A frame's header, blocks and checksum one by one (RFC 8878, 3.1.1); nothing for a skippable frame.

    Given whole blocks, the decompressor's output is bounded by 128 KiB a call, and a cut frame is seen.
    """

    def exactly(size: int) -> bytes:
        found = source.exactly(size)
        if len(found) < size:
            raise InvalidError(f"{what}: the zstd data is cut off after {source.count} bytes; get it again")
        return found

    if not _is_zstd(head):
        raise InvalidError(f"{what}: other bytes follow the zstd data; get it again")
    if head != _FRAME:
        left = int.from_bytes(exactly(4), "little")
        while left:
            left -= len(exactly(min(left, PIECE)))
        return
    flags = exactly(1)
    yield head + flags + exactly(_header_rest(flags[0]))
    last = 0
    while not last:
        block = exactly(3)
        last, kind, size = block[0] & 1, block[0] >> 1 & 3, int.from_bytes(block, "little") >> 3
        yield block + exactly(1 if kind == 1 else size)
    if flags[0] & 4:
        yield exactly(4)


def _header_rest(flags: int) -> int:
    """The bytes of a frame header after its descriptor: window, dictionary id, content size (RFC 8878, 3.1.1.1)."""
    single, content = flags >> 5 & 1, flags >> 6
    return (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[content]
