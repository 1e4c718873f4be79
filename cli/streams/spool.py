"""A file's new content on its way from standard input into the store."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from cli.streams.files import unnamed_file
from eventstore.content.writer import ContentWriter

SMALL = 128 << 10
PIECE = 1 << 20
IN_MEMORY = 8 << 20
Folder = Callable[[], str]
"""Where large unnamed files may be put, made where it is not there."""


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
def spooled(data: Iterator[bytes], folder: Folder) -> Iterator[Callable[[], Iterator[bytes]]]:
    """Read *data* to its end, and give what reads it as often as wanted: what the block locks never waits for its source."""
    with received(data, folder) as file:

        def again() -> Iterator[bytes]:
            file.seek(0)
            return iter(lambda: file.read(PIECE), b"")

        yield again


def received(data: Iterator[bytes], folder: Folder) -> BinaryIO:
    """Read *data* to its end; return a file of it: in memory, or without a name in *folder* where it is large."""
    head = BytesIO()
    for piece in data:
        head.write(piece)
        if head.tell() > IN_MEMORY:
            break
    else:
        head.seek(0)
        return head
    spool = unnamed_file(folder())
    file = open(os.dup(spool.descriptor), "w+b")  # noqa: SIM115 - the caller closes it
    file.write(head.getbuffer())
    file.writelines(data)
    file.seek(0)
    return file


def at_hand(stream: BinaryIO, folder: Folder) -> BinaryIO:
    """Return *stream* with all of it at hand: who reads it under a lock keeps nobody waiting for whoever writes it."""
    return stream if _is_file(stream) else received(iter(lambda: stream.read(PIECE), b""), folder)


def _is_file(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False
