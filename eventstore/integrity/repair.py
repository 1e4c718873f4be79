"""Repair: contents that are damaged or missing are set aside and put anew, by whoever still has them."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from eventstore.content.packer import Row
from eventstore.content.reader import PART
from eventstore.content.segments import Place
from eventstore.disk import folder
from eventstore.disk.fsync import sync_folder
from eventstore.disk.lock import exclusive
from eventstore.errors import DamagedError
from eventstore.integrity import chain, derived_columns, presence, scrub
from eventstore.integrity.findings import Advance, Finding
from eventstore.log.log import Log
from eventstore.retention import compaction
from eventstore.retention.reachability import Needs, returning
from eventstore.store.store import Store
from eventstore.store.writer import Writer

_ROW = "SELECT * FROM content WHERE digest = ?"
_OBJECTS = "SELECT type, name, sql FROM sqlite_master"
_BACKUP = "bring back a backup (`layerlog --store NEW backup --restore DEST`)"


class Aside(NamedTuple):
    """Rows that were taken out so that their contents can be put again; `wanted` is all that should come back, or that was
    erased and may.
    """

    rows: list[Row]
    wanted: frozenset[bytes]


def find(store: Store, advance: Advance) -> list[Finding]:
    """Return what is wrong with contents: O(all of them), as `verify` does."""
    found = [finding for finding in presence.check(store) if not finding.note]
    lost = {digest for finding in found for digest in finding.digests}
    return found + list(scrub.check(store, advance, lost=frozenset(lost)))


def mend_schema(store: Store) -> list[str]:
    """Make indexes, triggers, views and the WAL mode that are missing anew, and views that were changed; return their names."""
    expected = derived_columns.expected_objects(store.schema)
    for name, sql in store.db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall():
        if name in expected and expected[name] != sql:
            store.db.execute(f'DROP VIEW "{name}"')
    there = {row[0] for row in store.db.execute("SELECT name FROM sqlite_master")}
    missing = {name: sql for name, sql in expected.items() if name not in there}
    for sql in missing.values():
        store.db.execute(sql)
    if folder.unusual_journal(store.path):
        store.db.execute("PRAGMA journal_mode = WAL")
        missing["log.db's WAL"] = ""
    return sorted(missing)


def mend_indexes(store: Store) -> bool:
    """Write log.db anew from the rows of its tables where SQLite finds it unsound; return whether it did.  O(events).

    Nothing is changed, and DamagedError raised, where a row cannot be read or the chain of events does not hold.  Takes the
    exclusive lock.
    """
    if not any(derived_columns.pages(store.log)):
        return False
    with exclusive(store.path), closing(sqlite3.connect("", isolation_level=None)) as anew:
        try:
            _copy_rows(store.db, anew)
            problem = next(chain.check(Log(anew, store.cache), lambda _: None), None)
        except sqlite3.DatabaseError as error:
            raise DamagedError(f"store {store.path}: rows of its log cannot be read ({error}); {_BACKUP}") from None
        if problem is not None:
            raise DamagedError(f"store {store.path}: {problem.object} {problem.problem}; {_BACKUP}")
        anew.backup(store.db)
    return True


def _copy_rows(old: sqlite3.Connection, anew: sqlite3.Connection) -> None:
    """No index is read: each is made of the rows that are copied."""
    for pragma in ("page_size", "application_id", "user_version"):
        anew.execute(f"PRAGMA {pragma} = {old.execute(f'PRAGMA {pragma}').fetchone()[0]}")
    anew.execute("BEGIN")
    objects = old.execute(f"{_OBJECTS} WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'").fetchall()
    for kind, name, sql in sorted(objects, key=lambda found: found[0] != "table"):
        anew.execute(sql)
        if kind == "table":
            rows = old.execute(f'SELECT * FROM "{name}" NOT INDEXED')
            anew.executemany(f'INSERT INTO "{name}" VALUES ({",".join("?" * len(rows.description))})', rows)
    anew.execute("COMMIT")


@contextmanager
def replacing(store: Store, writer: Writer, findings: Iterable[Finding]) -> Iterator[Aside]:
    """Set aside the damaged rows while the caller puts their contents anew; one transaction, in the exclusive lock.

    At the end, what nobody had is put in quarantine/ as it lay on disk and leaves the content table; what lay in a segment
    that is missing keeps its row, in case the file is found.
    """
    compaction.keep_numbering(store)
    with writer.transaction():
        aside = _set_aside(store, findings)
        store.content.forget()
        yield aside
        writer.content.name()
        writer.originals.name()
        for row in aside.rows:
            if not store.content.has(row[0]):
                _give_up(store, row)


def _set_aside(store: Store, findings: Iterable[Finding]) -> Aside:
    """A large content keeps its row unless its list of chunks is what is wrong; what lacks only its dictionary, too."""
    damaged = {digest for finding in findings for digest in finding.digests}
    wanted = Needs(store.log, damaged | returning(store.log)).all()
    rows = []
    for digest in damaged:
        row = store.db.execute(_ROW, (digest,)).fetchone()
        if row is None or row[7] in damaged or (row[6] is not None and not _is_made_of_others(store, row[6], damaged)):
            continue
        rows.append(row)
        store.db.execute("DELETE FROM content WHERE digest = ?", (digest,))
    return Aside(rows, frozenset(wanted))


def _is_made_of_others(store: Store, parts: bytes, damaged: set[bytes]) -> bool:
    """Whether all chunks that a damaged content lists are sound: then it is the list that is wrong."""
    if len(parts) % PART.size:
        return True
    return all(store.content.has(chunk) and chunk not in damaged for chunk, _ in PART.iter_unpack(parts))


def _give_up(store: Store, row: Row) -> None:
    try:
        block = store.content.segments.raw(Place(row[2], row[3], row[4]))
    except (DamagedError, OSError):
        store.db.execute("INSERT INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return
    aside = os.path.join(store.path, "quarantine")
    os.makedirs(aside, mode=0o700, exist_ok=True)
    with open(os.path.join(aside, row[0].hex()), "wb") as file:
        file.write(block)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(aside)
