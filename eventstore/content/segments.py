"""Segments: append-only files of compressed blocks.  FORMAT.md, "Segments", is the specification.

A block is written once and never changed.  Bytes that no row of `content` names (a torn tail, a killed writer's work)
do not exist for any reader.
"""

import fcntl
import os
import struct
from typing import NamedTuple

import lz4.block

from eventstore.disk.fsync import sync_folder
from eventstore.errors import DamagedError

HEADER = struct.Struct("<4sB3sII")
MAGIC, ZEROS = b"LLB1", bytes(3)
RAW, LZ4, LZ4_DICTIONARY = 0, 1, 2
DIGEST = 32
SEGMENT_SIZE = 256 << 20
BLOCK = 64 << 10  # bytes that small contents share, before compression
MAX_RATIO = 255  # lz4 cannot unpack to more; a damaged header must not cost memory


class Place(NamedTuple):
    """Where a block lies: negative segments are originals; `stored` counts header and payload, in bytes."""

    segment: int
    offset: int
    stored: int


def encoded(data: bytes, *, compress: bool = True) -> bytes:
    """Return the block that holds *data*, compressed where that makes it smaller."""
    if compress:
        packed: bytes = lz4.block.compress(data, store_size=False)
        if len(packed) < len(data):
            return HEADER.pack(MAGIC, LZ4, ZEROS, len(data), len(packed)) + packed
    return HEADER.pack(MAGIC, RAW, ZEROS, len(data), len(data)) + data


def encoded_like(data: bytes, base: bytes, base_digest: bytes) -> bytes:
    """Return the block that holds *data* as its difference from *base*, which must be at hand to decode it.

    High compression makes it a third smaller, for 20 us more.
    """
    packed: bytes = lz4.block.compress(data, mode="high_compression", compression=6, store_size=False, dict=base)
    return HEADER.pack(MAGIC, LZ4_DICTIONARY, ZEROS, len(data), DIGEST + len(packed)) + base_digest + packed


class Block(NamedTuple):
    """A block as it lies on disk: `base` is the digest of the dictionary that decoding needs, or None."""

    codec: int
    size: int
    base: bytes | None
    payload: bytes

    def decode(self, dictionary: bytes | None) -> bytes:
        """Return the bytes; raise LZ4BlockError or DamagedError where they are not a block's."""
        data = self.payload
        if self.codec != RAW:
            data = lz4.block.decompress(data, uncompressed_size=self.size, dict=dictionary)
        if len(data) != self.size:
            raise DamagedError(f"a block of {self.size} bytes unpacks to {len(data)}")
        return data


class Segments:
    """The segment files of one store, for reading; every file is opened once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[int, int] = {}

    def path(self, segment: int) -> str:
        kind = "originals" if segment < 0 else "segments"
        return os.path.join(self._folder, kind, f"{abs(segment):06d}")

    def numbers(self, sign: int) -> list[int]:
        """Return the numbers of the segment files there are, in order; where *sign* is -1, of originals."""
        return sorted(int(name) for name in os.listdir(os.path.dirname(self.path(sign))) if name.isdigit())

    def lying(self, place: Place) -> bytes:
        """Return the bytes at *place*, whatever they are, fewer where its segment ends; FileNotFoundError without that."""
        fd = self._files.get(place.segment)
        if fd is None:
            fd = self._files[place.segment] = os.open(self.path(place.segment), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return os.pread(fd, place.stored, place.offset)

    def raw(self, place: Place) -> bytes:
        """As `lying`; raise DamagedError where it is not all there."""
        found = self.lying(place)
        if len(found) < HEADER.size or len(found) != place.stored:
            raise DamagedError(f"segment {place.segment} ends inside the block at {place.offset}")
        return found

    def read(self, place: Place) -> Block:
        """Return the block at *place*; raise DamagedError where there is none, FileNotFoundError without its segment."""
        found = self.raw(place)
        magic, codec, rest, size, stored = HEADER.unpack_from(found)
        named = magic == MAGIC and codec in (RAW, LZ4, LZ4_DICTIONARY) and rest == ZEROS
        if not named or stored != place.stored - HEADER.size or size > MAX_RATIO * stored + MAX_RATIO:
            raise DamagedError(f"segment {place.segment} holds no block at {place.offset}")
        if codec == LZ4_DICTIONARY:
            return Block(codec, size, found[HEADER.size : HEADER.size + DIGEST], found[HEADER.size + DIGEST :])
        return Block(codec, size, None, found[HEADER.size :])

    def forget(self) -> None:
        """Close every file: after a collection other files may stand under the same numbers' places."""
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()


class SegmentWriter:
    """Appends blocks to a segment that no other process writes: the file lock goes with the process.

    A *fresh* one begins with a segment of its own and takes up none that is there.
    """

    def __init__(self, segments: Segments, *, originals: bool = False, fresh: bool = False) -> None:
        self._segments = segments
        self._fresh = fresh
        self._sign = -1 if originals else 1
        self._fd = -1
        self._end = self._kept = 0
        self._left: list[tuple[int, int]] = []  # full segments, and up to where each may be named
        self._dirty = False
        self.segment = 0

    def append(self, block: bytes) -> Place:
        """Write *block*; it is durable after `sync`, and visible once a `content` row names its place."""
        if self._fd < 0 or self._end >= SEGMENT_SIZE:
            self._open()
        self._dirty = True
        place = Place(self.segment, self._end, len(block))
        view = memoryview(block)
        while view:
            written = os.pwrite(self._fd, view, self._end)
            self._end += written
            view = view[written:]
        return place

    def sync(self) -> None:
        if self._dirty:
            os.fdatasync(self._fd)
            self._dirty = False

    def keep(self) -> None:
        """Say that what was appended may be named from now on: `drop` leaves it alone."""
        self._kept = self._end
        self._left.clear()

    def drop(self) -> None:
        """Give the room back that was appended to since `keep`: nothing names it, and so it is no part of the store."""
        if self._fd >= 0 and self._end > self._kept:
            os.ftruncate(self._fd, self._kept)
            self._end = self._kept
        for segment, kept in self._left:
            os.truncate(self._segments.path(segment), kept)
        self._left.clear()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self.sync()
        if self._end > self._kept:
            self._left.append((self.segment, self._kept))
        self.close()
        folder = os.path.dirname(self._segments.path(self._sign))
        numbers = self._segments.numbers(self._sign)
        for number in () if self._fresh else reversed(numbers[-8:]):
            if self._take(number, os.O_RDWR):
                return
        number = numbers[-1] if numbers else 0
        while not self._take(number := number + 1, os.O_RDWR | os.O_CREAT | os.O_EXCL):
            pass
        sync_folder(folder)

    def _take(self, number: int, flags: int) -> bool:
        try:
            fd = os.open(self._segments.path(self._sign * number), flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except (FileExistsError, FileNotFoundError):
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        end = os.fstat(fd)
        if end.st_nlink == 0 or end.st_size >= SEGMENT_SIZE:
            os.close(fd)
            return False
        self._fd, self._end, self.segment = fd, end.st_size, self._sign * number
        self._kept = self._end
        return True
