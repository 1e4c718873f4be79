"""The store on disk: log.db, content/, cache/ and lock, in one folder that belongs to its user (0700)."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from eventstore.content.reader import Content
from eventstore.disk import folder
from eventstore.disk.cache import Cache
from eventstore.disk.fsync import sync_folder
from eventstore.disk.lock import exclusive, telling
from eventstore.errors import StoreError
from eventstore.log.log import Log
from eventstore.log.schema import SCHEMA, version

T = TypeVar("T")
APPLICATION_ID = 0x4C4C4F47  # "LLOG"
BUSY_MS = 60_000
_PRAGMAS = (
    "synchronous = FULL",
    "cache_size = -16000",
    "temp.cache_size = -16000",  # contents on their way in come in random order: 2 MB of cache would write each page often
    "wal_autocheckpoint = 4000",
    "journal_size_limit = 67108864",
)


class Store:
    """An open store.  One connection: use it from one thread; open another for another thread.

    `schema` is the one that the store has on disk; whoever writes brings an older one to today's first.
    """

    def __init__(self, path: str, db: sqlite3.Connection, schema: int) -> None:
        self.path = path
        self.schema = schema
        self.db = db
        self.cache = Cache(os.path.join(path, "cache"))
        self.log = Log(db, self.cache)
        self.content = Content(db, os.path.join(path, "content"))

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the store at *path*, of today's schema or an older one; raise StoreError where none can be opened.

        Nothing is made or locked, and nothing migrated: a reading command leaves a store as it is, read-only or not.
        """
        path = os.path.abspath(path)
        folder.require_readable(path)
        folder.require(path)
        folder.check(path)
        db, schema = _connect(path, os.path.join(path, "log.db"))
        if schema > SCHEMA:
            db.close()
            raise StoreError(
                f"the store {path} was written by a newer layerlog (schema {schema}, this one knows {SCHEMA}); update layerlog"
            )
        if schema < SCHEMA:
            from eventstore.log import migrations  # noqa: PLC0415 - a store of today's schema does not need it

            migrations.add_temporary_views(db)
        return cls(path, db, schema)

    @classmethod
    def open_or_create(cls, path: str) -> Self:
        """As `open`, but make the store, empty, where nothing is."""
        path = os.path.abspath(path)
        folder.require_readable(path)
        folder.check(path)
        if not os.path.exists(os.path.join(path, "log.db")):
            folder.check_unused(path)
            _create(path)
        return cls.open(path)

    def migrate(self) -> bool:
        """Bring an older store to today's schema, in one transaction and alone; return whether nobody else had done it."""
        if self.schema == SCHEMA:
            return False
        from eventstore.log import migrations  # noqa: PLC0415

        folder.require_writable(self.path)
        with exclusive(self.path):
            self.schema = version(self.db)
            migrations.migrate(self.db)
        was, self.schema = self.schema, SCHEMA
        return was < SCHEMA

    def close(self) -> None:
        self.content.forget()
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _create(path: str) -> None:
    folder.make(path)
    with exclusive(path):
        file = os.path.join(path, "log.db")
        if os.path.exists(file):
            return
        folder.fill(path)
        fresh = os.path.join(path, "log.db.new")  # by hand: SQLite opens files by name, and has three beside it
        for leftover in (fresh, fresh + "-journal", fresh + "-wal", fresh + "-shm"):
            if os.path.lexists(leftover):
                os.unlink(leftover)
        _create_log(fresh)
        os.rename(fresh, file)
        sync_folder(path)


def _create_log(file: str) -> None:
    from eventstore.log import migrations  # noqa: PLC0415

    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        os.chmod(file, 0o600)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations.migrate(db)
        db.execute("PRAGMA journal_mode = WAL")


def _connect(path: str, file: str) -> tuple[sqlite3.Connection, int]:
    """Return a connection and the schema's version; raise StoreError where the file is no readable log."""
    writable = os.access(path, os.W_OK)
    mode = "rw" if writable else ("ro" if os.path.exists(file + "-wal") else "ro&immutable=1")
    db = None
    try:
        db = sqlite3.connect(f"file:{_quoted(file)}?mode={mode}", uri=True, isolation_level=None)
        found, version = when_unlocked(db, path, partial(_set_up, db))
    except (sqlite3.Error, UnicodeDecodeError) as error:  # what SQLite says of a damaged file may be no text
        if db is not None:
            db.close()
        raise StoreError(f"the store {path} cannot be opened: {error}; {folder.next_step(path)}") from None
    if found != APPLICATION_ID:
        db.close()
        raise StoreError(f"{file} is not a layerlog store; choose another with --store DIR")
    return db, version


def _set_up(db: sqlite3.Connection) -> tuple[int, int]:
    for pragma in _PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    found, version = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
    return found, version


def when_unlocked(db: sqlite3.Connection, path: str, act: Callable[[], T]) -> T:
    """Return what *act* does with the log of the store at *path*, when no other process locks it; who waits is told."""
    db.execute("PRAGMA busy_timeout = 0")
    try:
        return act()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    with telling(f"the store's log{folder.unusual_journal(path)}", partial(folder.lockers, path)):
        return act()


def _quoted(file: str) -> str:
    return file.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
