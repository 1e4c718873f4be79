"""How sizes, times, ids and modes look to people (Docker's go-units, ls -l), and what the sizes and times of users mean."""

import re
import stat
import time
from collections.abc import Sequence

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

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"(?: ?([Zz]|([+-])(\d\d):?(\d\d)))?",
    re.ASCII,
)
_AGO = re.compile(rf"(\d{{1,9}}|an?)[ .]({'|'.join(_SECONDS)})s?[ .]ago", re.ASCII | re.IGNORECASE)
_SPAN = re.compile(r"(?:\d{1,9}[dhms])+", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})\s?(?:([kmgt])(i?)b?|b)?", re.ASCII | re.IGNORECASE)
_UNIX = re.compile(r"@(-?)(\d{1,15})(?:\.(\d{1,9}))?", re.ASCII)


def parse_size(text: str) -> int:
    """Return the bytes that *text* says: 5000, 64GiB, 10 MB; units with i, or of one letter (as in Docker), are of 1,024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidError(f"{shown(text[:40])!r} is not a size; write bytes, or as 512MiB or 64GiB")
    number, unit, binary = match.groups()
    decimal = unit and not binary and text.strip().lower().endswith("b")
    power = " kmgt".index(unit.lower()) if unit else 0
    return int(number) * int((1000 if decimal else 1024) ** power)


def human_size(size: float) -> str:
    """Return *size* bytes as Docker shows them: three digits, decimal units (116234567 -> 116MB)."""
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
    step = 0
    while size >= 1000 and step < len(units) - 1:
        size /= 1000
        step += 1
    return f"{size:.3g}{units[step]}"


def human_duration(seconds: float) -> str:
    """Return an approximation as Docker shows it: "About a minute", "5 minutes", "2 days", ..."""
    if seconds < 60:
        return _human_seconds(int(seconds))
    if seconds < 3600:
        minutes = int(seconds / 60)
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for limit, unit, days in ((14, "days", 1), (60, "weeks", 7), (730, "months", 30)):
        if hours < limit * 24:
            return f"{hours // 24 // days} {unit}"
    return f"{int(seconds / 3600) // 24 // 365} years"


def ago(when: int, now: int | None = None) -> str:
    """Return how long before *now* (the present) *when* was, both ns since 1970: "2 days ago"."""
    return f"{human_duration(((time.time_ns() if now is None else now) - when) / SECOND)} ago"


def short_id(identity: str | bytes) -> str:
    """Return the 12 hex digits shown for a digest: raw, hex, or hex behind "sha256:"."""
    text = identity.hex() if isinstance(identity, bytes) else identity
    return text.rpartition(":")[2][:12]


def from_rfc3339(text: str) -> int:
    """Return ns since 1970 for a time as a program wrote it; raise InvalidError for what is none."""
    match = _UNIX.fullmatch(text)
    if match:
        when = int(match[2]) * SECOND + _nanoseconds(match[3])
        return -when if match[1] else when
    match = _DATE.fullmatch(text)
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


def whole_seconds(text: str) -> str:
    """Return a time as `times.rfc3339` wrote it without its fraction, for a table."""
    return text[:19] + "Z"


def counted(count: int, what: str) -> str:
    """Return "1 path", "2 paths": *what* takes an s."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(values: Sequence[str | bytes], few: int = 5) -> str:
    """Return "a, b and 3 more": the first *few*, escaped."""
    more = f" and {len(values) - few} more" if len(values) > few else ""
    return ", ".join(map(shown, values[:few])) + more


def mode_string(mode: int) -> str:
    """Return type and permissions as `ls -l` shows them: drwxr-xr-x."""
    return stat.filemode(mode)


def device_string(rdev: tuple[int, int]) -> str:
    """Return major and minor number as `ls -l` shows them in place of a size."""
    return f"{rdev[0]}, {rdev[1]}"


def _human_seconds(seconds: int) -> str:
    if seconds < 1:
        return "Less than a second"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


def _time_back(text: str) -> int | None:
    """Return how many seconds ago *text* says, None where it says no such thing."""
    if text.lower() in _DAYS_BACK:
        return _DAYS_BACK[text.lower()] * _DAY
    if ago := _AGO.fullmatch(text):
        return (int(ago[1]) if ago[1].isdecimal() else 1) * _SECONDS[ago[2].lower()]
    if _SPAN.fullmatch(text):
        return sum(int(count) * _LETTERS[unit] for count, unit in re.findall(r"(\d+)(.)", text))
    return None


def _nanoseconds(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


def _parsed_date(match: re.Match[str]) -> int:
    from datetime import UTC, datetime, timedelta

    year, month, day, hour, minute, second = (int(match[n] or 0) for n in range(1, 7))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        shift = datetime(1970, 1, 1, int(match[10] or 0), int(match[11] or 0), tzinfo=UTC)
    except ValueError as error:
        raise InvalidError(f"time {match[0]!r}: {error}; correct it") from None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    offset = (shift - epoch) * (-1 if match[9] == "-" else 1)
    return ((moment - epoch) - offset) // timedelta(seconds=1) * SECOND + _nanoseconds(match[7])
