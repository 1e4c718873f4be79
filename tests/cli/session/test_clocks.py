"""What the user sees where the clock once was wrong: dates as it said them, one warning, and a note of verify."""

import json
import tarfile
from pathlib import Path

import pytest

from eventstore.model.times import from_rfc3339, rfc3339
from eventstore.store import commands
from tests.cli.invoking import Layerlog

DAY, YEAR = 86_400 * 10**9, 365 * 86_400 * 10**9
START = from_rfc3339("2026-03-01T10:00:00Z")


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = START
        patch.setattr("time.time_ns", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def ll(tmp_path: Path, clock: Clock) -> Layerlog:
    """One write a day, the second of them a year ahead; the later ones are said to be so, once."""
    ll = Layerlog(tmp_path / "store")
    ll("create", "--name", "web", "scratch")
    said = []
    for number, day in enumerate([1, 2 + YEAR // DAY, 3, 4, 5]):
        clock.now = START + day * DAY
        said.append(ll.run("write", "--text", f"{number}", "web:/f").stderr)
    assert [bool(text) for text in said] == [False, False, True, False, False]
    assert "the clock says 2026-03-04" in said[2]
    assert "had said 2027-03-03" in said[2]
    return ll


def test_later_writes_have_their_own_time(ll: Layerlog) -> None:
    dates = [row["time"][:10] for row in ll.json("events") if row["path"] == "/f"]
    assert dates == ["2026-03-02", "2027-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
    assert ll("cat", "web@{2026-03-04}:/f") == "2"
    assert ll("cat", "web@{2026-03-02}:/f") == "0"
    assert ll("cat", "web@{2026-06-01}:/f") == "4"
    since = [row["path"] for row in ll.json("events", "--since", "2026-03-05", "--until", "2026-03-05")]
    assert since == ["/f"]


def test_verify_says_where_and_is_content(ll: Layerlog) -> None:
    done = ll.run("verify")
    assert done.exit_code == 0
    assert "changesets 5 to 7: the clock said 2026-03-04 10:00:00 UTC, after it had said 2027-03-03 10:00:00 UTC" in done.stdout


@pytest.mark.parametrize(("encoder", "day"), [(2, "2027-03-03"), (3, "2026-03-06")])
def test_an_image_is_made_when_its_seal_s_encoder_says(
    ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: int, day: str
) -> None:
    """Digests of what was sealed before hold the chain's time; what is sealed now has the clock's."""
    with monkeypatch.context() as patch:
        patch.setattr(commands, "ENCODER", encoder)
        ll("commit", "-m", "x", "-a", "J\udcfcrgen", "web", "app:1")
    ll.run("save", "-q", "-o", str(tmp_path / "app.tar"), "app:1")
    with tarfile.open(tmp_path / "app.tar") as archive:
        name = json.loads(read(archive, "manifest.json"))[0]["Config"]
        config = json.loads(read(archive, name))
    assert config["created"][:10] == day
    assert config["author"].count("\N{REPLACEMENT CHARACTER}") == (1 if encoder == 3 else 3)


def read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def test_log_filters_by_the_clock_and_goes_on_beyond_one_that_was_set_back(ll: Layerlog, clock: Clock) -> None:
    for message, day in (("a", 6), ("lost", -20_000), ("b", 7), ("ahead", 9999), ("c", 8)):
        clock.now = START + day * DAY
        ll.run("write", "--text", message, "web:/f")
        ll.run("commit", "-m", message, "web")
    assert [row["message"] for row in ll.json("log", "--since", "2026-03-01", "--until", "2026-12-31", "web")] == ["c", "b", "a"]
    assert [row["time"] for row in ll.json("log", "--until", "1999-12-31", "web")] == [rfc3339(START - 20_000 * DAY)]
    page = ll("audit", "--format", "html")
    assert "1971" in page
