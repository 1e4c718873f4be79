import time

import pytest

from cli.display import formats

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
    assert formats.ago(NOON + 10**8, NOON) == "Less than a second ago"
    assert formats.ago(NOON + 3 * DAY * 10**9, NOON) == "in 3 days"


@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00", "2026-02-30T00:00:00Z"])
def test_a_time_that_an_image_does_not_know_is_none(text: str) -> None:
    """0001-01-01 is Go's zero: what Docker writes where it knows no time."""
    assert formats.shown_stated(text) == "N/A"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:01Z", "1500-01-01T00:00:00Z", "2026-11-24T12:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_any_other_is_shown(text: str) -> None:
    assert formats.shown_stated(text) != "N/A"


@pytest.mark.parametrize("identity", ["ab" * 32, "sha256:" + "ab" * 32, b"\xab" * 32])
def test_short_id(identity: bytes | str) -> None:
    assert formats.short_id(identity) == "abababababab"


def test_devices() -> None:
    assert formats.device_string((8, 1)) == "8, 1"
