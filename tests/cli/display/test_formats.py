import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.display import formats
from eventstore.errors import InvalidError
from eventstore.model.times import rfc3339

MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = 60, 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400
NOON = 1_795_521_600 * 10**9  # 2026-11-24T12:00:00Z


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0B"), (1, "1B"), (999, "999B"), (1000, "1kB"), (1024, "1.02kB"), (1536, "1.54kB"), (32_421, "32.4kB"),
        (116_234_567, "116MB"), (1_050_000_000, "1.05GB"), (10**12, "1TB"), (999_900, "1e+03kB"),
    ],
)  # fmt: skip
def test_sizes_are_dockers(size: int, shown: str) -> None:
    """Three digits, even where Go's %.3g rounds 999.9 up and turns to an exponent, as `docker images` does."""
    assert formats.human_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "Less than a second"), (0.45, "Less than a second"), (1, "1 second"), (59.9, "59 seconds"),
        (MINUTE, "About a minute"), (119, "About a minute"), (3 * MINUTE, "3 minutes"), (35 * MINUTE + 40, "35 minutes"),
        (59 * MINUTE + 59, "59 minutes"), (HOUR, "About an hour"), (HOUR + 29 * MINUTE, "About an hour"),
        (HOUR + 31 * MINUTE, "2 hours"), (3 * HOUR + 29 * MINUTE, "3 hours"), (23 * HOUR, "23 hours"),
        (DAY + 12 * HOUR, "36 hours"), (2 * DAY, "2 days"), (13 * DAY + 5 * HOUR, "13 days"), (2 * WEEK, "2 weeks"),
        (2 * WEEK + 4 * DAY, "2 weeks"), (3 * WEEK, "3 weeks"), (4 * WEEK + 3 * DAY, "4 weeks"), (2 * DAY - 1, "2 days"), (2 * MONTH, "2 months"),
        (4 * MONTH, "4 months"), (23 * MONTH, "23 months"), (2 * YEAR - HOUR, "24 months"), (2 * YEAR, "2 years"), (3 * YEAR + 2 * MONTH, "3 years"),
    ],
)  # fmt: skip
def test_durations_are_dockers(seconds: float, shown: str) -> None:
    assert formats.human_duration(seconds) == shown


def test_ago() -> None:
    assert formats.ago(NOON - 2 * DAY * 10**9, NOON) == "2 days ago"
    assert formats.ago(time.time_ns()) == "Less than a second ago"


@pytest.mark.parametrize("identity", ["ab" * 32, "sha256:" + "ab" * 32, b"\xab" * 32])
def test_short_id(identity: bytes | str) -> None:
    assert formats.short_id(identity) == "abababababab"


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
    assert formats.from_rfc3339(rfc3339(when)) == when
    assert formats.parse_time(rfc3339(when)) == when


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
    assert formats.parse_time(text, NOON) == when


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
        formats.parse_time(text)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-13-01", "2026-11-24T25:00", "2026-11-24T10:00:00+25:00", "0000-01-01"]
)
def test_a_time_that_no_calendar_has_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidError, match=r"must be in|out of range"):
        formats.parse_time(text)


def test_a_bad_time_is_not_sent_raw_to_the_terminal() -> None:
    with pytest.raises(InvalidError) as caught:
        formats.parse_time("\x1b[2J")
    assert "\x1b" not in str(caught.value)


def test_modes_and_devices() -> None:
    assert formats.mode_string(stat.S_IFDIR | 0o1777) == "drwxrwxrwt"
    assert formats.mode_string(stat.S_IFREG | 0o4755) == "-rwsr-xr-x"
    assert formats.mode_string(stat.S_IFLNK | 0o777) == "lrwxrwxrwx"
    assert formats.device_string((8, 1)) == "8, 1"


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5000", 5000), ("7b", 7), ("1k", 1024), ("1KB", 1000), ("1KiB", 1024), ("64GiB", 64 << 30), ("10 MB", 10**7), ("2t", 2 << 40)],
)
def test_sizes_are_read_as_dockers_options_are(text: str, size: int) -> None:
    assert formats.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5G", "GiB", "1 PiB", "1" * 16, "1e9", "\u0661"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is not a size"):
        formats.parse_size(text)
