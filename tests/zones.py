"""Local time in a test: the process's own, in another zone."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import available_timezones

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
CAIRO = "EET-2EEST,M4.5.5/0,M10.5.4/24"
"""As POSIX has it, so that no database of zones need be there."""

ZONES = ["UTC", BERLIN, CAIRO, "EST5EDT", "<+0545>-5:45", "<-1130>11:30", "LMT-0:53:28", *sorted(available_timezones())]


@contextmanager
def zone(name: str) -> Iterator[None]:
    """Let local time be that of *name*, as TZ has it."""
    before = os.environ.get("TZ")
    try:
        _set(name)
        yield
    finally:
        _set(before)


def _set(name: str | None) -> None:
    os.environ.pop("TZ", None)
    if name is not None:
        os.environ["TZ"] = name
    time.tzset()
