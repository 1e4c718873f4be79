"""Compaction: segments that are mostly garbage are copied without it; what a content was erased from is wiped.

All of it happens under the exclusive lock: no writer holds blocks that it has not named yet.  Readers go on reading.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import groupby
from typing import NamedTuple

from eventstore.content.segments import Place, SegmentWriter
from eventstore.disk import held
from eventstore.disk.fsync import sync_folder
from eventstore.store.store import BUSY_MS, Store

READERS_MS = 5_000
PIECE = 1 << 20
WIPE = "wipe"
_BLOCKS = "SELECT DISTINCT segment, offset, stored FROM content WHERE parts IS NULL"


class Usage(NamedTuple):
    """One segment file: its bytes, and those of them in blocks that a content row names."""

    segment: int
    size: int
    live: int


class Freed(NamedTuple):
    """What a compaction did: segments removed, bytes given back; `waiting` segments are still being read and go next time."""

    segments: int
    bytes: int
    waiting: int


def usages(store: Store) -> list[Usage]:
    """Return every segment file there is with its live bytes."""
    live = dict(store.db.execute(f"SELECT segment, sum(stored) FROM ({_BLOCKS}) GROUP BY segment"))
    return [Usage(segment, _size(store, segment), live.get(segment, 0)) for segment in segments(store)]


def stored(store: Store) -> int:
    """Return how many contents lie in segments: of a large one its chunks; no originals."""
    return int(store.db.execute("SELECT count(*) FROM content WHERE segment >= 0 AND parts IS NULL").fetchone()[0])


def segments(store: Store) -> Iterator[int]:
    for sign in (-1, 1):
        yield from (sign * number for number in store.content.segments.numbers(sign))


def compact(store: Store) -> Freed:
    """Copy the live blocks of segments that are mostly garbage into new ones, then remove what nothing names.

    Durable before it is named, named before the old file goes; killed at any point, the next run goes on.
    """
    _move(store, [usage.segment for usage in usages(store) if 0 < usage.live < usage.size / 2])
    dead = _dead(usages(store))
    if not dead:
        return Freed(0, 0, 0)
    if not readers_are_done(store.db):
        return Freed(0, 0, len(dead))
    _remove(store, [usage.segment for usage in dead])
    return Freed(len(dead), sum(usage.size for usage in dead), 0)


def _dead(found: list[Usage]) -> list[Usage]:
    """Return the files that nothing names; an empty one with the highest number stays, since it keeps the count."""
    highest = {max((u.segment for u in found if u.segment > 0), default=0), min((u.segment for u in found), default=0)}
    return [usage for usage in found if not usage.live and (usage.size or usage.segment not in highest)]


def readers_are_done(db: sqlite3.Connection) -> bool:
    """Return whether no connection reads the log as it was before the last commit: a full checkpoint waits for those."""
    db.execute(f"PRAGMA busy_timeout = {READERS_MS}")
    try:
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    except sqlite3.OperationalError:  # this very connection reads
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def clear_cache(store: Store) -> int:
    """Remove all of cache/ but for what containers run on; return how many bytes less it holds."""
    folder = store.cache.path()
    size = folder_size(folder)
    for name in store.cache.names():
        if name == held.LOWER:
            held.remove_unused(store.cache.path(name))
        else:
            held.remove(store.cache.path(name))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return size - folder_size(folder)


def folder_size(path: str) -> int:
    """Return the bytes of all files below *path*; those that vanish meanwhile do not count."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


# -- wiping


def will_wipe(store: Store) -> None:
    """Leave a mark, durably, that bytes are about to lose their name and must be wiped; `wipe` takes it away."""
    os.close(os.open(os.path.join(store.path, WIPE), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    sync_folder(store.path)


def must_wipe(store: Store) -> bool:
    """Return whether an erasure was interrupted before its bytes were gone."""
    return os.path.exists(os.path.join(store.path, WIPE))


def wipe(store: Store) -> None:
    """Overwrite with zeros every byte of every segment that no content row names, and take the mark away."""
    readers_are_done(store.db)
    blocks = store.db.execute(f"{_BLOCKS} ORDER BY segment, offset")
    named = {segment: [(row[1], row[2]) for row in rows] for segment, rows in groupby(blocks, key=lambda row: row[0])}
    for segment in segments(store):
        _wipe_file(store.content.segments.path(segment), named.get(segment, []))
    store.content.forget()
    if must_wipe(store):
        os.unlink(os.path.join(store.path, WIPE))
        sync_folder(store.path)


def _wipe_file(path: str, blocks: list[tuple[int, int]]) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        end = 0
        for offset, stored in blocks:
            _zero(fd, end, offset)
            end = max(end, offset + stored)
        _zero(fd, end, os.fstat(fd).st_size)
        os.ftruncate(fd, min(end, os.fstat(fd).st_size))
        os.fsync(fd)
    finally:
        os.close(fd)


def _zero(fd: int, start: int, end: int) -> None:
    while start < end:
        length = min(PIECE, end - start)
        if os.pread(fd, length, start).count(0) != length:
            os.pwrite(fd, bytes(length), start)
        start += length


# -- moving


def _move(store: Store, chosen: list[int]) -> None:
    if not chosen:
        return
    writers = {sign: SegmentWriter(store.content.segments, originals=sign < 0, fresh=True) for sign in (-1, 1)}
    marks = ",".join("?" * len(chosen))
    columns = "segment, offset, new_segment, new_offset, PRIMARY KEY (segment, offset)"
    store.db.execute(f"CREATE TEMP TABLE IF NOT EXISTS moved ({columns})")
    store.db.execute("DELETE FROM temp.moved")
    with closing(writers[-1]), closing(writers[1]):
        rows = store.db.execute(f"{_BLOCKS} AND segment IN ({marks}) ORDER BY segment, offset", chosen).fetchall()
        for place in map(Place._make, rows):
            block = store.content.segments.lying(place).ljust(place.stored, b"\0")  # damaged or not: `verify` is who judges it
            new = writers[-1 if place.segment < 0 else 1].append(block)
            store.db.execute("INSERT INTO moved VALUES (?, ?, ?, ?)", (place.segment, place.offset, new.segment, new.offset))
        for writer in writers.values():
            writer.sync()
        store.db.execute(
            "UPDATE content SET segment = new_segment, offset = new_offset FROM moved WHERE parts IS NULL "
            "AND content.segment = moved.segment AND content.offset = moved.offset"
        )
    store.content.forget()


def _remove(store: Store, dead: list[int]) -> None:
    """Remove segment files; a number is never used twice, so the next one stands in for the highest."""
    for sign in (-1, 1):
        numbers = store.content.segments.numbers(sign)
        if numbers and sign * numbers[-1] in dead:
            stand_in(store, sign * (numbers[-1] + 1))
    store.content.forget()
    for segment in dead:
        os.unlink(store.content.segments.path(segment))
    for sign in (-1, 1):
        sync_folder(os.path.dirname(store.content.segments.path(sign)))


def keep_numbering(store: Store) -> None:
    """See to it that no new segment takes the number of one that is missing: an empty one with a higher number stands in."""
    for sign in (-1, 1):
        highest = store.log.number("SELECT max(segment * ?) FROM content WHERE parts IS NULL", (sign,)) or 0
        if highest > max(store.content.segments.numbers(sign), default=0):
            stand_in(store, sign * (highest + 1))


def stand_in(store: Store, segment: int) -> None:
    """Make an empty segment, so that no other gets this number, nor a lower one."""
    path = store.content.segments.path(segment)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    sync_folder(os.path.dirname(path))


def _size(store: Store, segment: int) -> int:
    return os.stat(store.content.segments.path(segment)).st_size
