"""Reading ahead in a process of its own: one core looks up, unpacks and verifies while the other writes files.

Threads do not help here: both sides are made of short calls that take turns with the interpreter's lock.
"""

import fcntl
import marshal
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn

from eventstore import errors
from eventstore.entries import Entry
from eventstore.errors import DamagedError

BATCH_ITEMS = 256
BATCH_BYTES = 256 << 10
PIPE_BYTES = 1 << 20
_LENGTH = struct.Struct("<I")

Read = Callable[[Entry], Iterable[bytes]]
Reading = Callable[[], tuple[Iterable[Entry], Read]]
"""Opens what is read, in the process that reads it: (entries, how the bytes of one are read)."""


@contextmanager
def read_ahead(reading: Reading) -> Iterator[tuple[Iterator[Entry], Read]]:
    """Give (entries, read) as *reading* does, computed in a child process; read an entry's bytes before the next one.

    What the child raises of our errors is raised here.  The child ends with the block.
    """
    receiving, sending = os.pipe()
    fcntl.fcntl(sending, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    child = os.fork()
    if not child:
        os.close(receiving)
        _serve(reading, sending)
    os.close(sending)
    with open(receiving, "rb", buffering=PIPE_BYTES) as pipe:
        arriving = _Arriving(pipe)
        try:
            yield arriving.entries(), arriving.read
        finally:
            pipe.close()
            os.waitpid(child, 0)


class _Arriving:
    """What comes through the pipe: an entry (a tuple), then its bytes piece by piece, then the next entry."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._items: list[tuple[object, ...] | bytes] = []
        self._ended = False

    def entries(self) -> Iterator[Entry]:
        while (item := self._next()) is not None:
            if not isinstance(item, bytes):
                yield Entry._make(item)

    def read(self, entry: Entry) -> Iterator[bytes]:
        del entry
        while (item := self._next()) is not None:
            if not isinstance(item, bytes):
                self._items.append(item)
                return
            yield item

    def _next(self) -> tuple[object, ...] | bytes | None:
        if not self._items and not self._ended:
            self._items = self._batch()[::-1]
            self._ended = not self._items
        return self._items.pop() if self._items else None

    def _batch(self) -> list[tuple[object, ...] | bytes]:
        size = self._pipe.read(_LENGTH.size)
        if not size:
            raise DamagedError("the process that reads ahead was ended; repeat the command")
        found = marshal.loads(self._pipe.read(_LENGTH.unpack(size)[0]))  # noqa: S302 - our own child wrote it
        if isinstance(found, str):
            kind, _, message = found.partition(" ")
            raise getattr(errors, kind, errors.DamagedError)(message)
        assert isinstance(found, list)
        return found


def _serve(reading: Reading, sending: int) -> NoReturn:
    """Be the child: send all, then end without running anything of the parent's."""
    try:
        with open(sending, "wb", buffering=0) as pipe:
            for batch in _batches(reading):
                _send(pipe, batch)
    finally:
        os._exit(0)


def _batches(reading: Reading) -> Iterator[list[object] | str]:
    batch: list[object] = []
    size = 0
    try:
        entries, read = reading()
        for entry in entries:
            batch.append(tuple(entry))
            for piece in read(entry) if entry.content else ():
                batch.append(piece)
                size += len(piece)
                if size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            if len(batch) >= BATCH_ITEMS:
                yield batch
                batch, size = [], 0
    except errors.LayerlogError as error:
        yield batch
        yield f"{type(error).__name__} {error}"
    except Exception as error:  # noqa: BLE001 - the parent tells it
        yield f"DamagedError reading failed: {error!r}"
    if batch:
        yield batch
    yield []


def _send(pipe: BinaryIO, batch: list[object] | str) -> None:
    data = memoryview(marshal.dumps(batch))
    _write(pipe, _LENGTH.pack(len(data)))
    _write(pipe, data)


def _write(pipe: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) :]
