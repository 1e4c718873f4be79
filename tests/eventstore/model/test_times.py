import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.times import from_rfc3339, parse_time, rfc3339

HOUR, DAY, WEEK, MONTH = 3600, 86400, 7 * 86400, 30 * 86400
NOON = 1_795_521_600 * 10**9  # 2026-11-24T12:00:00Z


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"), (NOON + 1, "2026-11-24T12:00:00.000000001Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"), (-(2**63), "1677-09-21T00:12:43.145224192Z"),
    ],
)  # fmt: skip
def test_rfc3339(when: int, text: str) -> None:
    assert rfc3339(when) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_times_come_back_exactly(when: int) -> None:
    assert from_rfc3339(rfc3339(when)) == when
    assert parse_time(rfc3339(when)) == when


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-24", NOON - 12 * HOUR * 10**9), ("2026-11-24T12:00", NOON), ("2026-11-24 12:00", NOON),
        ("2026-11-24T12:00:00Z", NOON), ("2026-11-24t12:00:00z", NOON), ("2026-11-24T12:00:00.5", NOON + 5 * 10**8),
        ("2026-11-24T14:30:00+02:30", NOON), ("2026-11-24T06:00-0600", NOON), ("2026-11-24 12:00:00 +0000", NOON),
        ("2026-11-24T12:00:00.1234567891Z", NOON + 123_456_789), (" now ", NOON), ("@1795521600", NOON),
        ("@1795521600.25", NOON + 25 * 10**7), ("@-1", -(10**9)), ("2 days ago", NOON - 2 * DAY * 10**9),
        ("1 hour ago", NOON - HOUR * 10**9), ("an hour ago", NOON - HOUR * 10**9), ("2.Weeks.ago", NOON - 2 * WEEK * 10**9),
        ("3 months ago", NOON - 3 * MONTH * 10**9), ("999999999 years ago", -(2**63)), ("9999-01-01", 2**63 - 1),
        ("yesterday", NOON - DAY * 10**9), ("10m", NOON - 600 * 10**9), ("1h30m", NOON - 5400 * 10**9), ("90s", NOON - 90 * 10**9),
        ("2d", NOON - 2 * DAY * 10**9),
    ],
)  # fmt: skip
def test_times_of_users(text: str, when: int) -> None:
    assert parse_time(text, NOON) == when


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026",
        "2026-11",
        "24.11.2026",
        "2026-11-24T",
        "2026-11-24T10",
        "2 days",
        "-1 days ago",
        "@",
        "@x",
        "10:00",
        "10",
        "10w",
        "m",
        "٢026-11-24",
    ],
)
def test_what_is_no_time_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(InvalidError, match=r"write 2026-11-24, 2026-11-24T10:00, .* '2 days ago', yesterday, 10m or @"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-13-01", "2026-11-24T25:00", "2026-11-24T10:00:00+25:00", "0000-01-01"]
)
def test_a_time_that_no_calendar_has_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidError, match=r"must be in|out of range"):
        parse_time(text)


def test_a_bad_time_is_not_sent_raw_to_the_terminal() -> None:
    with pytest.raises(InvalidError) as caught:
        parse_time("\x1b[2J")
    assert "\x1b" not in str(caught.value)
