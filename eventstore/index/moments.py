"""Moments: where a time lies in the log.  Order is always by position, a time only finds one."""

from bisect import bisect_right

from eventstore.log.log import Log
from eventstore.model.times import clamped

_SET_BACK = "SELECT number FROM changeset WHERE time <> wall AND number > ? AND wall <= ? ORDER BY number"


def position_at(log: Log, when: int) -> int:
    """Return the last position not later than *when* (ns), 0 if there is none.

    Where clocks ran ahead or were set back, that is the point which the fewest of them contradict, as later up to it or as
    earlier behind it; the last such point.  O(log changesets), and O(those set back) where some were.
    """
    number = _changesets_before(log, clamped(when))
    return log.number("SELECT first + events - 1 FROM changeset WHERE number = ?", (number,)) or 0


def _changesets_before(log: Log, when: int) -> int:
    """Return how many changesets *when* lies behind.

    The chain's times never go back, so a binary search finds what came before by every clock.  Beyond that a point may be
    better at a changeset that was set back: if more clocks in between say so than not.
    """

    def time(number: int) -> int:
        return int(log.db.execute("SELECT time FROM changeset WHERE number = ?", (number,)).fetchone()[0])

    sure = found = bisect_right(range(1, log.head().changesets + 1), when, key=time)
    most = 0
    for earlier, number in enumerate(log.column(_SET_BACK, (sure, when)), 1):
        others = number - sure - earlier
        if earlier - others >= most:
            found, most = number, earlier - others
    return found


def version_at(log: Log, stream: int, position: int) -> int:
    """Return the stream's version as of a position of the log, 0 if it had none: a binary search."""

    def at(version: int) -> int:
        statement = "SELECT position FROM event WHERE stream = ? AND version = ?"
        return int(log.db.execute(statement, (stream, version)).fetchone()[0])

    return bisect_right(range(1, log.version(stream) + 1), position, key=at)
