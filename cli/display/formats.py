"""How sizes, times and ids look to people: Docker's go-units, ls -l."""

import time
from collections.abc import Sequence
from itertools import accumulate

import click

from eventstore.model.paths import shown
from eventstore.model.times import SECOND, local, stated_time, utc

DATES = "layerlog.dates"
"""Where in click's `meta` the way stands in which the user wants times: --date's word."""
NO_TIME = "N/A"
SUBJECT = 120


def human_size(size: float, gap: str = "") -> str:
    """Return *size* bytes as Docker shows them: three digits, decimal units (116234567 -> 116MB)."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB"):
        if size < 1000:
            return f"{size:.3g}{gap}{unit}"
        size /= 1000
    return f"{size:.3g}{gap}YB"


def human_duration(seconds: float) -> str:
    """Return an approximation as Docker shows it: "About a minute", "5 minutes", "2 days", ..."""
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return counted(int(seconds), "second")
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


def columns_of(text: str) -> int:
    """Return how many columns of a terminal *text* takes: East Asian wide characters two, combining ones none (UAX #11)."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(0 if category(one) in ("Mn", "Me", "Cf") else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def fitted(text: str, columns: int) -> str:
    """Return as much of *text* as fits into so many columns of a terminal."""
    if text.isascii():
        return text[: max(columns, 0)]
    ends = accumulate(map(columns_of, text))
    return text[: next((length for length, end in enumerate(ends) if end > columns), len(text))]


def padded(text: str, columns: int) -> str:
    """Return *text* with blanks behind it, as many as bring it to so many columns."""
    return text + " " * (columns - columns_of(text))


def ago(when: int, now: int | None = None) -> str:
    """Return how long before *now* (the present) *when* was, both ns since 1970: "2 days ago", or "in 2 days"."""
    seconds = ((time.time_ns() if now is None else now) - when) / SECOND
    return f"in {human_duration(-seconds)}" if seconds <= -1 else f"{human_duration(seconds)} ago"


def shown_time(when: int, *, exact: bool = False) -> str:
    """Return *when* (ns) as the user wants times (--date), else as local time with its offset; *exact* is to the ns."""
    context = click.get_current_context(silent=True)
    match context and context.meta.get(DATES):
        case "relative":
            return ago(when)
        case "utc":
            return utc(when, exact=exact)
    return local(when, exact=exact)


def shown_stated(text: str, *, exact: bool = False) -> str:
    """Return a time of a row or an image's document (RFC 3339) as `shown_time` does, "N/A" where none is known."""
    when = stated_time(text)
    return NO_TIME if when is None else shown_time(when, exact=exact)


def shown_exactly(text: str) -> str:
    """As `shown_stated`, to the ns: for --no-trunc."""
    return shown_stated(text, exact=True)


def shown_minute(when: int) -> str:
    """Return as `shown_time`, to the minute."""
    text = shown_time(when)
    return text[:16] + text[19:] if text[16:17] == ":" else text


def shown_day(when: int) -> str:
    """Return the day of *when*, of the zone in which the user is shown times."""
    context = click.get_current_context(silent=True)
    in_utc = context is not None and context.meta.get(DATES) == "utc"
    return (utc(when) if in_utc else local(when))[:10]


def subject(message: str, width: int = SUBJECT) -> str:
    """Return the first line of a message, escaped and cut."""
    first = message.lstrip("\n").partition("\n")[0]
    return shown(first if len(first) <= width else first[: width - 3] + "...")


def short_id(identity: str | bytes) -> str:
    """Return the 12 hex digits shown for a digest: raw, hex, or hex behind "sha256:"."""
    text = identity.hex() if isinstance(identity, bytes) else identity
    return text.rpartition(":")[2][:12]


def counted(count: int, what: str) -> str:
    """Return "1 path", "2 paths": *what* takes an s."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(values: Sequence[str | bytes], few: int = 5) -> str:
    """Return "a, b and 3 more": the first *few*, escaped."""
    more = f" and {len(values) - few} more" if len(values) > few else ""
    return ", ".join(map(shown, values[:few])) + more


def device_string(rdev: tuple[int, int]) -> str:
    """Return major and minor number as `ls -l` shows them in place of a size."""
    return f"{rdev[0]}, {rdev[1]}"
