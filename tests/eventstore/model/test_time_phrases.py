"""What people type for a time, and what it means."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.time_phrases import Times, parse_times
from eventstore.model.times import from_rfc3339
from tests.zones import BERLIN, CAIRO, ZONES, zone

NOW = "2026-11-27T15:00:00+01:00"  # a Friday
INSTANTS = {
    "now": NOW, " NOW ": NOW,
    "noon": "2026-11-27T12:00:00+01:00", "midnight": "2026-11-27T00:00:00+01:00", "10:00": "2026-11-27T10:00:00+01:00",
    "9:05": "2026-11-27T09:05:00+01:00", "23:20": "2026-11-27T23:20:00+01:00", "10:00:30.25": "2026-11-27T10:00:30.25+01:00",
    "10:00 UTC": "2026-11-27T10:00:00Z", "yesterday 22:30Z": "2026-11-26T22:30:00Z",
    "yesterday noon": "2026-11-26T12:00:00+01:00", "Tuesday 10:00": "2026-11-24T10:00:00+01:00",
    "last friday 10:00": "2026-11-20T10:00:00+01:00", "24 Nov 10:00": "2026-11-24T10:00:00+01:00",
    "Nov 24, 2025 10:00": "2025-11-24T10:00:00+01:00", "2026-11-24 midnight": "2026-11-24T00:00:00+01:00",
    "10 min ago": "2026-11-27T14:50:00+01:00", "an hour ago": "2026-11-27T14:00:00+01:00", "90 SECS AGO": "2026-11-27T14:58:30+01:00",
    "1h30m": "2026-11-27T13:30:00+01:00", "1h 30m ago": "2026-11-27T13:30:00+01:00", "2.hours.ago": "2026-11-27T13:00:00+01:00",
    "1 hour 30 minutes ago": "2026-11-27T13:30:00+01:00", "2d": "2026-11-25T15:00:00+01:00", "2w": "2026-11-13T15:00:00+01:00",
    "40 days ago": "2026-10-18T15:00:00+02:00", "960 hours ago": "2026-10-18T16:00:00+02:00", "a month ago": "2026-10-27T15:00:00+01:00",
    "9 months ago": "2026-02-27T15:00:00+01:00", "27 years ago": "1999-11-27T15:00:00+01:00", "1 year 1 day ago": "2025-11-26T15:00:00+01:00",
    "2026-11-24 10:00": "2026-11-24T10:00:00+01:00", "2026-11-24T10:00": "2026-11-24T10:00:00+01:00", "2026-07-01 10:00": "2026-07-01T10:00:00+02:00",
    "2026-11-24T10:00:30.123456789": "2026-11-24T10:00:30.123456789+01:00", "2026-11-24t10:00:30z": "2026-11-24T10:00:30Z",
    "2026-11-24T12:00:00,1234567891Z": "2026-11-24T12:00:00.123456789Z", "2026-11-24 10:00 +0530": "2026-11-24T10:00:00+05:30",
    "2026-11-24T10:00-03": "2026-11-24T10:00:00-03:00", "2026-11-24 23:20 GMT": "2026-11-24T23:20:00Z",
    "2026-10-25 02:30 +02:00": "2026-10-25T02:30:00+02:00", "2026-10-25 02:30 +01:00": "2026-10-25T02:30:00+01:00",
    "@1795514400": "2026-11-24T10:00:00Z", "@1795514400.5": "2026-11-24T10:00:00.5Z", "@-1": "1969-12-31T23:59:59Z",
}  # fmt: skip
PERIODS = {
    "today": ("2026-11-27T00:00:00+01:00", "2026-11-28T00:00:00+01:00"), "Yesterday": ("2026-11-26T00:00:00+01:00", "2026-11-27T00:00:00+01:00"),
    "mon": ("2026-11-23T00:00:00+01:00", "2026-11-24T00:00:00+01:00"), "Sunday": ("2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
    "Friday": ("2026-11-27T00:00:00+01:00", "2026-11-28T00:00:00+01:00"), "last Fri": ("2026-11-20T00:00:00+01:00", "2026-11-21T00:00:00+01:00"),
    "this week": ("2026-11-23T00:00:00+01:00", "2026-11-30T00:00:00+01:00"), "last week": ("2026-11-16T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
    "this month": ("2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00"), "last month": ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00"),
    "this year": ("2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"), "last year": ("2025-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
    "2026-10-31": ("2026-10-31T00:00:00+01:00", "2026-11-01T00:00:00+01:00"), "2026-03-29": ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    "2024-02": ("2024-02-01T00:00:00+01:00", "2024-03-01T00:00:00+01:00"), "Dec 2025": ("2025-12-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
    "24 Dec": ("2025-12-24T00:00:00+01:00", "2025-12-25T00:00:00+01:00"), "Feb 29": ("2024-02-29T00:00:00+01:00", "2024-03-01T00:00:00+01:00"),
    "3 May 2019": ("2019-05-03T00:00:00+02:00", "2019-05-04T00:00:00+02:00"), "2026-11-24 UTC": ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
    "2026-11 +02:00": ("2026-11-01T00:00:00+02:00", "2026-12-01T00:00:00+02:00"),
}  # fmt: skip
UNKNOWN = [
    "", " ", "soon", "10", "2026", "2026-11-", "24.11.2026", "2026-11-24T", "2026-11-24T10", "2026-11-24 +", "2026-11-245", "2026-11-2405", "2 days",
    "-1 days ago", "ago", "days ago", "2 days ago ago", "@", "@x", "@1e5", "10w4", "m", "this", "last day", "this Tuesday", "next week", "noon noon",
    "10:00 yesterday", "yesterdayish", "Tuesdayish", "10:00pm", "UTC", "2026-11-27 10:00 Mars", "yesterday\n10:00", "\u0662026-11-24", "1:000",
    "1" * 50 + " days ago", "now " * 50, "\x1b[2J",
]  # fmt: skip
IMPOSSIBLE = [
    "2026-13-01", "2026-02-30", "2026-02-29", "2026-00", "0000-01-01", "Feb 30", "31 April 2026", "100 May", "32:00", "24:00", "10:60", "10:00:60",
    "2026-11-24T10:00+25:00", "2026-11-24 10:00 +01:75",
]  # fmt: skip


def meant(text: str) -> Times:
    return parse_times(text, from_rfc3339(NOW))


@pytest.mark.parametrize("text", INSTANTS)
def test_an_instant_counts_on_both_sides(text: str) -> None:
    with zone(BERLIN):
        assert meant(text) == (from_rfc3339(INSTANTS[text]),) * 2


@pytest.mark.parametrize("text", PERIODS)
def test_a_period_ends_where_the_next_begins(text: str) -> None:
    begins, ends = map(from_rfc3339, PERIODS[text])
    with zone(BERLIN):
        assert meant(text) == (begins, ends - 1)


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_no_time_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(InvalidError, match=r"not understood; write 2026-11-24, .* '2 days ago', 10m or @") as caught:
        parse_times(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_a_time_that_no_calendar_has_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidError, match=r"(must be in|out of range).*; correct it"):
        meant(text)


def test_all_the_accepted_forms_that_are_offered_are_accepted() -> None:
    with pytest.raises(InvalidError) as caught:
        meant("soon")
    forms = str(caught.value).partition("write ")[2].replace(" or ", ", ").split(", ")
    assert len(forms) > 6
    assert all(meant(form.strip("'")) for form in forms)


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("2026-10-25 02:30", "+02:00 +01:00"), ("2026-10-25T02:00:00.5", "+02:00 +01:00"), ("25 Oct 02:59:59", "+02:00 +01:00"),
        ("2026-03-29 02:30", "+01:00 +02:00"), ("2026-03-29 02:00", "+01:00 +02:00"),
    ],
)  # fmt: skip
def test_a_local_time_that_is_double_or_missing_is_refused_with_both_and_how_to_say_which(text: str, offsets: str) -> None:
    with zone(BERLIN):
        with pytest.raises(InvalidError, match=r"local clocks (showed it twice|skipped it)") as caught:
            meant(text)
        ways = re.findall(r"'([^']* [+-]\d\d:\d\d)'", str(caught.value))
        assert [way[-6:] for way in ways] == offsets.split()
        assert len({meant(way) for way in ways}) == 2


@pytest.mark.parametrize("text", ["2026-10-25 01:59:59", "2026-10-25 03:00", "2026-03-29 01:59:59", "2026-03-29 03:00", "2026-10-25", "2026-03-29"])
def test_beside_the_change_nothing_is_asked(text: str) -> None:
    with zone(BERLIN):
        assert meant(text)


def test_a_day_without_a_midnight_begins_when_it_does() -> None:
    with zone(CAIRO):
        begins, ends = from_rfc3339("2026-04-24T01:00:00+03:00"), from_rfc3339("2026-04-25T00:00:00+03:00")
        assert meant("2026-04-24") == (begins, ends - 1)
        assert meant("2026-04-24 midnight") == (begins, begins)
        with pytest.raises(InvalidError, match="skipped it"):
            meant("2026-04-24 00:30")


def test_a_day_that_was_skipped_is_none() -> None:
    if "Pacific/Apia" not in ZONES:
        pytest.skip("no database of zones here")
    with zone("Pacific/Apia"):
        with pytest.raises(InvalidError, match="skipped that day"):
            meant("2011-12-30")
        assert meant("2011-12-29").last + 1 == meant("2011-12-31").first


@pytest.mark.parametrize(
    ("now", "text", "when"),
    [
        ("2026-10-26T02:30:00+01:00", "1 day ago", "2026-10-25T02:30:00+01:00"), ("2026-03-30T02:30:00+02:00", "1 day ago", "2026-03-29T03:30:00+02:00"),
        ("2026-10-25T02:30:00+02:00", "a day ago", "2026-10-24T02:30:00+02:00"), ("2026-10-25T02:30:00+01:00", "1h", "2026-10-25T02:30:00+02:00"),
        ("2026-10-24T02:30:00+02:00", "0 days ago", "2026-10-24T02:30:00+02:00"), ("2026-03-31T12:00:00+02:00", "1 month ago", "2026-02-28T12:00:00+01:00"),
        ("2024-02-29T12:00:00+01:00", "a year ago", "2023-02-28T12:00:00+01:00"), ("2026-01-31T12:00:00+01:00", "2 months ago", "2025-11-30T12:00:00+01:00"),
    ],
)  # fmt: skip
def test_a_span_keeps_the_time_of_the_day_as_far_as_there_is_one(now: str, text: str, when: str) -> None:
    with zone(BERLIN):
        assert parse_times(text, from_rfc3339(now)).first == from_rfc3339(when)


@pytest.mark.parametrize(("text", "when"), [("999999999 years ago", -(2**63)), ("9999-01-01", 2**63 - 1), ("0001-01-01 UTC", -(2**63))])
def test_times_are_cut_to_64_bits(text: str, when: int) -> None:
    assert parse_times(text) == (when, when)


WORDS = st.sampled_from([
    "now", "ago", "a", "an", "this", "last", "today", "yesterday", "noon", "midnight", "z", "+", "-", ":", ",", "@", "d", "m", "Tue", "may", "Feb", "weeks", "month", "year", "second",
    "2026-11-24", "2026-02", "02:30", "23:59:60", "00:00:00.5", "+05:30", "-2359", "2026", "31", "7", "999999999", "0", "9999", "0000-00", "İ", "\u0661",
])  # fmt: skip
PHRASES = st.lists(WORDS, max_size=6).map(" ".join) | st.lists(WORDS, max_size=6).map("".join) | st.text(max_size=40)


@given(PHRASES, st.integers(-(2**63), 2**63 - 1), st.sampled_from(ZONES))
@example("999999999 years 999999999 months 999999999 weeks 999999999 h ago", -(2**63), "UTC")
def test_any_phrase_is_understood_or_refused_by_the_one_error(text: str, now: int, name: str) -> None:
    with zone(name):
        try:
            first, last = parse_times(text, now)
        except InvalidError as error:
            assert str(error).isprintable()  # noqa: PT017
        else:
            assert -(2**63) <= first <= last < 2**63
