"""Presence: whether what the log and the content table name is there, without reading a byte of it."""

import os
from collections.abc import Iterable, Iterator

from eventstore.content.reader import PART, Content, how_erased
from eventstore.integrity.findings import Finding, of_content, of_event
from eventstore.model.digests import named
from eventstore.retention import compaction, reachability
from eventstore.store.store import Store

_NAMED = (
    "SELECT e.content, e.position, e.size, c.size FROM event e LEFT JOIN content c ON c.digest = e.content "
    f"WHERE e.content IS NOT NULL AND CASE WHEN c.digest IS NULL THEN e.kind NOT IN {tuple(map(int, reachability.NOT_KEPT))} "
    "ELSE e.kind = 1 AND e.size <> c.size END"
)
_LOOSE = "SELECT base, digest FROM content WHERE base IS NOT NULL AND base NOT IN (SELECT digest FROM content)"


def check(store: Store) -> Iterator[Finding]:
    """Yield every content that is named and not there, every segment that is missing or too short, and erasures as notes."""
    gone = reachability.erased(store.log)
    if compaction.must_wipe(store):
        yield Finding("content", "content", "an erasure was interrupted before its bytes were gone; run `layerlog gc`")
    for digest, position in gone.items():
        yield of_content(digest, how_erased(store.db, position), note=True)
    yield from _named_by_events(store, gone)
    yield from _named_by_contents(store, gone)
    yield from _segments(store)


def count(store: Store) -> int:
    """Return how many contents are named: large ones and their chunks, originals too."""
    return int(store.db.execute("SELECT count(*) FROM content").fetchone()[0])


def absent(store: Store) -> set[bytes]:
    """Return the digest of every content that is needed, not there and not erased: of chunks and dictionaries, too."""
    found = {digest for digest, _, _, size in store.db.execute(_NAMED) if size is None}
    needed = {digest for _, digest in reachability.documents(store.log)}
    for (parts,) in store.db.execute("SELECT parts FROM content WHERE length(parts) % ? = 0", (PART.size,)):
        needed.update(chunk for chunk, _ in PART.iter_unpack(parts))
    found.update(digest for digest in needed if not store.content.has(digest))
    found.update(row[0] for row in store.db.execute(_LOOSE))
    return found - reachability.erased(store.log).keys()


def _named_by_events(store: Store, gone: dict[bytes, int]) -> Iterator[Finding]:
    """One pass: what an event names must be there, and a file be as large as its event states."""
    missing: dict[bytes, tuple[int, int]] = {}
    for digest, position, stated, size in store.db.execute(_NAMED):
        if size is None:
            first, count = missing.get(digest, (position, 0))
            missing[digest] = first, count + 1
        else:
            yield of_event(position, f"states {stated} bytes where its content {named(digest)} has {size}", "content")
    for position, digest in reachability.documents(store.log):
        if not store.content.has(digest):
            missing.setdefault(digest, (position, 1))
    for digest, (position, count) in missing.items():
        if digest not in gone:
            more = f" and {count - 1} more events" if count > 1 else ""
            yield of_content(digest, f"is missing: event {position}{more} names it")


def _named_by_contents(store: Store, gone: dict[bytes, int]) -> Iterator[Finding]:
    """A large content's chunks must be there and make up its size; a dictionary must be there."""
    for digest, size, parts in store.db.execute("SELECT digest, size, parts FROM content WHERE parts IS NOT NULL"):
        yield from _parts(store.content, digest, size, parts, gone)
    for base, digest in store.db.execute(_LOOSE):
        yield of_content(digest, f"cannot be unpacked: its dictionary {named(base)} is missing")


def _parts(content: Content, digest: bytes, size: int, parts: bytes, gone: Iterable[bytes]) -> Iterator[Finding]:
    if len(parts) % PART.size:
        yield of_content(digest, "its list of chunks is cut")
        return
    chunks = list(PART.iter_unpack(parts))
    if sum(length for _, length in chunks) != size:
        yield of_content(digest, f"its chunks do not make up its size of {size} bytes")
    for chunk in {chunk for chunk, _ in chunks}:
        if not content.has(chunk) and chunk not in gone:
            yield of_content(digest, f"its chunk {named(chunk)} is missing")


def _segments(store: Store) -> Iterator[Finding]:
    ends = "SELECT segment, max(offset + stored) FROM content WHERE parts IS NULL AND size > 0 GROUP BY segment"
    for segment, end in store.db.execute(ends).fetchall():
        try:
            size = os.stat(store.content.segments.path(segment)).st_size
        except FileNotFoundError:
            yield _segment(store, segment, "is missing", 0)
        except OSError as error:
            yield _segment(store, segment, f"cannot be read ({error.strerror})", 0)
        else:
            if size < end:
                yield _segment(store, segment, f"was cut: it ends at byte {size} of {end}", size)


def _segment(store: Store, segment: int, problem: str, end: int) -> Finding:
    rows = store.db.execute(
        "SELECT digest FROM content WHERE parts IS NULL AND segment = ? AND offset + stored > ? AND size > 0", (segment, end)
    )
    digests = tuple(row[0] for row in rows)
    file = os.path.relpath(store.content.segments.path(segment), store.path)
    return Finding("content", file, f"{problem}; contents lost with it: {len(digests)}", digests)
