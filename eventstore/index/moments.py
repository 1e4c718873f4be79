"""Moments: where a time lies in the log.  Order is always by position, a time only finds one."""

from bisect import bisect_right

from eventstore.log.log import Log


def position_at(log: Log, when: int, *, after: bool = False) -> int:
    """Return the last position not later than *when* (ns), or, with *after*, the first that is not earlier."""
    if after:
        number = _changesets_before(log, when - 1) + 1
        return log.number("SELECT first FROM changeset WHERE number = ?", (number,)) or log.head().position + 1
    number = _changesets_before(log, when)
    return log.number("SELECT first + events - 1 FROM changeset WHERE number = ?", (number,)) or 0


def _changesets_before(log: Log, when: int) -> int:
    """Return how many changesets bear a time not later than *when*: a binary search, as times never go back."""

    def time(number: int) -> int:
        return int(log.db.execute("SELECT time FROM changeset WHERE number = ?", (number,)).fetchone()[0])

    return bisect_right(range(1, log.head().changesets + 1), when, key=time)


def version_at(log: Log, stream: int, position: int) -> int:
    """Return the stream's version as of a position of the log, 0 if it had none: a binary search."""

    def at(version: int) -> int:
        statement = "SELECT position FROM event WHERE stream = ? AND version = ?"
        return int(log.db.execute(statement, (stream, version)).fetchone()[0])

    return bisect_right(range(1, log.version(stream) + 1), position, key=at)
