"""Standard input on its way into a file: read whole before the store is locked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import chain
from typing import BinaryIO

from eventstore.content_writer import ContentWriter
from eventstore.entries import Entry
from projections.view import View

SMALL = 128 << 10
PIECE = 1 << 20
IN_MEMORY = 8 << 20


class Spooled:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def put(self, keeper: ContentWriter, view: View, old: Entry | None, *, append: bool) -> tuple[bytes, int]:
        """Return (digest, size) of the data, put behind *old*'s where *append*; a small one as a difference from that."""
        before = view.read(old) if old is not None and append else iter(())
        size = self._size + (old.size if old is not None and append else 0)
        self._file.seek(0)
        pieces = chain(before, iter(lambda: self._file.read(PIECE), b""))
        if size <= SMALL:
            return keeper.put(b"".join(pieces), old.content if old is not None else None), size
        return keeper.put_stream(pieces), size


@contextmanager
def spooled(text: str | None) -> Iterator[Spooled]:
    """Read standard input to its end, or take *text*."""
    if text is not None:
        data = text.encode("utf-8", "surrogateescape")
        yield Spooled(BytesIO(data), len(data))
        return
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(IN_MEMORY) as file:
        size = 0
        while piece := sys.stdin.buffer.read(PIECE):
            size += file.write(piece)
        yield Spooled(file, size)  # type: ignore[arg-type]
