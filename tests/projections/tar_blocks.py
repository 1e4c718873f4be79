"""Archives made by hand, byte for byte: odd, old and hostile ones that no tar program would write."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import Any

from eventstore.model.changes import Change
from projections.layers.tar import decode
from projections.tar.reader import TarEntry, TarReader

END = bytes(1024)
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def base256(value: int, width: int) -> bytes:
    return bytes([0x80 | ((value >> (8 * (width - 1))) & 0x7F)]) + (value & ((1 << (8 * (width - 1))) - 1)).to_bytes(
        width - 1, "big"
    )


def block(
    name: bytes = b"f",
    kind: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: bytes = b"0000644\0",
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 0,
    link: bytes = b"",
    magic: bytes = USTAR,
    major: int | bytes = 0,
    minor: int | bytes = 0,
    prefix: bytes = b"",
    tail: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """Return one header block; numbers are written in octal, bytes as they stand; *tail* overwrites the block's end."""

    def field(value: int | bytes, width: int) -> bytes:
        return (octal(value, width) if isinstance(value, int) else value).ljust(width, b"\0")

    body = bytearray(
        name.ljust(100, b"\0") + mode + field(uid, 8) + field(gid, 8) + field(size, 12) + field(mtime, 12) + b" " * 8
        + kind + link.ljust(100, b"\0") + magic + bytes(64) + field(major, 8) + field(minor, 8) + prefix.ljust(167, b"\0")
    )  # fmt: skip
    if tail:
        body[-len(tail) :] = tail
    body[148:156] = b"%06o\0 " % sum(body) if checksum is None else checksum
    assert len(body) == 512
    return bytes(body)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def entry(name: bytes = b"f", data: bytes = b"", **fields: Any) -> bytes:
    return block(name, **{"size": len(data), **fields}) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length = len(str(length)) + len(key) + len(value) + 3
    return b"%d %b=%b\n" % (length, key, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    return entry(b"PaxHeader", b"".join(record(key, value) for key, value in records), kind=kind)


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    return entry(b"././@LongLink", name + b"\0", kind=kind, magic=GNU)


class Dribble:
    """A stream that gives less than it is asked for, as sockets and decompressors do."""

    def __init__(self, data: bytes, most: int = 700) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._most))


class Contents:
    """Keeps contents in memory, as the real content store does on disk."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}
        self.streamed = 0

    def put(self, data: bytes, /) -> bytes:
        digest = hashlib.sha256(data).digest()
        self.held[digest] = data
        return digest

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        self.streamed += 1
        return self.put(b"".join(chunks))


def entries(archive: bytes) -> list[tuple[TarEntry, bytes]]:
    """Return every entry with its data."""
    return list(_read(TarReader(io.BytesIO(archive))))


def _read(reader: TarReader) -> Iterator[tuple[TarEntry, bytes]]:
    for found in reader:
        yield found, reader.read()


def decoded(archive: bytes) -> tuple[list[Change], bytes, Contents]:
    """Return (changes, framing, contents) of a layer tar."""
    framing, contents = bytearray(), Contents()
    changes = list(decode(io.BytesIO(archive), contents, framing.extend))
    return changes, bytes(framing), contents
