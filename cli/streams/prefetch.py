"""Reading ahead in a process of its own: one core looks up, unpacks and verifies while the other writes files.

Threads do not help here: both sides are made of short calls that take turns with the interpreter's lock.
Entries go through a pipe; the bytes lie in memory that both share, so that they are copied once.
"""

import marshal
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NoReturn

from eventstore import errors
from eventstore.content.reader import CHUNK_MAX
from eventstore.errors import DamagedError
from eventstore.model.entries import Entry, Read

FIRST_ITEMS, BATCH_ITEMS = 40, 400  # so that the other side does not wait long to begin
SLOTS, SLOT_BYTES = 4, CHUNK_MAX
_LENGTH = struct.Struct("<I")
_FREED = b"."

Reading = Callable[[], tuple[Iterable[Entry], Callable[[Entry], Iterable[bytes]]]]
"""Opens what is read, in the process that reads it: (entries, how the bytes of one are read)."""
Item = tuple[object, ...] | int
"""What a batch is made of: an entry, then the lengths of its pieces, which lie in the batch's slot one after another."""
Failure = tuple[str | bytes, ...]
"""The name of an error of ours, and what it is made of."""


@contextmanager
def read_ahead(reading: Reading) -> Iterator[tuple[Iterator[Entry], Read]]:
    """Give (entries, read) as *reading* does, computed in a child process; read an entry's bytes before the next one.

    A piece is valid until the next is asked for.  What the child raises of our errors is raised here.  The child ends
    with the block.
    """
    memory = mmap.mmap(-1, SLOTS * SLOT_BYTES)
    arriving, sending = os.pipe()
    waiting, freeing = os.pipe()
    child = os.fork()
    if not child:
        os.close(arriving)
        os.close(freeing)
        _serve(reading, _Sending(memory, sending, waiting))
    os.close(sending)
    os.close(waiting)
    with open(arriving, "rb") as batches, open(freeing, "wb", buffering=0) as freed:
        received = _Arriving(memory, batches, freed)
        try:
            yield received.entries(), received.read
        finally:
            batches.close()
            freed.close()
            os.waitpid(child, 0)


class _Arriving:
    def __init__(self, memory: mmap.mmap, batches: BinaryIO, freed: BinaryIO) -> None:
        self._memory = memoryview(memory)
        self._batches = batches
        self._freed = freed
        self._received = self._at = 0
        self._items: list[Item] = []
        self._ended = False

    def entries(self) -> Iterator[Entry]:
        while (item := self._next()) is not None:
            if isinstance(item, int):
                self._at += item
            else:
                yield Entry._make(item)

    def read(self, entry: Entry) -> Iterator[memoryview]:
        del entry
        while (item := self._next()) is not None:
            if not isinstance(item, int):
                self._items.append(item)
                return
            self._at += item
            yield self._memory[self._at - item : self._at]

    def _next(self) -> Item | None:
        if not self._items and not self._ended:
            self._items = self._batch()[::-1]
            self._ended = not self._items
        return self._items.pop() if self._items else None

    def _batch(self) -> list[Item]:
        if self._received:
            with suppress(BrokenPipeError):  # a child that has sent all is gone
                self._freed.write(_FREED)
        size = self._batches.read(_LENGTH.size)
        if not size:
            raise DamagedError("the process that reads ahead was ended; repeat the command")
        found = marshal.loads(self._batches.read(_LENGTH.unpack(size)[0]))  # noqa: S302 - our own child wrote it
        if isinstance(found, tuple):
            kind, *said = found
            raise getattr(errors, str(kind), errors.DamagedError)(*said)
        assert isinstance(found, list)
        self._at = self._received % SLOTS * SLOT_BYTES
        self._received += 1
        return found


class _Sending:
    def __init__(self, memory: mmap.mmap, batches: int, freed: int) -> None:
        self._memory = memory
        self._batches = batches
        self._freed = freed
        self._items: list[Item] = []
        self._most = FIRST_ITEMS
        self._sent = self._at = 0

    def entry(self, entry: Entry) -> None:
        if len(self._items) >= self._most:
            self.flush()
        self._items.append(tuple(entry))

    def piece(self, piece: bytes) -> None:
        if self._at + len(piece) > (self._sent % SLOTS + 1) * SLOT_BYTES:
            self.flush()
        end = self._at + len(piece)
        self._memory[self._at : end] = piece
        self._items.append(len(piece))
        self._at = end

    def flush(self) -> None:
        """Send what waits, if anything does, and wait until the next slot is free."""
        if not self._items:
            return
        self.send(self._items)
        self._items, self._most = [], BATCH_ITEMS
        self._sent += 1
        self._at = self._sent % SLOTS * SLOT_BYTES
        if self._sent >= SLOTS and not os.read(self._freed, 1):
            os._exit(0)  # nobody takes it any more

    def send(self, batch: list[Item] | Failure) -> None:
        data = marshal.dumps(batch)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(self._batches, view) :]


def _serve(reading: Reading, out: _Sending) -> NoReturn:
    """Be the child: send all, then end without running anything of the parent's."""
    try:
        _send_all(reading, out)
    finally:
        os._exit(0)


def _send_all(reading: Reading, out: _Sending) -> None:
    """An empty batch says that all was sent, a failure that it ends there."""
    end: list[Item] | Failure = []
    try:
        entries, read = reading()
        for entry in entries:
            out.entry(entry)
            for piece in read(entry) if entry.content else ():
                out.piece(piece)
    except errors.ErasedError as error:
        end = "ErasedError", str(error), error.content
    except errors.LayerlogError as error:
        end = type(error).__name__, str(error)
    except Exception as error:  # noqa: BLE001 - the parent tells it
        end = "DamagedError", f"reading failed: {error!r}"
    out.flush()
    out.send(end)
