"""Putting content: cut, hash, pack into blocks beside the reading thread, and name it when its transaction commits.

A content written as the successor of another may be stored as its difference from it.  Putting is idempotent; nothing
put is visible before its transaction commits.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import accumulate

from eventstore.content.packer import Packer, Row
from eventstore.content.reader import CHUNK_MAX, PART, Content, how_erased
from eventstore.content.segments import BLOCK, SegmentWriter, encoded, encoded_like
from eventstore.errors import ConflictError, DamagedError, ErasedError
from eventstore.model.digests import named

CHUNK_MIN, CHUNK_AVERAGE = 32 << 10, 128 << 10
WINDOW = 4 << 20
ORIGINAL_CHUNK = 1 << 20
DICTIONARY = 64 << 10
BLOCK_MEMBERS = 500
GATHERED = 1 << 20
WORTH_A_THREAD = 1 << 20
SPILL = 4096


class ContentWriter:
    """Puts contents for one writer.

    Use: put..., then `sync` (durable), then `name` inside the transaction, then `named` once it is committed.  Where it
    is rolled back, the next `name` names them again.
    """

    def __init__(self, db: sqlite3.Connection, content: Content, *, originals: bool = False) -> None:
        self._db = db
        self._content = content
        self._originals = originals
        self._packer = Packer(SegmentWriter(content.segments, originals=originals), compress=not originals)
        self._recent: set[bytes] = set()
        self._spilled = False
        self._members: list[tuple[bytes, bytes]] = []
        self._filled = 0
        self._wholes: list[Row] = []
        self._unnamed: list[Row] = []
        self._erasures: bool | None = None
        self.returning: list[bytes] = []
        """What was erased and is put again, which its erasure allows: the log has to say so in the same transaction."""

    def put(self, data: bytes, like: bytes | None = None) -> bytes:
        """Return the digest of *data*, stored if it was not; *like* names the content that it replaces, if any.

        Raise ConflictError where it was erased on request and may not come back.
        """
        digest = sha256(data).digest()
        if digest in self._recent:
            return digest
        self._admit(digest)
        self._recent.add(digest)
        if like and len(data) <= DICTIONARY:
            self._put_successor(digest, data, like)
        else:
            self._gather(digest, data)
        if self._packer.written >= SPILL:
            self._spill()
        return digest

    def put_stream(self, chunks: Iterable[bytes]) -> bytes:
        """Return the digest of the bytes that *chunks* make together; memory stays flat whatever their length."""
        stream = self.stream()
        for chunk in chunks:
            stream.write(chunk)
        return stream.close()

    def stream(self) -> "ContentStream":
        """Return where a content is written piece by piece, beside other puts."""
        return ContentStream(self, _fixed if self._originals else _content_defined)

    def put_parts(self, digest: bytes, size: int, parts: bytes) -> None:
        """Let *digest* name the concatenation of contents that were put already (`PART` records)."""
        if not self.known(digest):
            self._admit(digest)
            self._recent.add(digest)
            self._wholes.append((digest, size, 0, 0, 0, 0, parts, None))

    def known(self, digest: bytes) -> bool:
        """Whether *digest* is stored, or was put by this writer."""
        return digest in self._recent or bool(self._stored([digest]))

    def _stored(self, digests: list[bytes]) -> set[bytes]:
        """Return those of *digests* that need not be written: stored before, or written out by this writer."""
        marks = ",".join("?" * len(digests))
        tables = ("main.content", "temp.pending") if self._spilled else ("main.content",)
        return {
            row[0]
            for table in tables
            for row in self._db.execute(f"SELECT digest FROM {table} WHERE digest IN ({marks})", digests)
        }

    def sync(self) -> None:
        """Make all that was put durable."""
        self._flush()
        self._packer.sync()

    def name(self) -> None:
        """Make all that was put visible, as part of the transaction that is open."""
        self.sync()
        if self._spilled:
            self._db.execute("INSERT OR IGNORE INTO content SELECT * FROM temp.pending")
            self._db.execute("DELETE FROM temp.pending")
        self._insert("main.content")
        self._packer.keep()

    def named(self) -> None:
        """Say that the transaction which `name` was part of is committed."""
        self._unnamed.clear()
        self._recent.clear()
        self.returning.clear()

    def close(self) -> None:
        self._packer.close()
        if self._spilled:
            self._db.execute("DELETE FROM temp.pending")

    def _admit(self, digest: bytes) -> None:
        if self._erasures is None:  # none can come while a writer is open
            self._erasures = self._content.has_erasures()
        position = self._content.erased(digest) if self._erasures else None
        if position is not None and self._content.may_return(position):
            self.returning.append(digest)
        elif position is not None:
            raise ConflictError(
                f"content {named(digest)} {how_erased(self._db, position)}; it may not come back, unless "
                f"`layerlog erase --let-return --content {named(digest)} --reason TEXT` lets it"
            )

    def _gather(self, digest: bytes, data: bytes) -> None:
        self._members.append((digest, data))
        self._filled += len(data)
        if self._filled >= GATHERED or len(self._members) >= BLOCK_MEMBERS:
            self._flush()

    def _flush(self) -> None:
        """Pack what is gathered, without what is stored already: asked for all at once, not file by file."""
        if not self._members:
            return
        known = self._stored([digest for digest, _ in self._members])
        fresh = [(digest, data) for digest, data in self._members if digest not in known]
        self._recent -= known
        self._members, self._filled = [], 0
        for block in _blocks(fresh):
            starts = accumulate((len(data) for _, data in block), initial=0)
            members = [(digest, len(data), start) for (digest, data), start in zip(block, starts, strict=False)]
            self._packer.pack(b"".join(data for _, data in block), members)

    def _put_successor(self, digest: bytes, data: bytes, like: bytes) -> None:
        if self._stored([digest]):
            self._recent.discard(digest)
        elif block := self._successor(data, like):
            self._packer.write(*block, [(digest, len(data), 0)])
        else:
            self._gather(digest, data)

    def _successor(self, data: bytes, like: bytes) -> tuple[bytes, bytes] | None:
        """Return (block, base) of *data* as a difference from the anchor of *like*, if that is at most half the size."""
        row = self._db.execute("SELECT base, size, parts FROM content WHERE digest = ?", (like,)).fetchone()
        if row is None or row[2] is not None or not 0 < row[1] <= CHUNK_MAX:
            return None
        anchor = row[0] or like
        try:
            base = self._content.read_all(anchor)[-DICTIONARY:]
        except (DamagedError, ErasedError):
            return None
        block = encoded_like(data, base, anchor)
        return (block, anchor) if 2 * len(block) <= len(encoded(data)) else None

    def _spill(self) -> None:
        if self._db.in_transaction:  # what is rolled back would be forgotten
            return
        if not self._spilled:
            self._db.execute(
                "CREATE TEMP TABLE IF NOT EXISTS pending (digest BLOB PRIMARY KEY, size INTEGER, segment INTEGER, "
                "offset INTEGER, stored INTEGER, start INTEGER, parts BLOB, base BLOB) WITHOUT ROWID"
            )
            self._spilled = True
        self._insert("temp.pending")
        self._recent.difference_update(row[0] for row in self._unnamed)
        self._unnamed.clear()

    def _insert(self, table: str) -> None:
        self._unnamed += self._packer.take() + self._wholes
        self._wholes = []
        self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._unnamed)


def _blocks(contents: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Group (digest, data) as they share blocks: small ones in their order until one is full, large ones alone."""
    block: list[tuple[bytes, bytes]] = []
    filled = 0
    for content in contents:
        if len(content[1]) >= BLOCK:
            yield [content]
            continue
        block.append(content)
        filled += len(content[1])
        if filled >= BLOCK:
            yield block
            block, filled = [], 0
    if block:
        yield block


class ContentStream:
    """A content on its way in: cut into chunks as it comes, named by its whole digest when closed."""

    def __init__(self, writer: ContentWriter, cut: "Cutter") -> None:
        self._writer = writer
        self._cut = cut
        self._whole = sha256()
        self._size = 0
        self._pieces: list[bytes] = []
        self._waiting = self._hashed = 0
        self._parts: list[bytes] = []
        self._last = self._part = b""

    def write(self, data: bytes) -> None:
        self._size += len(data)
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= WINDOW:
            self._put(final=False)

    def close(self) -> bytes:
        """Return the digest of all that was written."""
        self._put(final=True)
        if not self._parts:
            return self._writer.put(b"")
        if len(self._parts) == 1:
            return self._parts[0][:32]
        digest = self._whole.digest()
        self._writer.put_parts(digest, self._size, b"".join(self._parts))
        return digest

    def _put(self, *, final: bool) -> None:
        buffer = b"".join(self._pieces)
        done = 0
        with _beside(self._whole.update, memoryview(buffer)[self._hashed :]):
            for end in self._cut(buffer, final):
                piece = buffer[done:end]
                if piece != self._last:  # zeros are one chunk, over and over
                    self._last, self._part = piece, PART.pack(self._writer.put(piece), len(piece))
                self._parts.append(self._part)
                done = end
        self._pieces, self._waiting = [buffer[done:]], len(buffer) - done
        self._hashed = self._waiting


@contextmanager
def _beside(work: Callable[[memoryview], object], data: memoryview) -> Iterator[None]:
    """Do *work* while the block runs, in a thread of its own where *data* is worth one."""
    if len(data) < WORTH_A_THREAD:
        work(data)
        yield
        return
    thread = threading.Thread(target=work, args=(data,))
    thread.start()
    try:
        yield
    finally:
        thread.join()


Cutter = Callable[[bytes, bool], Iterator[int]]
"""Where to cut a buffer: the ends of its chunks, those that later bytes could still move left out unless it is final."""


def _fixed(buffer: bytes, final: bool) -> Iterator[int]:
    yield from range(ORIGINAL_CHUNK, len(buffer) + 1, ORIGINAL_CHUNK)
    if final and len(buffer) % ORIGINAL_CHUNK:
        yield len(buffer)


def _content_defined(buffer: bytes, final: bool) -> Iterator[int]:
    """Cut where FastCDC does; a cut is settled once `CHUNK_MAX` bytes follow its start, so that windows leave no trace."""
    if final and len(buffer) <= CHUNK_MIN:
        if buffer:
            yield len(buffer)
        return
    from fastcdc import fastcdc  # noqa: PLC0415 - 30 ms, for large contents alone

    settled = len(buffer) if final else len(buffer) - CHUNK_MAX
    for cut in fastcdc(buffer, CHUNK_MIN, CHUNK_AVERAGE, CHUNK_MAX):
        if cut.offset >= settled:
            return
        yield cut.offset + cut.length
