"""The schema of log.db: its number, which is also `PRAGMA user_version`, so that opening a store of today's needs no more."""

import sqlite3

SCHEMA = 4


def version(db: sqlite3.Connection) -> int:
    """Return the schema of *db*: 0 for an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])
