"""Times: ns since 1970, as all machines keep them; RFC 3339 in UTC, as programs write them; local, as people read them.

Local is what the C library says: TZ, else /etc/localtime.
"""

import re
import time
from bisect import bisect_left

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

SECOND = 1_000_000_000
DAY = 86_400
MOST = (1 << 63) - 1  # ns, what 64 bits hold; they hold -MOST - 1, too

_RFC3339 = (
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"(?: ?([Zz]|([+-])(\d\d):?(\d\d)))?"
)


_ZERO_OF_GO = -62_135_596_800 * SECOND


def clamped(when: int) -> int:
    """Return *when* (ns) cut to 64 bits: the years 1677 to 2262."""
    return min(max(when, -MOST - 1), MOST)


def rfc3339(when: int) -> str:
    """Return *when* (ns since 1970, 64 bits) in UTC, always with nine digits: so texts sort as times do."""
    seconds, fraction = divmod(when, SECOND)
    return f"{_clock(time.gmtime(seconds), 'T')}.{fraction:09d}Z"


def utc(when: int, *, exact: bool = False) -> str:
    """Return *when* (ns) in UTC for people: "2026-11-24 04:37:49 UTC"; *exact* is to the ns, not to the second."""
    seconds, fraction = divmod(when, SECOND)
    return f"{_clock(time.gmtime(seconds))}{f'.{fraction:09d}' if exact else ''} UTC"


def local(when: int, *, exact: bool = False) -> str:
    """As `utc`, but as clocks here show it, with their offset: "2026-11-24 05:37:49 +01:00"."""
    seconds, fraction = divmod(when, SECOND)
    here = time.localtime(seconds)
    return f"{_clock(here)}{f'.{fraction:09d}' if exact else ''} {offset_text(here.tm_gmtoff)}"


def _clock(moment: time.struct_time, between: str = " ") -> str:
    year, month, day, hour, minute, second = moment[:6]
    return f"{year:04d}-{month:02d}-{day:02d}{between}{hour:02d}:{minute:02d}:{second:02d}"


def offset_text(offset: int) -> str:
    """Return seconds east of UTC as "+05:30"; local time of the 19th century has seconds, too."""
    minutes, seconds = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}{f':{seconds:02d}' if seconds else ''}"


def from_rfc3339(text: str) -> int:
    """Return ns since 1970 for a time as a program wrote it, without a zone in UTC; raise InvalidError for what is none."""
    match = re.fullmatch(_RFC3339, text, re.ASCII)
    if match is None:
        raise InvalidError(f"time {shown(text)!r}: not understood; write it as 2026-11-24T10:00:00Z")
    stated = tuple(int(match[n] or 0) for n in range(1, 7))
    seconds = _seconds_in_utc(*stated)
    hours, minutes = int(match[10] or 0), int(match[11] or 0)
    if not stated[0] or time.gmtime(seconds)[:6] != stated or hours > 23 or minutes > 59:
        raise InvalidError(f"time {match[0]!r}: no calendar or clock has that; correct it")
    offset = (hours * 60 + minutes) * 60 * (-1 if match[9] == "-" else 1)
    return (seconds - offset) * SECOND + nanoseconds(match[7])


def stated_time(text: str) -> int | None:
    """Return the time (ns) that an image states, None where it knows none: 0001-01-01, Go's zero, is Docker's way to say so."""
    try:
        when = from_rfc3339(text)
    except InvalidError:
        return None
    return None if when == _ZERO_OF_GO else when


def _seconds_in_utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Return seconds since 1970.  Importing datetime for it would cost every command that shows a program's time."""
    after_february = (month + 9) % 12  # counted so, a leap day is a year's last
    year -= after_february // 10
    days = 365 * year + year // 4 - year // 100 + year // 400 + (306 * after_february + 5) // 10 + day - 719_469
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def nanoseconds(digits: str | None) -> int:
    """Return what the at most nine *digits* of a second's fraction say."""
    return int((digits or "0").ljust(9, "0"))


# -- what local clocks show.  A clock's reading is counted in seconds from its 1970-01-01 00:00.


def offset_at(second: int) -> int:
    """Return the seconds that local clocks are east of UTC at a *second* since 1970."""
    return time.localtime(second).tm_gmtoff


def seconds_showing(reading: int) -> list[int]:
    """Return the seconds since 1970 at which local clocks show *reading*: one; two where they are set back; else none."""
    near = {offset_at(reading + shift) for shift in (-DAY, 0, DAY)}
    near |= {offset_at(reading - offset) for offset in near}
    return sorted(reading - offset for offset in near if offset_at(reading - offset) == offset)


def first_second_from(reading: int) -> int:
    """Return the first second at which local clocks show *reading* or, where they skip that, what they go on with."""
    found = seconds_showing(reading)
    if found:
        return found[0]
    near, then = range(reading - DAY, reading + DAY), offset_at(reading + DAY)
    return near[bisect_left(near, True, key=lambda second: offset_at(second) == then)]
