"""Packing blocks beside the thread that reads and hashes."""

import threading
from typing import TYPE_CHECKING

from eventstore.content.segments import BLOCK, SegmentWriter, encoded

if TYPE_CHECKING:
    from queue import Queue

Work = tuple[bytes, list[tuple[bytes, int, int]]] | None
"""A block and its members: (digest, size, start); None ends the thread."""
Row = tuple[bytes, int, int, int, int, int, bytes | None, bytes | None]
"""A row of `content`: digest, size, segment, offset, stored, start, parts, base."""


class Packer:
    """Compresses and writes blocks; lz4 and pwrite leave the interpreter free meanwhile.

    Small contents are packed on the spot: handing them over costs more than it saves.
    """

    def __init__(self, writer: SegmentWriter, *, compress: bool) -> None:
        self._writer = writer
        self._compress = compress
        self._rows: list[Row] = []
        self._inbox: Queue[Work] | None = None
        self._thread: threading.Thread | None = None
        self._place_lock = threading.Lock()
        self._failure: BaseException | None = None

    def pack(self, data: bytes, members: list[tuple[bytes, int, int]]) -> None:
        if len(members) > 1 or len(data) < BLOCK:
            self._pack(data, members)
            return
        if self._inbox is None:
            self._inbox = self._started()
        self._raise()
        self._inbox.put((data, members))

    def write(self, block: bytes, base: bytes | None, members: list[tuple[bytes, int, int]]) -> None:
        """Write a block that is encoded already, as a difference from *base* if that is given."""
        with self._place_lock:
            place = self._writer.append(block)
            self._rows.extend((digest, size, *place, start, None, base) for digest, size, start in members)

    @property
    def written(self) -> int:
        """How many rows `take` would return."""
        return len(self._rows)

    def take(self) -> list[Row]:
        """Return the rows of all blocks written since the last call."""
        with self._place_lock:
            rows, self._rows = self._rows, []
        return rows

    def sync(self) -> None:
        if self._inbox is not None:
            self._inbox.join()
        self._raise()
        self._writer.sync()

    def keep(self) -> None:
        """Say that all that was written may be named from now on."""
        self._writer.keep()

    def close(self) -> None:
        """Stop, and give back the room of what was never to be named."""
        if self._inbox is not None and self._thread is not None:
            self._inbox.put(None)
            self._thread.join()
            self._inbox = self._thread = None
        try:
            self._writer.drop()
        finally:
            self._writer.close()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _started(self) -> "Queue[Work]":
        from queue import Queue  # noqa: PLC0415 - who writes little needs neither this nor the thread

        inbox: Queue[Work] = Queue(8)
        self._thread = threading.Thread(target=self._run, args=(inbox,), daemon=True)
        self._thread.start()
        return inbox

    def _run(self, inbox: "Queue[Work]") -> None:
        while (work := inbox.get()) is not None:
            try:
                if self._failure is None:
                    self._pack(*work)
            except BaseException as failure:  # noqa: BLE001 - raised again in the writer's own thread
                self._failure = failure
            inbox.task_done()

    def _pack(self, data: bytes, members: list[tuple[bytes, int, int]]) -> None:
        self.write(encoded(data, compress=self._compress), None, members)
