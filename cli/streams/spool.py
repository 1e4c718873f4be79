"""A file's new content on its way from standard input into the store."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventstore.content.writer import ContentWriter
from eventstore.model.paths import as_bytes

SMALL = 128 << 10
PIECE = 1 << 20
IN_MEMORY = 8 << 20


def given(text: str | None) -> Iterator[bytes]:
    """Return *text*, or standard input to its end."""
    if text is not None:
        return iter([as_bytes(text)])
    return iter(lambda: sys.stdin.buffer.read(PIECE), b"")


def put(keeper: ContentWriter, data: Iterator[bytes], like: bytes | None) -> tuple[bytes, int]:
    """Return (digest, size) of *data*; a small one may be kept as a difference from the content *like*."""
    head = b""
    for piece in data:
        head += piece
        if len(head) > SMALL:
            break
    else:
        return keeper.put(head, like), len(head)
    stream, size = keeper.stream(), len(head)
    stream.write(head)
    for piece in data:
        stream.write(piece)
        size += len(piece)
    return stream.close(), size


@contextmanager
def spooled(data: Iterator[bytes]) -> Iterator[Callable[[], Iterator[bytes]]]:
    """Read *data* to its end, and give what reads it as often as wanted: what the block locks never waits for its source."""
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(IN_MEMORY) as file:
        for piece in data:
            file.write(piece)

        def again() -> Iterator[bytes]:
            file.seek(0)
            return iter(lambda: file.read(PIECE), b"")

        yield again
