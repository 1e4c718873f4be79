"""Rehashing: every block is read and unpacked once, in the order in which it lies on disk; every content in it hashed."""

import os
from collections.abc import Callable, Container, Iterator
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

import lz4.block

from eventstore.content.reader import PART, Content
from eventstore.content.segments import Place
from eventstore.errors import LayerlogError
from eventstore.integrity.findings import Advance, Finding, of_content
from eventstore.model.memory import Recent
from eventstore.store.store import Store

NEAR = 8 << 20  # bytes of the latest chunks: a large content's lie almost in their order
_BLOCKS = (
    "SELECT segment, offset, stored, start, size, digest, base FROM content WHERE parts IS NULL "
    "ORDER BY segment, offset, start"
)


class _Member(NamedTuple):
    start: int
    size: int
    digest: bytes
    base: bytes | None


def check(
    store: Store, advance: Advance, *, wanted: Callable[[Place], bool] | None = None, lost: Container[bytes] = ()
) -> Iterator[Finding]:
    """Yield every content whose bytes are not what its digest names; *advance* is told of the bytes unpacked.

    *wanted* chooses the blocks, all without it; *lost* are digests that need not be looked for.
    Memory is that of one block and of the large contents' chunk lists.
    """
    wholes = _Wholes(store)
    for (segment, offset, stored), rows in groupby(store.db.execute(_BLOCKS), key=lambda row: row[:3]):
        members = [member for row in rows if (member := _Member(*row[3:])).digest not in lost]
        place = Place(segment, offset, stored)
        if not members or (wanted is not None and not wanted(place)):
            continue
        yield from _block(store.content, place, members, wholes)
        advance(sum(member.size for member in members))
    if wanted is None:
        yield from wholes.left_over(advance)


def total(store: Store) -> int:
    """Return the bytes that `check` unpacks where nothing is left out."""
    return int(store.db.execute("SELECT coalesce(sum(size), 0) FROM content WHERE parts IS NULL").fetchone()[0])


def _block(content: Content, place: Place, members: list[_Member], wholes: "_Wholes") -> Iterator[Finding]:
    data, problem = _unpacked(content, place, members)
    for member in members:
        piece = data[member.start : member.start + member.size]
        if len(piece) == member.size and sha256(piece).digest() == member.digest:
            yield from wholes.feed(member.digest, piece)
        else:
            file = os.path.basename(content.segments.path(place.segment))
            where = f"{'originals' if place.segment < 0 else 'segments'}/{file}, block at {place.offset}"
            yield of_content(member.digest, f"{problem or 'its bytes were changed'} ({where})")


def _unpacked(content: Content, place: Place, members: list[_Member]) -> tuple[bytes, str | None]:
    """Return the block's bytes, or what is wrong with it as a whole."""
    try:
        block = content.segments.read(place)
        base = members[0].base
        if block.base != base:
            return b"", "its block states another dictionary than its row"
        return block.decode(None if base is None else content.read_all(base)), None
    except lz4.block.LZ4BlockError:
        return b"", "its block cannot be unpacked"
    except (LayerlogError, OSError) as error:
        return b"", str(error).partition(";")[0]


class _Whole:
    """A large content on its way: which chunk comes next, and the hash of those before."""

    def __init__(self, digest: bytes, parts: bytes) -> None:
        self.digest = digest
        self.parts = parts
        self.next = 0
        self.hash = sha256()

    @property
    def wanted(self) -> bytes:
        return self.parts[self.next : self.next + 32]

    @property
    def complete(self) -> bool:
        return self.next >= len(self.parts)


class _Wholes:
    """Hashes large contents while their chunks pass; those whose chunks lie in another order are read again at the end."""

    def __init__(self, store: Store) -> None:
        self._content = store.content
        self._wanted: dict[bytes, list[_Whole]] = {}
        self._passed: Recent[bytes] = Recent(NEAR)
        for digest, parts in store.db.execute("SELECT digest, parts FROM content WHERE length(parts) >= 36"):
            self._wanted.setdefault(parts[:32], []).append(_Whole(digest, parts))

    def feed(self, chunk: bytes, data: bytes) -> Iterator[Finding]:
        self._passed.put(chunk, data)
        for whole in self._wanted.pop(chunk, ()):
            following: bytes | None = data
            while following is not None:
                whole.hash.update(following)
                whole.next += PART.size
                following = None if whole.complete else self._passed.get(whole.wanted)
            if not whole.complete:
                self._wanted.setdefault(whole.wanted, []).append(whole)
            elif whole.hash.digest() != whole.digest:
                yield _wrong(whole)

    def left_over(self, advance: Advance) -> Iterator[Finding]:
        for whole in [whole for wholes in self._wanted.values() for whole in wholes]:
            try:
                while not whole.complete:
                    data = self._content.read_all(whole.wanted)
                    whole.hash.update(data)
                    whole.next += PART.size
                    advance(len(data))
            except LayerlogError:
                continue  # the chunk has a finding of its own, which names the contents that need it
            if whole.hash.digest() != whole.digest:
                yield _wrong(whole)


def _wrong(whole: _Whole) -> Finding:
    return of_content(whole.digest, "its chunks are sound, and are not those it was made of")
