"""Threads beside the one that reads or writes: hashing, unpacking and disk leave the interpreter to it."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from cli.streams.reader import PIECE, Reader
from eventstore.errors import MismatchError

DEPTH = 4  # chunks, most of 1 MiB


@contextmanager
def in_background(chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Give *chunks*, made in a thread of their own, which has stopped when the block ends; what it raises is raised here."""
    made: queue.Queue[bytes | BaseException | None] = queue.Queue(DEPTH)
    stopped = threading.Event()

    def make() -> None:
        try:
            for chunk in chunks:
                if stopped.is_set():
                    return
                made.put(chunk)
            made.put(None)
        except BaseException as failure:  # noqa: BLE001 - raised again in the thread that reads
            made.put(failure)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        yield _taken(made)
    finally:
        stopped.set()
        while thread.is_alive():
            with suppress(queue.Empty):
                made.get(timeout=0.01)


def _taken(made: queue.Queue[bytes | BaseException | None]) -> Iterator[bytes]:
    while (chunk := made.get()) is not None:
        if isinstance(chunk, BaseException):
            raise chunk
        yield chunk


def hashed(chunks: Iterable[bytes], digest: str, size: int) -> Reader:
    """Return *chunks* as a stream; its end is a MismatchError unless the bytes have this digest and size."""
    return Reader(_hashed(chunks, digest, size), proves=(digest, size))


class Measured:
    """Passes chunks on, a few joined; when all have passed, `digest` and `size` are theirs, hashed in a thread."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        lane = Lane(self.digest.update)
        try:
            for chunk in _joined(self._chunks):
                self.size += len(chunk)
                lane.put(chunk)
                yield chunk
        finally:
            lane.close()


class Lane:
    """Calls *work* with each piece, in order, in a thread of its own; what it raises comes out of `put` or `close`."""

    def __init__(self, work: Callable[[bytes], object]) -> None:
        self._work = work
        self._queue: queue.Queue[bytes | None] = queue.Queue(DEPTH)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        self._raise()
        self._queue.put(piece)

    def close(self) -> None:
        """Wait until all is done."""
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            try:
                if self._failure is None:
                    self._work(piece)
            except BaseException as failure:  # noqa: BLE001 - raised again in the thread that puts
                self._failure = failure

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure


@contextmanager
def writing_behind(file: BinaryIO, advance: Callable[[int], object]) -> Iterator[BinaryIO]:
    """Give a file whose `write` and `writelines` hand on to a thread that writes to *file*; *advance* is told of the bytes.

    All is written when the block ends.
    """
    lane = Lane(file.write)
    try:
        yield cast("BinaryIO", _Behind(lane, advance))
    finally:
        lane.close()


class _Behind:
    def __init__(self, lane: Lane, advance: Callable[[int], object]) -> None:
        self._lane = lane
        self._advance = advance

    def write(self, data: bytes) -> int:
        self._advance(len(data))
        self._lane.put(data)
        return len(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self.write(line)


def _joined(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks* joined to pieces of 1 MiB or somewhat more, the last one less: a lane costs by the piece."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _hashed(chunks: Iterable[bytes], digest: str, size: int) -> Iterator[bytes]:
    seen = Measured(chunks)
    yield from seen
    if (found := "sha256:" + seen.digest.hexdigest()) != digest or seen.size != size:
        raise MismatchError(
            f"blob {digest}: {size} bytes were promised, these are {seen.size}: {found}; run `layerlog verify`"
        )
