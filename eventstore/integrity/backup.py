"""Backup: a second store that holds what this one did at one moment, made and brought up to date while writers write."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from eventstore.content.segments import Place, Segments
from eventstore.disk import folder
from eventstore.disk.fsync import sync_folder
from eventstore.disk.lock import exclusive, undisturbed
from eventstore.errors import ConflictError, DamagedError, StoreError
from eventstore.integrity import presence, scrub
from eventstore.integrity.findings import Advance
from eventstore.log.log import Head
from eventstore.model.paths import shown
from eventstore.retention import compaction
from eventstore.store.store import Store

PIECE = 1 << 20
_ENDS = "SELECT segment, max(offset + stored) FROM content WHERE parts IS NULL GROUP BY segment"


class Copied(NamedTuple):
    """What a backup did: the head that it holds now, and the bytes of segments that were new to it."""

    head: Head
    bytes: int


def back_up(store: Store, target: str, advance: Advance) -> Copied:
    """Make the folder *target* a store that holds what *store* holds now; copies what is new since the last time.

    Whatever interrupts it, *target* is the store that it was before, or the new one.  Collection and erasure wait,
    writers do not.  What was copied is read back and verified.  Raise ConflictError where *target* holds another store,
    or events that *store* has not.
    """
    target = os.path.abspath(target)
    _prepare(target, store.path)
    with undisturbed(store.path), exclusive(target), _snapshot(store):
        head = store.log.head()
        with _opened(target) as known:
            _require_prefix(store, known, target)
            trusted = dict(known.db.execute(_ENDS)) if known else {}
        copied = _copy_segments(store, target, trusted, advance)
        _copy_log(store, target)
    with Store.open(target) as made, exclusive(target):
        _settle(made, store)
        _verify(made, head, trusted, target)
    return Copied(head, copied)


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


def _require_prefix(store: Store, known: Store | None, target: str) -> None:
    if known is None or not (head := known.log.head()).changesets:
        return
    row = store.db.execute("SELECT hash FROM changeset WHERE number = ?", (head.changesets,)).fetchone()
    if row is None or row[0] != head.hash:
        raise ConflictError(
            f"{shown(target)} holds another store, or changesets that this one has not ({head.changesets} there); "
            "choose another folder"
        )


def _copy_segments(store: Store, target: str, trusted: dict[int, int], advance: Advance) -> int:
    """Copy what the target's own log does not name yet of every segment; return the bytes."""
    copied, copies = 0, Segments(os.path.join(target, "content"))
    for segment, end in store.db.execute(_ENDS).fetchall():
        start = trusted.get(segment, 0)
        if start < end:
            _copy_range(store.content.segments.path(segment), copies.path(segment), start, end, advance)
            copied += end - start
    for kind in ("segments", "originals"):
        sync_folder(os.path.join(target, "content", kind))
    sync_folder(os.path.join(target, "content"))
    return copied


def _copy_range(source: str, place: str, start: int, end: int, advance: Advance) -> None:
    with open(source, "rb") as old, open(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as new:
        old.seek(start)
        new.seek(start)
        while start < end:
            piece = old.read(min(PIECE, end - start))
            if not piece:
                raise DamagedError(f"{shown(source)} ends at byte {start} of {end}; `layerlog verify` says more")
            new.write(piece)
            start += len(piece)
            advance(len(piece))
        new.truncate(end)
        new.flush()
        os.fsync(new.fileno())


def _copy_log(store: Store, target: str) -> None:
    """Replace the target's log in one transaction of its own."""
    file = os.path.join(target, "log.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as new:
        os.chmod(file, 0o600)
        new.execute("PRAGMA synchronous = FULL")
        store.db.backup(new)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sync_folder(target)


def _settle(made: Store, store: Store) -> None:
    """Remove segments that only an older backup named, and what was erased since."""
    for segment in list(compaction.segments(made)):
        if not os.path.exists(store.content.segments.path(segment)):
            os.unlink(made.content.segments.path(segment))
    if made.content.has_erasures():
        compaction.wipe(made)


def _verify(made: Store, head: Head, trusted: dict[int, int], target: str) -> None:
    """Raise DamagedError unless the copy has this head, all that it names, and the new bytes read back as they should."""
    findings = [finding for finding in presence.check(made) if not finding.note]
    if made.log.head() != head:
        raise DamagedError(f"{shown(target)}: the copied log ends elsewhere; repeat the backup")

    def is_new(place: Place) -> bool:
        return place.offset + place.stored > trusted.get(place.segment, 0)

    findings += scrub.check(made, lambda _: None, wanted=is_new)
    if findings:
        first = findings[0]
        raise DamagedError(f"{shown(target)}: {first.object} {first.problem} ({len(findings)} findings); run `layerlog verify`")


def require_new(path: str) -> None:
    """Raise ConflictError where the folder *path* holds anything."""
    if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise ConflictError(f"{shown(path)} is not empty; move it away, or name a new store with --store DIR")
