"""Waiting for more events, without asking all the time."""

import time
from collections.abc import Iterator

from eventstore.store import Store

PAUSE = 0.1


def heads(store: Store, last: int | None, *, keep_on: bool) -> Iterator[int]:
    """Yield the position up to which there are events: now, and with *keep_on* each time that others appended.

    SQLite counts other connections' commits (PRAGMA data_version), so that waiting reads nothing of the log.  Ends once
    *last*, where given, is there.
    """
    while True:
        seen = _commits(store)
        head = store.log.head().position
        yield head if last is None else min(head, last)
        if not keep_on or (last is not None and head >= last):
            return
        while _commits(store) == seen:
            time.sleep(PAUSE)


def _commits(store: Store) -> int:
    return int(store.db.execute("PRAGMA data_version").fetchone()[0])
