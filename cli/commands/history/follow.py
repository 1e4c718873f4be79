"""Waiting for more events, without asking all the time."""

import time
from collections.abc import Iterator

from eventstore.log.log import Log

PAUSE = 0.1


def heads(log: Log, last: int | None, *, keep_on: bool) -> Iterator[int]:
    """Yield the position up to which there are events: now, and with *keep_on* each time that others appended.

    Ends once *last*, where given, is there.
    """
    while True:
        seen = log.others_commits()
        head = log.head().position
        yield head if last is None else min(head, last)
        if not keep_on or (last is not None and head >= last):
            return
        while log.others_commits() == seen:
            time.sleep(PAUSE)
