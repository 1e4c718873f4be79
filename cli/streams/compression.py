"""Compression: unpacked within limits, packed the same way every time."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from cli.streams.reader import PIECE, ChunkSource, Readable, Reader, chunks_of, pieces_of
from eventstore.errors import InvalidError

MAX_SIZE = 64 << 30
"""Bytes that a blob may unpack to where the caller says nothing."""
FREE = 256 << 20
MAX_RATIO = 2000
"""How much zstd, xz and bzip2 may unpack to: FREE, and then MAX_RATIO times what was read.  Real layers stay below 100; gzip
cannot exceed 1,032 (RFC 1951), so a genuine file of zeros always passes as gzip; zstd could reach 30,000, bzip2 a million."""
MAX_WINDOW = 128 << 20
"""zstd's own tools refuse more unless told otherwise (RFC 8878, 3.1.1.1.2); `xz -9` needs half of it."""

HEAD = 10
_XZ = b"\xfd7zXZ\0"
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")


def decompressed(stream: Readable, *, max_size: int = MAX_SIZE, what: str = "blob") -> Reader:
    """Return what *stream* unpacks to: gzip, zstd, xz or bzip2 (also several, one behind the other), or plain bytes.

    InvalidError for cut or broken data, more than *max_size* bytes, a window over 128 MiB or a bomb.
    """
    return Reader(limit(unpack(chunks_of(stream), what), max_size, what), stream)


def unpack(chunks: Iterator[bytes], what: str) -> Iterator[bytes]:
    """Yield what *chunks* unpack to, as their first bytes say; raise InvalidError as `decompressed` does."""
    head = b""
    while len(head) < HEAD and (chunk := next(chunks, None)) is not None:
        head += chunk
    how = stored_as(head)
    whole = chain([head], chunks)
    yield from whole if not how else _UNPACKERS[how](ChunkSource(whole), what)


def limit(chunks: Iterable[bytes], max_size: int, what: str) -> Iterator[bytes]:
    """Yield *chunks*; raise InvalidError instead of the byte after *max_size*."""
    left = max_size
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise InvalidError(f"{what}: unpacks to more than {max_size} bytes; allow more with --max-layer-size")
        yield chunk


def stored_as(head: bytes) -> str:
    """Return "gzip", "zstd", "xz", "bzip2" or "" (plain) by the first HEAD bytes of a blob."""
    if head.startswith(_XZ):
        return "xz"
    if _BZIP2.match(head):
        return "bzip2"
    return "gzip" if head.startswith(b"\x1f\x8b\x08") else "zstd" if _is_zstd(head[:4]) else ""


def gzip_blocks(chunks: Iterable[bytes], level: int = 1) -> Iterator[bytes]:
    """Return *chunks* as one gzip member without name or time; *level* 0-3.

    The same isal version on the same kind of CPU gives the same bytes, however the input is cut into chunks.
    """
    from isal import isal_zlib

    packer = isal_zlib.compressobj(level, isal_zlib.DEFLATED, 31)
    for chunk in pieces_of(Reader(chunks)):  # what isal makes depends on how its input is cut
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def zstd_frames(chunks: Iterable[bytes], level: int = 3) -> Iterator[bytes]:
    """Return *chunks* as one zstd frame with a checksum; the same version of zstd gives the same bytes."""
    import zstandard

    packer = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
    for chunk in pieces_of(Reader(chunks)):
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


PACKERS = {"gzip": gzip_blocks, "zstd": zstd_frames}


def packed_by(how: str) -> str:
    """Return what decides about the bytes that a packer makes: compressor, its version, and the kind of CPU."""
    from importlib.metadata import version

    name = {"gzip": "isal", "zstd": "zstandard"}[how]
    return f"{how} by {name} {version(name)} on {_cpu()}"


def _cpu() -> str:
    """Return the machine and the widest vectors that it computes with: isal has another program for each."""
    import os

    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(next((line for line in file if line.startswith(("flags", "Features"))), "").split())
    widest = next((flag for flag in ("avx512f", "avx2", "sse4_2", "asimd") if flag in flags), "")
    return f"{os.uname().machine} {widest}".rstrip()


def _gunzip(source: ChunkSource, what: str) -> Iterator[bytes]:
    import gzip

    from isal import igzip, isal_zlib

    broken: tuple[type[Exception], ...] = (gzip.BadGzipFile, isal_zlib.IsalError, OverflowError)  # type: ignore[assignment]
    with igzip.IGzipFile(fileobj=source) as unpacker:  # type: ignore[no-untyped-call]
        try:
            yield from pieces_of(unpacker)
        except EOFError:
            raise InvalidError(f"{what}: the gzip data is cut off after {source.count} bytes; get it again") from None
        except broken as error:
            raise InvalidError(f"{what}: broken gzip data: {error}; get it again") from None


_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"


def _is_zstd(head: bytes) -> bool:
    return head == _FRAME or (len(head) == 4 and head[0] >> 4 == 5 and head[1:] == _SKIPPABLE)


def _unzstd(source: ChunkSource, what: str) -> Iterator[bytes]:
    import zstandard

    made = 0
    while head := source.exactly(4):
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        try:
            for block in _frame(source, head, what):
                chunk = unpacker.decompress(block)
                made += len(chunk)
                _check_ratio(made, source.count, "zstd", what)
                yield chunk
        except zstandard.ZstdError as error:
            hint = "make it with a window of 128 MiB at most" if "too much memory" in str(error) else "get it again"
            raise InvalidError(f"{what}: broken zstd data: {error}; {hint}") from None


def _frame(source: ChunkSource, head: bytes, what: str) -> Iterator[bytes]:
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


def _check_ratio(made: int, read: int, how: str, what: str) -> None:
    if made > FREE + MAX_RATIO * read:
        raise InvalidError(f"{what}: a bomb of {how}, over {MAX_RATIO} times its size; if genuine, gzip it")


# -- xz and bzip2: what Docker reads too, and nothing is written in


class _Unpacker(Protocol):
    """What the standard library's decompressors of one stream have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _unxz(source: ChunkSource, what: str) -> Iterator[bytes]:
    from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

    def started() -> _Unpacker:
        return LZMADecompressor(FORMAT_XZ, memlimit=MAX_WINDOW)

    try:
        yield from _streams(source, "xz", started, what)
    except (LZMAError, MemoryError) as error:
        hint = "make it with `xz -9` at most" if "emory" in str(error) else "get it again"
        raise InvalidError(f"{what}: broken xz data: {error}; {hint}") from None


def _unbzip2(source: ChunkSource, what: str) -> Iterator[bytes]:
    from bz2 import BZ2Decompressor

    try:
        yield from _streams(source, "bzip2", BZ2Decompressor, what)
    except OSError as error:
        raise InvalidError(f"{what}: broken bzip2 data: {error}; get it again") from None


_BITE = 1 << 16  # of thousands of tiny streams, each leaves the rest of a bite to be copied


def _streams(source: ChunkSource, how: str, started: Callable[[], _Unpacker], what: str) -> Iterator[bytes]:
    """Yield what all streams of *source* unpack to, in pieces of at most 1 MiB; zeros may stand behind each (xz pads so)."""
    made, data = 0, source.read(_BITE)
    while data:
        if stored_as(data[:HEAD]) != how:
            raise InvalidError(f"{what}: other bytes follow the {how} data; get it again")
        unpacker = started()
        while not unpacker.eof:
            if unpacker.needs_input and not data and not (data := source.read(_BITE)):
                raise InvalidError(f"{what}: the {how} data is cut off after {source.count} bytes; get it again")
            chunk, data = unpacker.decompress(data, PIECE), b""
            made += len(chunk)
            _check_ratio(made, source.count, how, what)
            yield chunk
        data = _after_padding(unpacker.unused_data, source)


def _after_padding(data: bytes, source: ChunkSource) -> bytes:
    """Return *data* and some of what follows it, without the zeros before it; at least HEAD bytes, but for the end."""
    while len(data := data.lstrip(b"\0")) < HEAD and (more := source.read(_BITE)):
        data += more
    return data


_UNPACKERS = {"gzip": _gunzip, "zstd": _unzstd, "xz": _unxz, "bzip2": _unbzip2}
