"""Content: bytes named by their SHA-256, stored once, verified whenever they are read out.

Small contents share compressed blocks; large ones are cut where their bytes say so (FastCDC), so that an edit stores
what changed and any range is read without the rest.  `writer.py` puts it.
"""

import json
import sqlite3
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

import lz4.block

from eventstore.content.segments import Place, Segments
from eventstore.errors import DamagedError, ErasedError
from eventstore.model.digests import named
from eventstore.model.events import Kind
from eventstore.model.memory import Recent
from eventstore.model.paths import shown
from eventstore.model.times import local

CHUNK_MAX = 512 << 10
CACHE_BYTES = 8 << 20
PART = struct.Struct("<32sI")
"""One chunk of a large content: its digest, and its size in bytes."""
ERASURES = f"kind IN ({Kind.CONTENT_ERASED:d}, {Kind.CONTENT_READMITTED:d})"
"""The events that say whether a content may be here, as the index event_erased has them; the latest decides."""
AT_ONCE = 200
_WHERE = "size, segment, offset, stored, start, parts, base"


class _Where(NamedTuple):
    size: int
    segment: int
    offset: int
    stored: int
    start: int
    parts: bytes | None
    base: bytes | None


class Content:
    """Reading side; cheap to make, one per connection."""

    def __init__(self, db: sqlite3.Connection, folder: str) -> None:
        self._db = db
        self.segments = Segments(folder)
        self._blocks: Recent[tuple[int, int]] = Recent(CACHE_BYTES)
        self._located: dict[bytes, _Where] = {}

    def has(self, digest: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM content WHERE digest = ?", (digest,)).fetchone() is not None

    def size(self, digest: bytes) -> int:
        """Return the content's size in bytes; raise as `read` does."""
        return self._where(digest).size

    def read(self, digest: bytes, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes [start, start + length) in pieces of at most `CHUNK_MAX`; only the chunks touched are read.

        Raise ErasedError where it was erased on request, DamagedError where it is missing or is not what it is named.
        """
        where = self._where(digest)
        end = where.size if length is None else min(where.size, start + length)
        if start >= end:
            return iter(())
        if where.parts is None:
            return iter((self._chunk(digest, where)[start:end],))
        return self._pieces(where.parts, start, end)

    def _pieces(self, packed: bytes, start: int, end: int) -> Iterator[bytes]:
        parts = list(PART.iter_unpack(packed))
        ends = list(accumulate(size for _, size in parts))
        first, last = bisect_right(ends, start), bisect_left(ends, end)
        begins = ends[first] - parts[first][1]
        for at in range(first, last + 1, AT_ONCE):
            batch = parts[at : min(at + AT_ONCE, last + 1)]
            located = self._rows_of(part for part, _ in batch)
            for part, size in batch:
                data = self._chunk(part, located.get(part) or self._where(part))
                yield data[max(start - begins, 0) : end - begins]
                begins += size

    def read_all(self, digest: bytes) -> bytes:
        """Return a small content whole."""
        return b"".join(self.read(digest))

    def erased(self, digest: bytes) -> int | None:
        """Return the position of the event that erased *digest* and keeps it out, or None: an index look-up."""
        row = self._db.execute(
            f"SELECT position, kind FROM event WHERE {ERASURES} AND content = ? ORDER BY position DESC LIMIT 1", (digest,)
        ).fetchone()
        return row[0] if row and row[1] == Kind.CONTENT_ERASED else None

    def may_return(self, position: int) -> bool:
        """Whether the erasure at *position* lets its content come back with whoever puts it again."""
        row = self._db.execute("SELECT json_extract(detail, '$.returns') FROM event WHERE position = ?", (position,)).fetchone()
        return bool(row and row[0])

    def has_erasures(self) -> bool:
        """Whether any content was ever erased."""
        any_erased = f"SELECT EXISTS (SELECT 1 FROM event WHERE {ERASURES} AND content IS NOT NULL)"
        return bool(self._db.execute(any_erased).fetchone()[0])

    def locate(self, digests: Iterable[bytes]) -> None:
        """Look up where contents lie that are about to be read, all in one go; the last call's are remembered."""
        self._located = self._rows_of(digests)
        bases = {where.base for where in self._located.values() if where.base is not None}
        if bases:
            self._located |= self._rows_of(bases)

    def forget(self) -> None:
        """Close the segments and drop what is cached of them: they were rewritten, or nobody reads on."""
        self.segments.forget()
        self._blocks.clear()
        self._located.clear()

    def _rows_of(self, digests: Iterable[bytes]) -> dict[bytes, _Where]:
        wanted = list(digests)
        marks = ",".join("?" * len(wanted))
        rows = self._db.execute(f"SELECT {_WHERE}, digest FROM content WHERE digest IN ({marks})", wanted)
        return {row[7]: _Where._make(row[:7]) for row in rows}

    def _where(self, digest: bytes) -> _Where:
        found = self._located.get(digest)
        if found is not None:
            return found
        row = self._db.execute(f"SELECT {_WHERE} FROM content WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return _Where._make(row)
        position = self.erased(digest)
        if position is not None:
            raise ErasedError(f"content {named(digest)} {how_erased(self._db, position)}", digest)
        raise DamagedError(f"content {named(digest)} is missing from the store; `layerlog repair` can take it from a copy")

    def _chunk(self, digest: bytes, where: _Where) -> bytes:
        try:
            return self._verified(digest, where)
        except (DamagedError, FileNotFoundError, lz4.block.LZ4BlockError) as first:
            self.forget()  # a collection may have moved it since this process opened the segment
            try:
                return self._verified(digest, self._where(digest))
            except (DamagedError, FileNotFoundError, lz4.block.LZ4BlockError):
                raise DamagedError(
                    f"content {named(digest)} is damaged ({first}); `layerlog verify` lists what it touches"
                ) from None

    def _verified(self, digest: bytes, where: _Where) -> bytes:
        if not where.size:
            return b""
        data = self._block(where)[where.start : where.start + where.size]
        if sha256(data).digest() != digest:
            raise DamagedError(f"segment {where.segment} holds other bytes at {where.offset}")
        return data

    def _block(self, where: _Where) -> bytes:
        key = (where.segment, where.offset)
        data = self._blocks.get(key)
        if data is None:
            block = self.segments.read(Place(*key, where.stored))
            data = block.decode(None if block.base is None else self._dictionary(block.base))
            self._blocks.put(key, data)
        return data

    def _dictionary(self, base: bytes) -> bytes:
        """Return what a difference is decoded with; a damaged one makes bytes that are not what they are named."""
        where = self._where(base)
        return self._block(where)[where.start : where.start + where.size]


def how_erased(db: sqlite3.Connection, position: int) -> str:
    """Return, on one line, what the event at *position* that erased a content says: when, by whom and why."""
    when, body = db.execute(
        "SELECT c.wall, x.body FROM changeset c JOIN context x ON x.id = c.context WHERE c.first <= ? "
        "ORDER BY c.first DESC LIMIT 1",
        (position,),
    ).fetchone()
    (detail,) = db.execute("SELECT detail FROM event WHERE position = ?", (position,)).fetchone()
    why = shown(str(json.loads(detail or "{}").get("reason")))
    return f"was erased on request by event {position} ({local(when)}, {_who(json.loads(body))}): {why}"


def _who(context: dict[str, object]) -> str:
    actor = context.get("actor")
    seen = f"{actor.get('login')}@{actor.get('host')}" if isinstance(actor, dict) else "nobody known"
    return shown(f"{context['author']}, seen as {seen}" if context.get("author") else seen)
