"""Backup: a second store that holds what this one did at one moment, made and brought up to date while writers write."""

import os
import sqlite3
import sys
from bisect import bisect
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple

from eventstore.content.reader import PART
from eventstore.content.segments import Place, Segments
from eventstore.content.writer import ContentWriter
from eventstore.disk import folder
from eventstore.disk.fsync import sync_folder
from eventstore.disk.lock import exclusive, undisturbed
from eventstore.errors import ConflictError, DamagedError, StoreError
from eventstore.integrity import presence, scrub
from eventstore.integrity.findings import Advance
from eventstore.log.log import Head
from eventstore.model.events import DEPARTURES, Kind
from eventstore.model.paths import shown
from eventstore.retention import compaction, reachability
from eventstore.store.store import Store

PIECE = 1 << 20
_BLOCKS = (
    "SELECT segment, offset, stored, start, digest FROM content WHERE parts IS NULL AND stored > 0 "
    "ORDER BY segment, offset, start"
)
_HASH = "SELECT hash FROM changeset WHERE number = ?"
_ENDS = "SELECT segment, max(offset + stored) FROM content WHERE parts IS NULL GROUP BY segment"


class Departure(NamedTuple):
    """That something left a backup: `title` says how, `time` when."""

    title: str
    time: int


class Copied(NamedTuple):
    """What a backup did: the head that it holds now, and the bytes of segments that were new to it.

    `kept` is how many contents it alone has: missing in the store, and not erased for good.  `replaced` are departures from the
    backup itself, an image saved out of it for example, that its log no longer tells of.
    """

    head: Head
    bytes: int
    kept: int
    replaced: list[Departure]


class _Range(NamedTuple):
    segment: int
    start: int
    end: int


def back_up(store: Store, target: str, advance: Advance) -> Copied:
    """Make the folder *target* a store that holds what *store* holds now; copies what is new since the last time.

    Whatever interrupts it or goes wrong, *target* is the store that it was before, or the new one.  Collection and erasure
    wait, writers do not.  What was copied is read back and verified before *target* names it.  Raise ConflictError where
    *target* holds another store, or events that *store* has not and that changed anything.
    """
    target = os.path.abspath(target)
    _prepare(target, store.path)
    with undisturbed(store.path), exclusive(target), _snapshot(store):
        head = store.log.head()
        with _opened(target) as known:
            replaced = _departures(store, known, target) if known else []
            new = _new_ranges(store, known)
            kept = _set_apart(store, known, new) if known else frozenset()
            copied = _copy_segments(store, target, new, advance)
            with _log_to_be(store, known, kept) as log:
                _verify(Store(target, log, store.schema), new)
                _copy_log(log, target)
        with Store.open(target) as made:
            if made.log.head() != head:
                raise DamagedError(f"{shown(target)}: the copied log ends elsewhere; repeat the backup")
            _settle(made, store, anew=bool(replaced))
    return Copied(head, copied, len(kept), replaced)


@contextmanager
def _snapshot(store: Store) -> Iterator[None]:
    """Read the log as it is now until the end, whoever writes meanwhile."""
    store.db.execute("BEGIN")
    try:
        store.db.execute("SELECT count(*) FROM changeset").fetchone()
        yield
    finally:
        store.db.execute("ROLLBACK")


def _prepare(target: str, source: str) -> None:
    if os.path.realpath(target) == os.path.realpath(source):
        raise ConflictError(f"{shown(target)} is the store itself; choose another folder")
    if os.path.lexists(target) and not os.path.isdir(target):
        raise StoreError(f"{shown(target)} is a file, and a backup is a folder; choose another")
    if os.path.isdir(target) and os.listdir(target) and not os.path.exists(os.path.join(target, "lock")):
        raise StoreError(f"{shown(target)} is a folder that holds other things; choose an empty or new one")
    folder.make(target)
    with exclusive(target):
        folder.fill(target)


@contextmanager
def _opened(target: str) -> Iterator[Store | None]:
    """Give the store that the target is already, None where no backup of it was ever finished."""
    if not _has_tables(os.path.join(target, "log.db")):
        yield None
        return
    with Store.open(target) as known:
        yield known


def _has_tables(file: str) -> bool:
    if not os.path.exists(file):
        return False
    try:
        with closing(sqlite3.connect(file)) as db:
            return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{shown(file)} cannot be read ({error}); choose another folder") from None


def _departures(store: Store, known: Store, target: str) -> list[Departure]:
    """Return what *known*, a backup, recorded of its own: that something left it; ConflictError where it is anything else."""
    head, common = known.log.head(), _common(store, known)
    if common == head.changesets:
        return []
    after = known.log.number("SELECT first + events FROM changeset WHERE number = ?", (common,)) or 1
    own = list(islice((event for event in known.log.everything(after) if event.kind not in DEPARTURES), 1))
    if own or not common:
        also = f"; its own begin with {Kind(own[0].kind).title}" if own and common else ""
        raise ConflictError(
            f"{shown(target)} holds another store, or changesets that this one has not ({head.changesets} there{also}); "
            "choose another folder, and try things out in a copy of a backup (`layerlog --store NEW backup --restore DEST`)"
        )
    events = known.log.everything(after)
    return [Departure(Kind(event.kind).title, known.log.changeset(event.position).time) for event in events]


def _common(store: Store, known: Store) -> int:
    """Return how many changesets both begin with: where one is the same, all before it are."""
    low, high = 0, min(store.log.head().changesets, known.log.head().changesets)
    while low < high:
        middle = (low + high + 1) // 2
        mine, theirs = (one.db.execute(_HASH, (middle,)).fetchone() for one in (store, known))
        low, high = (middle, high) if mine == theirs else (low, middle - 1)
    return low


def _set_apart(store: Store, known: Store, new: list[_Range]) -> frozenset[bytes]:
    """Write anew, in a segment that *store* has no number for, what *known* alone has and may return; return that.

    So with what lies where *new* bytes will: *known* keeps its contents until its log is another.  What shared a block with
    any of it, and was erased for good, goes.
    """
    kept = frozenset(digest for digest in presence.absent(store) if known.content.has(digest))
    covered = {digest for place, members in _blocks(known) if _overlaps(new, place) for _, digest in members}
    moved = dict.fromkeys(row[0] for row in _with_chunks(known, kept | covered - reachability.erased(store.log).keys()))
    if not moved:
        return kept
    compaction.stand_in(known, 1 + max(*store.content.segments.numbers(1), *known.content.segments.numbers(1), 0, 0))
    with Store.open(known.path) as old, closing(ContentWriter(known.db, known.content)) as writer:
        known.db.execute("BEGIN IMMEDIATE")
        known.db.executemany("DELETE FROM content WHERE digest = ?", zip(moved, strict=True))
        for digest in moved:
            with suppress(DamagedError):  # it is no loss
                _put_again(old, writer, digest)
        writer.name()
        known.db.execute("COMMIT")
    known.content.forget()
    return kept


def _put_again(old: Store, writer: ContentWriter, digest: bytes) -> None:
    size, parts = old.db.execute("SELECT size, parts FROM content WHERE digest = ?", (digest,)).fetchone()
    if parts is None:
        writer.put(old.content.read_all(digest))
    else:
        writer.put_parts(digest, size, parts)


def _with_chunks(store: Store, digests: Iterable[bytes]) -> Iterator[tuple[bytes]]:
    """Yield each of *digests* that is there, after the chunks that it is made of."""
    for digest in digests:
        for (parts,) in store.db.execute("SELECT parts FROM content WHERE digest = ?", (digest,)):
            yield from ((chunk,) for chunk, _ in PART.iter_unpack(parts or b"") if store.content.has(chunk))
            yield (digest,)


def _new_ranges(store: Store, known: Store | None) -> list[_Range]:
    """Return where blocks lie that *known* does not name at the same place, in their order."""
    found: list[_Range] = []
    theirs = _blocks(known) if known else iter(())
    place, members = next(theirs, _END)
    for wanted, digests in _blocks(store):
        while place[:2] < wanted[:2]:
            place, members = next(theirs, _END)
        if place == wanted and members & digests:
            continue
        end = wanted.offset + wanted.stored
        if found and found[-1].segment == wanted.segment and found[-1].end == wanted.offset:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(_Range(wanted.segment, wanted.offset, end))
    return found


_END: tuple[Place, set[tuple[int, bytes]]] = (Place(sys.maxsize, 0, 0), set())


def _blocks(store: Store) -> Iterator[tuple[Place, set[tuple[int, bytes]]]]:
    """Yield each block's place with the contents in it and where they begin."""
    for place, rows in groupby(store.db.execute(_BLOCKS), key=lambda row: Place(*row[:3])):
        yield place, {(start, digest) for *_, start, digest in rows}


def _overlaps(ranges: list[_Range], place: Place) -> bool:
    """Whether any of *ranges*, which are in order, has a byte of *place*."""
    at = bisect(ranges, (place.segment, place.offset + place.stored - 1, sys.maxsize)) - 1
    return at >= 0 and ranges[at].segment == place.segment and place.offset < ranges[at].end


def _copy_segments(store: Store, target: str, new: list[_Range], advance: Advance) -> int:
    """Copy what the target's own log does not name yet of every segment; return the bytes."""
    copies = Segments(os.path.join(target, "content"))
    for segment, ranges in groupby(new, key=lambda part: part.segment):
        _copy_ranges(store.content.segments.path(segment), copies.path(segment), ranges, advance)
    for kind in ("segments", "originals"):
        sync_folder(os.path.join(target, "content", kind))
    sync_folder(os.path.join(target, "content"))
    return sum(part.end - part.start for part in new)


def _copy_ranges(source: str, place: str, ranges: Iterable[_Range], advance: Advance) -> None:
    if not os.path.exists(source):
        raise DamagedError(f"{shown(source)} is missing; `layerlog verify` says more")
    with open(source, "rb") as old, open(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as new:
        for _, start, end in ranges:
            old.seek(start)
            new.seek(start)
            while start < end:
                piece = old.read(min(PIECE, end - start))
                if not piece:
                    raise DamagedError(f"{shown(source)} ends at byte {start} of {end}; `layerlog verify` says more")
                new.write(piece)
                start += len(piece)
                advance(len(piece))
        new.flush()
        os.fsync(new.fileno())


@contextmanager
def _log_to_be(store: Store, known: Store | None, kept: frozenset[bytes]) -> Iterator[sqlite3.Connection]:
    """Give the log that the target is to have: the store's, and the rows of what the target alone keeps."""
    if known is None or not kept:
        yield store.db
        return
    with closing(sqlite3.connect("", isolation_level=None)) as log:
        store.db.backup(log)
        for digest in _with_chunks(known, kept):
            rows = known.db.execute("SELECT * FROM content WHERE digest = ?", digest)
            log.executemany("INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        yield log


def _copy_log(log: sqlite3.Connection, target: str) -> None:
    """Replace the target's log in one transaction of its own."""
    file = os.path.join(target, "log.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as new:
        os.chmod(file, 0o600)
        new.execute("PRAGMA synchronous = FULL")
        log.backup(new)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sync_folder(target)


def _settle(made: Store, store: Store, *, anew: bool) -> None:
    """Remove bytes that only an older backup named, what was erased since, and answers that were computed from another end."""
    ends = dict(made.db.execute(_ENDS))
    for segment in list(compaction.segments(made)):
        path = made.content.segments.path(segment)
        if segment not in ends and not os.path.exists(store.content.segments.path(segment)):
            os.unlink(path)
        elif os.stat(path).st_size > ends.get(segment, 0):
            os.truncate(path, ends.get(segment, 0))
    if made.content.has_erasures():
        compaction.wipe(made)
    if anew:
        compaction.clear_cache(made)


def _verify(made: Store, new: list[_Range]) -> None:
    """Raise DamagedError unless all that the log names is there, and the new bytes read back as they should."""
    try:
        findings = [finding for finding in presence.check(made) if not finding.note]
        findings += scrub.check(made, lambda _: None, wanted=partial(_overlaps, new))
    finally:
        made.content.forget()
    if findings:
        first, target = findings[0], shown(made.path)
        raise DamagedError(
            f"{first.object} {first.problem} ({len(findings)} findings); {target} stays as it was; "
            "run `layerlog verify`, then `layerlog repair`"
        )


def require_new(path: str) -> None:
    """Raise ConflictError where the folder *path* holds anything."""
    if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise ConflictError(f"{shown(path)} is not empty; move it away, or name a new store with --store DIR")
