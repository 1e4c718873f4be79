"""Tar archives, read as a stream: every entry, its data, and the framing (all other bytes), exactly and in order."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Protocol

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.tar import pax_headers, sparse
from projections.tar.header import BLOCK, TarEntry, number, parse, text, verify
from projections.tar.pax_headers import HeaderError

__all__ = ["FramingReader", "Source", "TarEntry", "TarReader", "members", "refusal"]

PIECE = 1 << 20
_READ_AHEAD = 1 << 18
_MAX_META = 1 << 20
_ZEROS = bytes(BLOCK)
_META = b"xgLK"


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class TarReader:
    """Iterating yields each entry; until the next one is asked for, `read` and `chunks` give its data.

    *frame* gets, in order, every byte of the archive that is not file data, before the entry that it belongs to is
    yielded: headers of all kinds with their bodies, sparse maps, padding, end blocks, and what follows them.  *source*
    is read to its end, never seeked, and may give less than it is asked for; memory stays below 3 MiB.  What breaks the
    format raises InvalidError, naming the entry.
    """

    def __init__(self, source: Source, frame: Callable[[bytes], object] | None = None) -> None:
        self._source = source
        self._frame = frame or len
        self._buffer, self._at = b"", 0
        self._base = 0  # where the buffer begins in the archive
        self._block = _ZEROS
        self._left = self._padding = 0  # of the current entry's stored data
        self._expanded: Iterator[bytes] | None = None
        self._surplus = b""
        self._globals: Mapping[bytes, bytes] = pax_headers.NOTHING
        self._ahead: dict[bytes, dict[bytes, bytes]] = {}  # what headers said of the next entry, by their types
        self._pax: Mapping[bytes, bytes] = pax_headers.NOTHING  # what holds for the current one

    def __iter__(self) -> Iterator[TarEntry]:
        try:
            while self._advance():
                if self._block[156] in _META:
                    self._note(self._block[156:157])
                else:
                    yield self._entry()
            if self._ahead:
                raise HeaderError("no entry follows it")
        except HeaderError as flaw:
            raise self._refused(str(flaw)) from None
        self._finish()

    def read(self, size: int = -1) -> bytes:
        """Return the next *size* bytes of the entry's data, fewer only at its end; all that is left when negative."""
        if self._expanded is not None:
            return self._read_expanded(size)
        return self._stored(self._left if size < 0 else min(size, self._left))

    def chunks(self) -> Iterator[bytes]:
        """Yield what is left of the entry's data in pieces of 1 MiB."""
        while piece := self.read(PIECE):
            yield piece

    def rest(self) -> Iterator[bytes]:
        """Yield what follows the end of the archive."""
        while piece := self._take(PIECE):
            yield piece

    @property
    def position(self) -> int:
        """How many bytes of the archive lie before the next one to be read."""
        return self._base + self._at

    def _advance(self) -> bool:
        """Go to the next header block; return False at the archive's end."""
        if self._left:
            self._discard(self._left)
        padding, self._left, self._padding, self._expanded = self._padding, 0, 0, None
        block = self._take(padding + BLOCK)
        self._frame(block)
        self._block, self._pax = block[padding:], pax_headers.NOTHING
        if not self._block or self._block == _ZEROS:
            return self._end(self._block)
        if len(self._block) < BLOCK:
            raise self._cut()
        verify(self._block)
        return True

    def _end(self, block: bytes) -> bool:
        """A missing end marker, half of one, and missing padding (`umoci insert` leaves both out) are what Go's reader
        accepts too; GNU's even stops at a lone block.
        """
        if block:
            second = self._take(BLOCK)
            self._frame(second)
            if second not in (b"", _ZEROS):
                raise HeaderError(f"the zero block before byte {self.position} is followed by neither another nor the end")
        return False

    def _finish(self) -> None:
        for piece in self.rest():
            self._frame(piece)

    def _note(self, kind: bytes) -> None:
        """Keep what a PAX or GNU header says about the entry, or the entries, to come."""
        size = number(self._block[124:136])
        if not 0 <= size <= _MAX_META:
            raise HeaderError(f"an extended header of {size} bytes is over {_MAX_META}")
        body = self._whole(size + -size % BLOCK)[:size]
        if kind == b"g":
            self._globals = {**self._globals, **pax_headers.parse(body)}
            # a few hundred bytes of archive would otherwise give megabytes to each of its entries
            if self._globals.keys() - pax_headers.KEYS:
                raise HeaderError("a global header states what only a single file can have")
        elif kind in self._ahead:
            raise HeaderError("two extended headers of one type stand before one entry")
        elif kind == b"x":
            self._ahead[kind] = pax_headers.parse(body)
        else:
            self._ahead[kind] = {b"path" if kind == b"L" else b"linkpath": _long_name(body)}

    def _entry(self) -> TarEntry:
        if self._ahead or self._globals:
            self._pax = self._records()
        pax = self._pax
        entry = parse(self._block, pax)
        self._left = entry.size
        self._padding = -entry.size % BLOCK
        if self._block[156] == 0x53:
            return self._sparse(entry, *sparse.old_map(self._block, lambda: self._whole(BLOCK)))
        if pax and sparse.is_sparse(pax):
            if entry.type != b"0":
                raise HeaderError("it has a sparse map, but is not a regular file")
            return self._sparse(entry, *sparse.pax_map(pax, self._map_block))
        return entry

    def _records(self) -> Mapping[bytes, bytes]:
        stated: dict[bytes, bytes] = {}
        for records in self._ahead.values():
            if stated.keys() & records.keys():
                raise HeaderError("a PAX and a GNU header both name it")
            stated.update(records)
        self._ahead = {}
        # POSIX: an empty value takes the key away; but GNU tar writes an empty xattr so, and means it
        found = {key: value for key, value in {**self._globals, **stated}.items() if value or key.startswith(pax_headers.XATTR)}
        if name := found.get(pax_headers.SPARSE + b"name"):
            found[b"path"] = name
        return found

    def _sparse(self, entry: TarEntry, extents: sparse.Extents, size: int) -> TarEntry:
        sparse.check(extents, size, self._left)
        self._expanded, self._surplus = sparse.expand(extents, size, self._stored), b""
        return entry._replace(size=size, sparse=extents)

    def _map_block(self) -> bytes:
        if self._left < BLOCK:
            raise HeaderError("its sparse map is cut short")
        self._left -= BLOCK
        return self._whole(BLOCK)

    def _read_expanded(self, size: int) -> bytes:
        assert self._expanded is not None
        pieces, have = [self._surplus], len(self._surplus)
        while (size < 0 or have < size) and (piece := next(self._expanded, b"")):
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        end = have if size < 0 else size
        self._surplus = data[end:]
        return data[:end]

    def _stored(self, size: int) -> bytes:
        data = self._take(size)
        self._left -= len(data)
        if len(data) < size:
            raise self._cut()
        return data

    def _whole(self, size: int) -> bytes:
        """Return the next *size* bytes, which are framing."""
        data = self._take(size)
        self._frame(data)
        if len(data) < size:
            raise self._cut()
        return data

    def _discard(self, size: int) -> None:
        while size:
            size -= len(self._stored(min(size, PIECE)))

    def _take(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the stream's end."""
        end = self._at + size
        if end > len(self._buffer):
            return self._take_more(size)
        data = self._buffer[self._at : end]
        self._at = end
        return data

    def _take_more(self, size: int) -> bytes:
        pieces = [self._buffer[self._at :]] if self._at < len(self._buffer) else []
        lacking = size - sum(map(len, pieces))
        while lacking > 0 and (piece := self._source.read(max(lacking, _READ_AHEAD))):
            pieces.append(piece)
            lacking -= len(piece)
        self._base += self._at
        self._buffer = b"".join(pieces)
        self._at = min(size, len(self._buffer))
        return self._buffer[: self._at]

    def _cut(self) -> InvalidError:
        return self._refused(f"the archive ends in the middle of it, at byte {self.position}")

    def _refused(self, reason: str) -> InvalidError:
        ahead = (records[b"path"] for records in self._ahead.values() if b"path" in records)
        return refusal(self._pax.get(b"path") or next(ahead, b"") or text(self._block[:100]), reason)


class FramingReader(TarReader):
    """Reads what a TarReader's *frame* got: the same entries, whose data is not there and must not be read."""

    def _discard(self, size: int) -> None:
        pass

    def _finish(self) -> None:
        """Leave the rest to whoever reads it with `rest`."""


class _SeekingReader(FramingReader):
    """Passes over the data, and leaves the rest, of a whole archive."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._file = file
        self._origin = file.tell()
        self._size = file.seek(0, os.SEEK_END) - self._origin

    def _discard(self, size: int) -> None:
        if self.position + size > self._size:
            raise self._cut()
        skipped = self._at + size
        if skipped > len(self._buffer):
            self._base, self._buffer, skipped = self._base + skipped, b"", 0
        self._at = skipped

    def _take_more(self, size: int) -> bytes:
        self._file.seek(self._origin + self._base + len(self._buffer))
        return super()._take_more(size)


def members(file: BinaryIO) -> Iterator[tuple[TarEntry, int]]:
    """Yield each entry of the archive that begins where *file* stands, and where in *file* its data begins.

    No data is read; the caller may seek in between.  Sparse entries raise InvalidError: their data is not in one piece.
    """
    origin = file.tell()
    reader = _SeekingReader(file)
    for entry in reader:
        if entry.sparse is not None:
            raise refusal(entry.raw_name, "it is sparse, which only a layer's entries may be")
        yield entry, origin + reader.position


def refusal(name: bytes, reason: str) -> InvalidError:
    what = f"tar entry '{shown(name[:300])}'" if name else "tar archive"
    return InvalidError(f"{what}: {reason}; make or fetch the archive anew")


def _long_name(body: bytes) -> bytes:
    name = body.rstrip(b"\0")
    if b"\0" in name:
        raise HeaderError("a NUL byte stands in its long name")
    return name
