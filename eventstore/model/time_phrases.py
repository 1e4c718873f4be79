"""Times as people say them, "2026-11-24", "last Tuesday 10:00", "2 days ago": a small grammar, and what each phrase means.

    phrase   now | @SECONDS | span | period [zone] | clock [zone]
    span     {COUNT UNIT} "ago"; with letters for units (1h30m, 2d) "ago" may be left out
    period   ("this" | "last") ("week" | "month" | "year") | 2026-11 | November 2026 | day
    day      2026-11-24 | 24 November [2026] | November 24 [2026] | today | yesterday | ["last"] Tuesday
    clock    [day] (10:00 | 10:00:30 | 10:00:30.5 | noon | midnight)
    zone     Z | UTC | GMT | +02:00; without one it is local time

A weekday is the latest of its name, today or before, "last" before today; a date without a year is the latest, too.  A period
begins at its first day's first instant and ends where the next one begins; all else is an instant.  Days, weeks, months and
years of a span keep the time of the day; hours, minutes and seconds are elapsed time.
"""

import re
import time
from collections.abc import Sequence
from datetime import date
from datetime import time as time_of_day
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from eventstore.model.times import (
    DAY,
    SECOND,
    clamped,
    first_second_from,
    nanoseconds,
    offset_at,
    offset_text,
    seconds_showing,
)

_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 100
_FORMS = "2026-11-24, '2026-11-24 10:00', 10:00, yesterday, 'last Tuesday', '2 days ago', 10m or @1795514400"

_UNIX = r"@(-?)(\d{1,15})(?:\.(\d{1,9}))?"
_WORD = r"""
    (?P<date>\d{4}-\d\d-\d\d(?![\d-]))(?:t(?=\d))?
    | (?P<month>\d{4}-\d\d(?![\d-]))
    | (?P<clock>\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\d:]))
    | (?P<zone>[+-]\d\d(?::?\d\d){0,2}(?![\d:]))
    | (?P<year>\d{4}(?!\d))
    | (?P<number>\d{1,9}(?!\d))
    | (?P<word>[a-z]+)
    | [ ,]
"""
_KINDS = {"date": "D", "month": "M", "clock": "c", "zone": "z", "year": "y", "number": "n"}
"""A letter for each kind of word; a phrase's letters are matched with what the grammar says (see `_vocabulary`)."""
_SPAN = r"(?:[nya][us])+g|(?:[ny]s)+"
_LONGER = r"[TL]u|M|my"
_DAY = r"D|t|L?w|nmy?|mny?"
_CLOCK = rf"(?:{_DAY})?c"

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_UNITS = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w", "month": "M",
    "year": "y",
}  # fmt: skip
_SECONDS_IN, _DAYS_IN, _MONTHS_IN = {"s": 1, "m": 60, "h": 3600}, {"d": 1, "w": 7}, {"M": 1, "y": 12}

Zone = int | None
"""Seconds east of UTC; None is local time."""


class Times(NamedTuple):
    """What a phrase means: all from `first` to `last`, ns since 1970, both included; an instant's are the same."""

    first: int
    last: int


class _Word(NamedTuple):
    kind: str
    text: str


class _RefusedError(ValueError):
    """Why, and what to write instead."""


def parse_times(text: str, now: int | None = None) -> Times:
    """Return what a user's *text* means at *now* (ns; the present), cut to 64 bits.

    Raises InvalidError for what the grammar above or the calendar does not know, and for a local time that clocks showed
    twice or skipped because they were set back or forward.
    """
    try:
        first, last = _meaning(text.strip(), time.time_ns() if now is None else now)
    except ValueError as error:
        step = "" if isinstance(error, _RefusedError) else "; correct it"
        raise InvalidError(f"time {shown(text[:_LONGEST])!r}: {error}{step}") from None
    return Times(clamped(first), clamped(last))


def end_of(text: str) -> int:
    """Return the last ns of what *text* means, as `parse_times`: what REF@{TIME} stands for, after all that happened then."""
    return parse_times(text).last


def _meaning(text: str, now: int) -> Times:
    if unix := re.fullmatch(_UNIX, text, re.ASCII):
        when = int(unix[2]) * SECOND + nanoseconds(unix[3])
        return _instant(-when if unix[1] else when)
    words = _words(text)
    kinds = "".join(word.kind for word in words)
    if kinds == "N":
        return _instant(now)
    if re.fullmatch(_SPAN, kinds):
        return _instant(_ago(words, now))
    if not re.fullmatch(rf"(?:{_LONGER}|{_DAY}|{_CLOCK})z?", kinds):
        raise _not_understood()
    zone = _zone(words.pop().text) if kinds.endswith("z") else None
    return _day_or_clock(words, kinds.removesuffix("z"), zone, now // SECOND)


def _instant(when: int) -> Times:
    return Times(when, when)


def _day_or_clock(words: Sequence[_Word], kinds: str, zone: Zone, now: int) -> Times:
    today = _date(now + (offset_at(now) if zone is None else zone))
    if re.fullmatch(_LONGER, kinds):
        return _days(*_longer(words, kinds, today), zone)
    if re.fullmatch(_DAY, kinds):
        day = _day(words, kinds, today).toordinal()
        return _days(day, day + 1, zone)
    *before, clock = words
    return _instant(_at(_day(before, kinds[:-1], today), clock.text, zone))


def _not_understood() -> _RefusedError:
    return _RefusedError(f"not understood; write {_FORMS}")


# -- words


def _words(text: str) -> list[_Word]:
    """Return the words of a phrase; git's "2.days.ago" is "2 days ago"."""
    if len(text) > _LONGEST:
        raise _not_understood()
    text = re.sub(r"\.(?=[a-z])|(?<=[a-z])\.", " ", text.lower())
    at, found = 0, []
    known, token = _vocabulary(), re.compile(_WORD, re.ASCII | re.VERBOSE)
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            raise _not_understood()
        at, kind = match.end(), match.lastgroup
        if kind is not None:
            found.append(_word(kind, match[kind], known))
    return found


def _word(kind: str, text: str, known: dict[str, _Word]) -> _Word:
    if kind != "word":
        return _Word(_KINDS[kind], text)
    if text not in known:
        raise _not_understood()
    return known[text]


def _vocabulary() -> dict[str, _Word]:
    named = {
        short: _Word(kind, str(number))
        for kind, names in (("w", _WEEKDAYS), ("m", _MONTHS))
        for number, name in enumerate(names)
        for short in (name, name[:3])
    }
    return {
        **named,
        **{name + plural: _Word("u", unit) for name, unit in _UNITS.items() for plural in ("", "s")},
        **{letter: _Word("s", letter) for letter in "smhdw"},
        **{name: _Word("z", "+00") for name in ("z", "utc", "gmt")},
        **{name: _Word("a", "1") for name in ("a", "an")},
        "tues": _Word("w", "1"), "thurs": _Word("w", "3"), "sept": _Word("m", "8"),
        "now": _Word("N", ""), "ago": _Word("g", ""), "this": _Word("T", ""), "last": _Word("L", ""),
        "today": _Word("t", "0"), "yesterday": _Word("t", "1"), "noon": _Word("c", "12:00"), "midnight": _Word("c", "midnight"),
    }  # fmt: skip


# -- what they mean


def _ago(words: Sequence[_Word], now: int) -> int:
    totals = {"s": 0, "d": 0, "M": 0}
    for count, unit in zip(words[::2], words[1::2], strict=False):
        for total, units in (("s", _SECONDS_IN), ("d", _DAYS_IN), ("M", _MONTHS_IN)):
            totals[total] += int(count.text) * units.get(unit.text, 0)
    second, fraction = divmod(now, SECOND)
    if totals["d"] or totals["M"]:
        second = _days_before(second, totals["M"], totals["d"])
    return (second - totals["s"]) * SECOND + fraction


def _days_before(second: int, months: int, days: int) -> int:
    """Return when clocks showed the same time of day so long before; a month that is too short gives its last day.

    Where clocks were set, it is the time with today's offset, or as if they had not been set yet.
    """
    offset = offset_at(second)
    today = _date(second + offset)
    month = max(_month(today.year, today.month) - months, _month(1, 1))
    length = _first_day(month + 1) - _first_day(month)
    day = max(_first_day(month) + min(today.day, length) - 1 - days, 1)
    reading = _midnight(day) + (second + offset) % DAY
    found = seconds_showing(reading) or [reading - offset_at(reading - DAY)]
    return reading - offset if reading - offset in found else found[0]


def _longer(words: Sequence[_Word], kinds: str, today: date) -> tuple[int, int]:
    """Return the ordinal of a period's first day, and of the day after it."""
    back, months = int(kinds == "Lu"), 1
    if kinds == "M":
        year, number = map(int, words[0].text.split("-"))
        first = _month(year, number)
    elif kinds == "my":
        first = _month(int(words[1].text), int(words[0].text) + 1)
    elif words[1].text == "w":
        monday = today.toordinal() - today.weekday() - 7 * back
        return monday, monday + 7
    elif words[1].text in _MONTHS_IN:
        months = _MONTHS_IN[words[1].text]
        first = _month(today.year, today.month if months == 1 else 1) - months * back
    else:
        raise _not_understood()
    return _first_day(first), _first_day(first + months)


def _month(year: int, number: int) -> int:
    """Return how many months there are before that of *number* (1 to 12) in *year*."""
    return date(year, number, 1).year * 12 + number - 1


def _first_day(month: int) -> int:
    return date(month // 12, month % 12 + 1, 1).toordinal()


def _day(words: Sequence[_Word], kinds: str, today: date) -> date:
    """Return the day that *words* name; none are today."""
    if not words:
        return today
    if kinds == "D":
        return date.fromisoformat(words[0].text)
    if kinds == "t":
        return date.fromordinal(today.toordinal() - int(words[0].text))
    if kinds.endswith("w"):
        back = (today.weekday() - int(words[-1].text)) % 7
        return date.fromordinal(today.toordinal() - (back or 7 * (kinds == "Lw")))
    said = {word.kind: int(word.text) for word in words}
    return _latest(said["m"] + 1, said["n"], today) if "y" not in said else date(said["y"], said["m"] + 1, said["n"])


def _latest(month: int, day: int, today: date) -> date:
    date(2000, month, day)  # a leap year: what it does not have, no year has
    years = (year for year in range(today.year, today.year - 9, -1) if day < 29 or day <= _length(year, month))
    return next(found for found in (date(year, month, day) for year in years) if found <= today)


def _length(year: int, month: int) -> int:
    first = _month(year, month)
    return _first_day(first + 1) - _first_day(first)


def _days(first: int, after: int, zone: Zone) -> Times:
    """Return a period from the day of one ordinal to before that of another."""
    begins, ends = (_first_second(day, zone) for day in (first, after))
    if begins >= ends:
        raise _RefusedError("local clocks skipped that day; name the one before or after")
    return Times(begins * SECOND, ends * SECOND - 1)


def _first_second(day: int, zone: Zone) -> int:
    return first_second_from(_midnight(day)) if zone is None else _midnight(day) - zone


def _at(day: date, clock: str, zone: Zone) -> int:
    if clock == "midnight":
        return _first_second(day.toordinal(), zone) * SECOND
    whole, _, fraction = clock.replace(",", ".").partition(".")
    hour, minute, second = (*map(int, whole.split(":")), 0)[:3]
    time_of_day(hour, minute, second)
    reading = _midnight(day.toordinal()) + (hour * 60 + minute) * 60 + second
    return (_only(reading, f"{day} {clock}") if zone is None else reading - zone) * SECOND + nanoseconds(fraction[:9])


def _only(reading: int, said: str) -> int:
    """Return the one second at which local clocks show *reading*, which was *said* so."""
    found = seconds_showing(reading)
    if len(found) == 1:
        return found[0]
    offsets = [offset_at(second) for second in found or (reading - DAY, reading + DAY)]
    what = "showed it twice, being set back" if found else "skipped it, being set forward"
    which = " or ".join(f"'{said} {offset_text(offset)}'" for offset in offsets)
    raise _RefusedError(f"local clocks {what}; say which is meant, {which}")


def _zone(text: str) -> int:
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = (int(digits[at : at + 2]) for at in (0, 2, 4))
    time_of_day(hours, minutes, seconds)
    return (-1 if text[0] == "-" else 1) * ((hours * 60 + minutes) * 60 + seconds)


def _date(reading: int) -> date:
    return date.fromordinal(_EPOCH + reading // DAY)


def _midnight(day: int) -> int:
    return (day - _EPOCH) * DAY
