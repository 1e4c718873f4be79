"""--since, --until and REF@{TIME}: local time, by one rule."""

import pytest

from eventstore.model.times import DAY, SECOND, from_rfc3339, local
from tests.cli.invoking import Layerlog
from tests.zones import BERLIN, zone

ZONES = ["UTC", BERLIN, "EST5EDT", "<+14>-14", "<-12>12"]
LISTINGS = [["log"], ["events"], ["audit"]]


@pytest.fixture
def last(ll: Layerlog) -> int:
    """When the last of some events was, ns."""
    ll("write", "--text", "one\n", "web:/f")
    ll("commit", "-m", "one", "web", "app:1")
    return from_rfc3339(ll.json("events")[-1]["time"])


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("args", LISTINGS, ids=" ".join)
def test_until_a_day_takes_all_of_it_and_since_a_day_begins_with_it(ll: Layerlog, last: int, args: list[str], name: str) -> None:
    with zone(name):
        day, before, after = (local(last + shift * DAY * SECOND)[:10] for shift in (0, -1, 1))
        everything = ll.json(*args)
        assert everything
        assert ll.found(*args, "--since", before, "--until", day) == everything
        assert ll.found(*args, "--until", before) == ll.found(*args, "--since", after) == []
        first = ll.found(*args, "--until", f"{day} midnight")
        assert len(first) + len(ll.found(*args, "--since", day)) == len(everything)


@pytest.mark.parametrize("name", ZONES)
def test_a_point_at_a_day_is_the_end_of_it(ll: Layerlog, last: int, name: str) -> None:
    with zone(name):
        day = local(last)[:10]
        assert ll("cat", f"web@{{{day}}}:/f") == ll("cat", f"app:1@{{{day}}}:/f") == "one\n"
        exact = local(last, exact=True)
        assert ll("cat", f"web@{{{exact}}}:/f") == "one\n"
        assert "not there at that time" in ll.refused("cat", f"web@{{{day} midnight}}:/f")


@pytest.mark.parametrize("args", [*([*args, option] for args in LISTINGS for option in ("--since", "--until")), ["prune", "--contents-before"]])
@pytest.mark.parametrize(("text", "said"), [("soon", "not understood; write"), ("2026-10-25 02:30", "'2026-10-25 02:30 +02:00' or"), ("2026-02-30", "correct it")])
def test_what_is_no_time_is_refused_everywhere(ll: Layerlog, args: list[str], text: str, said: str) -> None:
    with zone(BERLIN):
        assert said in ll.refused(*args, text)


@pytest.mark.parametrize("args", [["log"], ["events"], ["audit"], ["prune"], ["fork"]])
def test_help_says_that_times_are_local(ll: Layerlog, args: list[str]) -> None:
    assert "local time" in " ".join(ll(*args, "--help").split())
