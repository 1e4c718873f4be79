"""Times: ns since 1970, as all machines keep them; RFC 3339 in UTC, as all programs write them; and as people say them."""

import re
import time
from datetime import UTC, datetime, timedelta

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

SECOND = 1_000_000_000
_DAY = 86_400
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}

_LETTERS = {"s": 1, "m": 60, "h": 3600, "d": _DAY}
_DAYS_BACK = {"now": 0, "yesterday": 1}

# Texts, compiled when a time is read: most commands read none.
_DATE = (
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"(?: ?([Zz]|([+-])(\d\d):?(\d\d)))?"
)
_AGO = rf"(\d{{1,9}}|an?)[ .]({'|'.join(_SECONDS)})s?[ .]ago"
_SPAN = r"(?:\d{1,9}[dhms])+"
_UNIX = r"@(-?)(\d{1,15})(?:\.(\d{1,9}))?"


def rfc3339(when: int) -> str:
    """Return *when* (ns since 1970, 64 bits) in UTC, always with nine digits: so texts sort as times do."""
    moment = datetime.fromtimestamp(when // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{when % 10**9:09d}Z"


def from_rfc3339(text: str) -> int:
    """Return ns since 1970 for a time as a program wrote it; raise InvalidError for what is none."""
    match = re.fullmatch(_UNIX, text, re.ASCII)
    if match:
        when = int(match[2]) * SECOND + _nanoseconds(match[3])
        return -when if match[1] else when
    match = re.fullmatch(_DATE, text, re.ASCII)
    if match:
        return _parsed_date(match)
    raise InvalidError(
        f"time {shown(text)!r}: not understood; write 2026-11-24, 2026-11-24T10:00, 2026-11-24T10:00:00Z,"
        " '2 days ago', yesterday, 10m or @1795514400"
    )


def parse_time(text: str, now: int | None = None) -> int:
    """Return ns since 1970 for what a user wrote, cut to 64 bits; without a zone it is UTC; else raise InvalidError.

    Accepted: 2026-11-24, 2026-11-24T10:00, RFC 3339, "2 days ago", yesterday (a day ago, as git has it), 1h30m (docker's
    for "ago"), now, @SECONDS; months have 30 days, years 365.
    """
    text = text.strip()
    back = _time_back(text)
    when = from_rfc3339(text) if back is None else (time.time_ns() if now is None else now) - back * SECOND
    return min(max(when, -(2**63)), 2**63 - 1)


def _time_back(text: str) -> int | None:
    """Return how many seconds ago *text* says, None where it says no such thing."""
    if text.lower() in _DAYS_BACK:
        return _DAYS_BACK[text.lower()] * _DAY
    if ago := re.fullmatch(_AGO, text, re.ASCII | re.IGNORECASE):
        return (int(ago[1]) if ago[1].isdecimal() else 1) * _SECONDS[ago[2].lower()]
    if re.fullmatch(_SPAN, text, re.ASCII):
        return sum(int(count) * _LETTERS[unit] for count, unit in re.findall(r"(\d+)(.)", text))
    return None


def _nanoseconds(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


def _parsed_date(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(match[n] or 0) for n in range(1, 7))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        shift = datetime(1970, 1, 1, int(match[10] or 0), int(match[11] or 0), tzinfo=UTC)
    except ValueError as error:
        raise InvalidError(f"time {match[0]!r}: {error}; correct it") from None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    offset = (shift - epoch) * (-1 if match[9] == "-" else 1)
    return ((moment - epoch) - offset) // timedelta(seconds=1) * SECOND + _nanoseconds(match[7])
