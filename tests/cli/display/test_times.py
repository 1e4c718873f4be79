"""People are shown local time with its offset, or what --date says; programs get UTC."""

import re
from pathlib import Path

import pytest

from eventstore.model.times import from_rfc3339, local, utc
from tests.cli.invoking import Layerlog, with_base, with_loaded, write_and_commit
from tests.zones import BERLIN, zone

KATHMANDU = "<+0545>-5:45"
FOR_PEOPLE = [
    "log web", "log far:1", "log web -- /f", "log --graph", "show app:1", "show 1", "blame web:/f", "blame far:1:/etc/motd", "blame --lines web:/f",
    "events --format table", "audit", "audit --no-trunc", "audit --by author", "audit --distribution far:1", "audit --format html",
    "find --path /etc", "find --path /etc --no-trunc", "ls -l web:/", "stat web:/f", "history app:1", "images", "ps",
]  # fmt: skip
FOR_PROGRAMS = [
    "log --format json web", "log --format json far:1", "log --format json web -- /f", "show --format json app:1", "show --format json 1",
    "blame --format json web:/f", "blame --format json --lines web:/f", "events", "audit --format json", "audit --format csv",
    "audit --by author --format json", "audit --by day --format json", "audit --by day --format csv", "find --path /etc --format json",
    "audit --distribution far:1 --format json", "ls --format json web:/", "stat --format json web:/f", "history --format json app:1",
    "images --format json", "ps --format json",
]  # fmt: skip
TIME = re.compile(r"(?<![\w.:-])\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?( ?[+-]\d\d:\d\d| UTC|Z)?")
RELATIVE = ("history", "images", "ps")


@pytest.fixture(scope="module")
def ll(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    found = with_base(tmp_path_factory.mktemp("times") / "store")
    with_loaded(found, "far:1")
    write_and_commit(found, "one\n", "web", "app:1")
    found("delete", "web:/etc/motd")
    return found


def dated(ll: Layerlog, line: str, way: str) -> str:
    command, *rest = line.split()
    return ll(command, "--date", way, *rest)


@pytest.mark.parametrize("line", FOR_PEOPLE)
@pytest.mark.parametrize(("name", "offset"), [(KATHMANDU, "+05:45"), ("<-0930>9:30", "-09:30")])
def test_people_are_shown_local_time_with_its_offset(ll: Layerlog, line: str, name: str, offset: str) -> None:
    with zone(name):
        text = dated(ll, line, "iso")
        assert text == ll(*line.split()) or line.split(maxsplit=1)[0] in RELATIVE
    assert {match[1] for match in TIME.finditer(text)} == {f" {offset}"}


@pytest.mark.parametrize("line", FOR_PEOPLE)
def test_people_may_be_shown_utc(ll: Layerlog, line: str) -> None:
    said = []
    for name in (KATHMANDU, "UTC"):
        with zone(name):
            said.append(dated(ll, line, "utc"))
    assert said[0] == said[1]
    assert {match[1] for match in TIME.finditer(said[0])} == {" UTC"}


@pytest.mark.parametrize("line", FOR_PEOPLE)
def test_people_may_be_shown_ages(ll: Layerlog, line: str) -> None:
    text = dated(ll, line, "relative")
    assert not TIME.search(text)
    assert " ago" in text


@pytest.mark.parametrize("line", FOR_PROGRAMS)
def test_programs_get_utc_whatever_people_want(ll: Layerlog, line: str) -> None:
    said = []
    for name, way in ((KATHMANDU, "iso"), (BERLIN, "relative"), ("UTC", "utc")):
        with zone(name):
            said.append(dated(ll, line, way))
    assert said[0] == said[1] == said[2]
    assert {match[1] for match in TIME.finditer(said[0])} <= {"Z"}


def test_a_time_that_an_image_does_not_know_is_nothing_known(tmp_path: Path) -> None:
    """Docker writes Go's zero, 0001-01-01, where it knows none."""
    ll = with_base(tmp_path / "store")
    steps = [{"created": "0001-01-01T00:00:00Z", "created_by": "RUN x"}, {"created_by": "RUN y"}]
    with_loaded(ll, "zero:1", created="0001-01-01T00:00:00Z", history=steps)
    shown = [ll(*line.split()) for line in ("images", "images --date iso", "history zero:1", "log zero:1", "blame zero:1:/etc/motd")]
    assert not [text for text in shown if re.search(r"\b0001-|\b1677-|20\d\d years", text)]
    assert all("N/A" in text for text in shown[:3])
    (line,) = ll.lines("blame", "--lines", "zero:1:/etc/motd")
    assert local(from_rfc3339(ll.json("log", "zero:1")[0]["loaded"])) in line


def test_days_that_an_audit_adds_up_are_those_that_it_shows(ll: Layerlog) -> None:
    when = from_rfc3339(ll.json("log", "web")[0]["time"])
    for name in ("<+14>-14", "<-12>12"):
        with zone(name):
            *_, row = ll.lines("audit", "--by", "day")
            assert row.startswith(local(when)[:10])
            *_, row = ll.lines("audit", "--by", "day", "--date", "utc")
            assert row.startswith(utc(when)[:10])
            assert ll.json("audit", "--by", "day")[-1]["day"] == utc(when)[:10]
