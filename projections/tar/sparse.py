"""Sparse files: GNU's old format and its PAX formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files")."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from projections.tar.header import BLOCK, number
from projections.tar.pax_headers import SPARSE, HeaderError, decimal

Extents = tuple[tuple[int, int], ...]
PIECE = 1 << 16
MAX_MAP = 1 << 20

_NONE = (1 << 63, 0)
_Take = Callable[[], bytes]


def old_map(header: bytes, more: _Take) -> tuple[Extents, int]:
    """Return (extents, size) of an old GNU header; *more* gives the next map block of the archive."""
    fields = _old_fields(header[386:482])
    extended, read = header[482], 0
    while extended:
        block = more()
        read += BLOCK
        if read > MAX_MAP:
            raise HeaderError(f"its sparse map is over {MAX_MAP} bytes")
        fields += _old_fields(block[:504])
        extended = block[504]
    return _paired(fields), number(header[483:495])


def _old_fields(area: bytes) -> list[int]:
    # as with GNU and BSD tar, the first empty offset ends the list
    used = takewhile(area.__getitem__, range(0, len(area), 24))
    return [number(area[field : field + 12]) for at in used for field in (at, at + 12)]


def is_sparse(pax: Mapping[bytes, bytes]) -> bool:
    return any(key.startswith(SPARSE) for key in pax)


def pax_map(pax: Mapping[bytes, bytes], more: _Take) -> tuple[Extents, int]:
    """Return (extents, size) of PAX records; *more* gives the next block of the data, where format 1.0 keeps its map."""
    version = (pax.get(SPARSE + b"major"), pax.get(SPARSE + b"minor"))
    if version == (b"1", b"0"):
        return _paired(_leading_map(more)), decimal(pax.get(SPARSE + b"realsize", b""))
    if version != (None, None):
        raise HeaderError("its sparse format is none of 0.0, 0.1 and 1.0")
    listed = pax.get(SPARSE + b"map", b"")
    fields = [decimal(field) for field in listed.split(b",")] if listed else []
    extents = _paired(fields)
    if decimal(pax.get(SPARSE + b"numblocks", b"")) != len(extents):
        raise HeaderError("its sparse map is not as long as it states")
    return extents, decimal(pax.get(SPARSE + b"size", b""))


def _leading_map(more: _Take) -> list[int]:
    """Format 1.0: decimal lines (how many extents, then offset and length of each), filled up to a whole block."""
    blocks = [more()]
    lines = blocks[0].count(b"\n")
    count = decimal(blocks[0].partition(b"\n")[0])
    while lines < 1 + 2 * count:
        if len(blocks) * BLOCK >= MAX_MAP:
            raise HeaderError(f"its sparse map is over {MAX_MAP} bytes")
        blocks.append(more())
        lines += blocks[-1].count(b"\n")
    return [decimal(line) for line in b"".join(blocks).split(b"\n")[1 : 1 + 2 * count]]


def _paired(fields: Sequence[int]) -> Extents:
    if len(fields) % 2:
        raise HeaderError("its sparse map ends between an offset and a length")
    return tuple(zip(fields[::2], fields[1::2], strict=True))


def check(extents: Extents, size: int, stored: int) -> None:
    """Raise HeaderError unless *extents* run forward inside *size* without overlap and hold exactly *stored* bytes."""
    if size < 0 or size >> 63:
        raise HeaderError(f"its size {size} is impossible")
    end = 0
    for offset, length in extents:
        if offset < end or length < 0:
            raise HeaderError("its sparse map overlaps or runs backwards")
        end = offset + length
    if end > size:
        raise HeaderError(f"its sparse map reaches byte {end} of a file of {size}")
    held = sum(length for _, length in extents)
    if held != stored:
        raise HeaderError(f"its sparse map accounts for {held} bytes where {stored} are stored")


def expand(extents: Extents, size: int, stored: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the file of *size* bytes in pieces of at most 64 KiB, zeros in its holes; *stored*(n) gives the next n."""
    at = 0
    for offset, length in (*extents, (size, 0)):
        yield from _zeros(offset - at)
        for start in range(0, length, PIECE):
            yield stored(min(length - start, PIECE))
        at = offset + length


def _zeros(length: int) -> Iterator[bytes]:
    whole = bytes(min(length, PIECE))
    for start in range(0, length, PIECE):
        yield whole[: length - start]


def condense(extents: Extents, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of *extents* alone from the file that *chunks* make up: the reverse of `expand`."""
    at, waiting = 0, iter(extents)
    offset, length = next(waiting, _NONE)
    for chunk in chunks:
        end = at + len(chunk)
        while offset < end:
            yield chunk[max(offset - at, 0) : offset + length - at]
            if offset + length > end:
                break
            offset, length = next(waiting, _NONE)
        at = end
