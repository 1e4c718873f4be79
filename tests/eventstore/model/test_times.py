import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.time_phrases import parse_times
from eventstore.model.times import first_second_from, from_rfc3339, local, offset_at, rfc3339, seconds_showing, utc
from tests.zones import BERLIN, ZONES, zone

NOON = 1_795_521_600 * 10**9  # 2026-11-24T12:00:00Z
NS = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"), (NOON + 1, "2026-11-24T12:00:00.000000001Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"), (-(2**63), "1677-09-21T00:12:43.145224192Z"),
    ],
)  # fmt: skip
def test_rfc3339(when: int, text: str) -> None:
    assert rfc3339(when) == text


@given(NS)
def test_times_come_back_exactly(when: int) -> None:
    assert from_rfc3339(rfc3339(when)) == when
    assert parse_times(rfc3339(when)) == (when, when)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-24", NOON - 43_200 * 10**9), ("2026-11-24t12:00:00z", NOON), ("2026-11-24T12:00:00.5", NOON + 5 * 10**8),
        ("2026-11-24T14:30:00+02:30", NOON), ("2026-11-24 12:00:00 +0000", NOON), ("0001-01-01T00:00:00Z", -62_135_596_800 * 10**9),
    ],
)  # fmt: skip
def test_times_of_programs_are_utc_where_they_name_no_zone(text: str, when: int) -> None:
    with zone("EST5EDT"):
        assert from_rfc3339(text) == when


@pytest.mark.parametrize("text", ["", "now", "yesterday", "2026", "@1", "10:00", "2026-02-30", "2026-11-24T25:00:00Z", "\x1b[2J"])
def test_what_no_program_writes_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match=r"write it as|correct it") as caught:
        from_rfc3339(text)
    assert "\x1b" not in str(caught.value)


# -- local time


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("UTC", "2026-11-24 12:00:00 +00:00"), (BERLIN, "2026-11-24 13:00:00 +01:00"), ("EST5EDT", "2026-11-24 07:00:00 -05:00"),
        ("<+0545>-5:45", "2026-11-24 17:45:00 +05:45"), ("NST3:30NDT", "2026-11-24 08:30:00 -03:30"), ("LMT-0:53:28", "2026-11-24 12:53:28 +00:53:28"),
    ],
)  # fmt: skip
def test_people_are_shown_local_time_with_its_offset(name: str, text: str) -> None:
    with zone(name):
        assert local(NOON) == text
        assert local(NOON + 1, exact=True) == f"{text[:19]}.000000001{text[19:]}"
        assert utc(NOON) == "2026-11-24 12:00:00 UTC"


@given(NS, st.sampled_from(ZONES))
def test_what_is_shown_means_that_second_again(when: int, name: str) -> None:
    with zone(name):
        whole = when // 10**9 * 10**9
        assert parse_times(local(when)).first == max(whole, -(2**63))
        assert parse_times(local(when, exact=True)) == (when, when)
        assert parse_times(utc(when)).first == max(whole, -(2**63))
        assert parse_times(utc(when, exact=True)) == (when, when)


@given(st.integers(-2_000_000_000, 5_000_000_000), st.sampled_from(ZONES))
def test_clocks_show_a_reading_at_all_seconds_that_are_found(second: int, name: str) -> None:
    with zone(name):
        reading = second + offset_at(second)
        found = seconds_showing(reading)
        assert second in found
        assert all(time.gmtime(reading)[:6] == time.localtime(each)[:6] for each in found)
        assert first_second_from(reading) == found[0]


@given(st.integers(-20_000, 50_000), st.sampled_from(ZONES))
def test_a_day_begins_at_its_first_instant_and_ends_where_the_next_begins(day: int, name: str) -> None:
    with zone(name):
        begins, ends = (first_second_from(each * 86_400) for each in (day, day + 1))
        assert begins == ends or time.localtime(begins).tm_yday == time.gmtime(day * 86_400).tm_yday
        assert time.localtime(begins - 1).tm_yday != time.gmtime(day * 86_400).tm_yday
        assert 0 <= ends - begins <= 26 * 3600
