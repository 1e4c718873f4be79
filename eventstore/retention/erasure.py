"""Erasing: the bytes of a content are removed for good, and the log says that, why and by whom."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eventstore.content.reader import PART
from eventstore.errors import ConflictError, DamagedError
from eventstore.model.digests import named
from eventstore.retention import compaction, reachability
from eventstore.store import commands, visits
from eventstore.store.store import Store
from eventstore.store.writer import Writer


class Extent(NamedTuple):
    """What erasing removes, and what it leaves.

    `rows` are the digests that go: what was asked for, and chunks that nothing else is made of; `rewritten` those that
    must be encoded anew because they share a block with them or have one of them as dictionary; `sharing` the contents that
    keep a chunk in common with what is erased.
    """

    sizes: Mapping[bytes, int]
    rows: frozenset[bytes]
    rewritten: frozenset[bytes]
    sharing: frozenset[bytes]


def extent(store: Store, digests: Iterable[bytes], blobs: Iterable[bytes] = ()) -> Extent:
    """Return what erasing *digests*, and dropping *blobs*, removes; those that are not here are left out.

    Raise ConflictError where one is itself a part of a content that is to stay.
    """
    there = {digest: store.content.size(digest) for digest in {*digests, *blobs} if store.content.has(digest)}
    parts, users = _large(store)
    chunks = {chunk for digest in there for chunk in parts.get(digest, ())}
    # a small file can equal a large one's chunk
    files = {found.digest for found in reachability.occurrences(store.log, chunks)}
    staying = {part: [whole for whole in wholes if whole not in there] for part, wholes in users.items()}
    kept = {chunk for chunk in chunks if chunk not in there and (chunk in files or staying[chunk])}
    for digest in there:
        whole = next(iter(staying.get(digest, ())), None)
        if whole is not None:
            raise ConflictError(
                f"content {named(digest)} is a part of content {named(whole)}, which would stay; erase that too"
            )
    rows = frozenset(there) | (chunks - kept)
    sharing = {whole for chunk in kept for whole in staying[chunk]}
    wanted = {digest: size for digest, size in there.items() if digest not in set(blobs)}
    return Extent(wanted, rows, _neighbours(store, rows), frozenset(sharing))


def _large(store: Store) -> tuple[dict[bytes, set[bytes]], dict[bytes, set[bytes]]]:
    """Return large content -> its chunks, and chunk -> the large contents that it is part of."""
    parts: dict[bytes, set[bytes]] = {}
    users: dict[bytes, set[bytes]] = {}
    for digest, packed in store.db.execute("SELECT digest, parts FROM content WHERE parts IS NOT NULL"):
        parts[digest] = {chunk for chunk, _ in PART.iter_unpack(packed)}
        for chunk in parts[digest]:
            users.setdefault(chunk, set()).add(digest)
    return parts, users


def _neighbours(store: Store, rows: frozenset[bytes]) -> frozenset[bytes]:
    """Return what shares a block with *rows*, or has one as dictionary, and is none of them."""
    place = "SELECT segment, offset FROM content WHERE digest = ? AND parts IS NULL"
    places = {store.db.execute(place, (digest,)).fetchone() for digest in rows}
    chunks = store.db.execute("SELECT segment, offset, base, digest FROM content WHERE parts IS NULL")
    return frozenset(row[3] for row in chunks if row[:2] in places or row[2] in rows) - rows


def erase(
    store: Store, writer: Writer, found: Extent, reason: str, blobs: Iterable[bytes] = (), *, returns: bool = False
) -> None:
    """Erase what *found* says, with an event for each content that was asked for; *blobs* that are kept are dropped.

    Needs the exclusive lock (`writer.alone`).  The log says so before a byte goes: interrupted, the next `gc` or the same
    command again removes what is left.  Raise DamagedError, with nothing done, where a neighbour cannot be read.
    """
    running = [container for container in visits.containers(store.path) if visits.state(store.path, container)]
    if running:
        raise ConflictError(f"{visits.running(running[0])}; what it has not recorded yet no erasure could find")
    compaction.will_wipe(store)
    store.db.execute("PRAGMA secure_delete = ON")
    kept = [blob for blob in blobs if store.content.has(blob)]
    with writer.transaction():
        if kept:
            commands.drop_originals(writer, kept, reason)
        commands.erase_contents(writer, found.sizes, reason, returns=returns)
        for digest in _dependent_first(store, found.rewritten):
            data = _read(store, digest)
            store.db.execute("DELETE FROM content WHERE digest = ?", (digest,))
            writer.content.put(data)
        store.db.executemany("DELETE FROM content WHERE digest = ?", ((digest,) for digest in found.rows))
    finish(store)


def finish(store: Store) -> None:
    """Remove the bytes that lost their names, and every cache."""
    compaction.compact(store)
    compaction.wipe(store)
    compaction.clear_cache(store)


def _dependent_first(store: Store, digests: frozenset[bytes]) -> list[bytes]:
    """Those that need a dictionary come before it is moved."""
    bases = {
        digest: store.db.execute("SELECT base FROM content WHERE digest = ?", (digest,)).fetchone()[0] for digest in digests
    }
    return sorted(digests, key=lambda digest: (bases[digest] is None, digest))


def _read(store: Store, digest: bytes) -> bytes:
    try:
        return store.content.read_all(digest)
    except DamagedError as error:
        raise DamagedError(f"{error}; it lies beside what is to be erased, so run `layerlog repair` first") from None
