"""Work beside the thread that reads or writes: hashing, unpacking and disk leave the interpreter to it."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from cli.streams.reader import Readable, Reader, gathered, passed, reader
from eventstore.errors import MismatchError

DEPTH = 4  # pieces of at most 1 MiB


def reading_beside(stream: Readable) -> Reader:
    """Return *stream* read, with all that computes it, in a thread of its own; closing stops that and closes *stream*."""
    ahead = _Ahead(stream)
    return reader(iter(ahead), ahead)


def hashed(chunks: Iterable[bytes], digest: str, size: int) -> Reader:
    """Return *chunks* as a stream; its end is a MismatchError unless the bytes have this digest and size."""
    found = reader(_hashed(chunks, digest, size))
    found.claim = (digest, size)
    return found


class Seen:
    """Passes chunks on, a few gathered; when all have passed, `digest` and `size` are theirs, hashed beside."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        lane = Lane(self.digest.update)
        try:
            for chunk in gathered(self._chunks):
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


def _hashed(chunks: Iterable[bytes], digest: str, size: int) -> Iterator[bytes]:
    seen = Seen(chunks)
    yield from seen
    if (found := "sha256:" + seen.digest.hexdigest()) != digest or seen.size != size:
        raise MismatchError(
            f"blob {digest}: {size} bytes were promised, these are {seen.size}: {found}; run `layerlog verify`"
        )


class _Ahead:
    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._queue: queue.Queue[bytes | BaseException] = queue.Queue(DEPTH)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._queue.get():
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def read(self, size: int, /) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        self._stopped = True
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.01)
        self._stream.close()

    def _run(self) -> None:
        try:
            for piece in passed(self._stream):
                if self._stopped:
                    return
                self._queue.put(piece)
            self._queue.put(b"")
        except BaseException as failure:  # noqa: BLE001 - raised again in the thread that reads
            self._queue.put(failure)
