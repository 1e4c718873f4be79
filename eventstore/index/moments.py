"""Moments: where a time lies in the log.  Order is always by position, a time only finds one."""

from eventstore.log.log import Log


def position_at(log: Log, when: int, *, after: bool = False) -> int:
    """Return the last position not later than *when* (ns), or, with *after*, the first that is not earlier."""
    if after:
        statement = "SELECT first FROM changeset WHERE number = ?"
        number = _changesets_before(log, when - 1) + 1
        row = log.db.execute(statement, (number,)).fetchone()
        return int(row[0]) if row else log.head().position + 1
    row = log.db.execute(
        "SELECT first + events - 1 FROM changeset WHERE number = ?", (_changesets_before(log, when),)
    ).fetchone()
    return int(row[0]) if row else 0


def _changesets_before(log: Log, when: int) -> int:
    """Return how many changesets bear a time not later than *when*: a binary search, as times never go back."""
    low, high = 0, log.head().changesets
    while low < high:
        middle = (low + high + 1) // 2
        row = log.db.execute("SELECT time FROM changeset WHERE number = ?", (middle,)).fetchone()
        low, high = (middle, high) if row[0] <= when else (low, middle - 1)
    return low


def version_at(log: Log, stream: int, position: int) -> int:
    """Return the stream's version as of a position of the log, 0 if it had none: a binary search."""
    low, high = 0, log.version(stream)
    while low < high:
        middle = (low + high + 1) // 2
        row = log.db.execute("SELECT position FROM event WHERE stream = ? AND version = ?", (stream, middle)).fetchone()
        low, high = (middle, high) if row[0] <= position else (low, middle - 1)
    return low
