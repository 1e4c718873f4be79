"""A..B in log and diff, against what each end shows for itself."""

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from eventstore.errors import InvalidError
from eventstore.log.log import Log
from eventstore.store.store import Store
from projections.refs.ranges import range_of
from tests.cli.invoking import Layerlog, with_base, with_loaded


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layerlog, list[str]]:
    """A family of containers with commits, forks and an image from elsewhere, and points of all of them."""
    ll = with_base(tmp_path_factory.mktemp("ranges") / "store")
    with_loaded(ll, "far:1")
    ll("create", "--name", "over", "far:1")
    ll("mkdir", "-p", "over:/srv")
    chance, names = random.Random(7), ["web", "over"]
    for number in range(24):
        name = chance.choice(names)
        ll("write", "--text", str(number), f"{name}:/srv/f{chance.randrange(4)}")
        if chance.random() < 0.5:
            ll("commit", "-m", str(number), name, f"app:{number}")
        if chance.random() < 0.2:
            ll("fork", name, "--name", f"fork{number}")
            names.append(f"fork{number}")
    versions = {row["name"]: row["version"] for row in ll.json("ps")}
    points = [f"{name}@{chance.randint(1, versions[name])}" for name in names]
    return ll, [*names, *points, "base:1", "far:1", "far:1~1", "web~0", *chance.sample(ll.lines("images", "-q"), 3)]


def rows(ll: Layerlog, *args: str) -> list[dict[str, Any]]:
    done = ll.run("log", "--format", "json", *args)
    assert done.exit_code == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


def entries(ll: Layerlog, ref: str) -> list[str]:
    return [row["commit"] or f"{row['image']} {row['layer']}" for row in rows(ll, ref)]


def events(ll: Layerlog, ref: str) -> list[int]:
    return [event["position"] for row in rows(ll, ref, "--", "/srv") for event in row["events"]]


def test_log_of_a_range_is_what_the_second_has_and_the_first_has_not(grown: tuple[Layerlog, list[str]]) -> None:
    ll, points = grown
    pairs = random.Random(1).sample([*product(points, points)], 60)
    shown = {point: (entries(ll, point), events(ll, point)) for point in points}
    for first, second in pairs:
        (known, before), (all_of, after) = shown[first], shown[second]
        assert entries(ll, f"{first}..{second}") == [one for one in all_of if one not in known], (first, second)
        assert events(ll, f"{first}..{second}") == [one for one in after if one not in before], (first, second)


def test_diff_of_a_range_is_diff_of_its_ends(grown: tuple[Layerlog, list[str]]) -> None:
    ll, points = grown
    for first, second in random.Random(2).sample([*product(points, points)], 20):
        whole = ll.lines("diff", "--name-status", first, second)
        assert ll.lines("diff", "--name-status", f"{first}..{second}") == whole
        files = [line for line in whole if line[2:].startswith(("/srv/", "/etc/")) or line[2:] in ("/srv", "/etc")]
        assert ll.lines("diff", "--name-status", first, second, "--", "/srv", "etc/") == files
        assert ll.lines("diff", "--name-status", f"{first}..{second}", "--", "*f1") == [x for x in whole if x.endswith("f1")]
        assert ll.lines("diff", "--name-status", first, second, "--", "/srv") == [x for x in files if x[2:].startswith("/srv")]


def test_open_ends(ll: Layerlog) -> None:
    ll("write", "--text", "new", "web:/srv/new")
    ll("commit", "-m", "one", "web", "app:1")
    ll("write", "--text", "x", "web:/srv/later")
    ll("commit", "-m", "two", "web", "app:1")
    assert [row["message"] for row in ll.json("log", "web~1..")] == ["two"]
    assert [row["message"] for row in ll.json("log", "app:1@{1}..")] == ["two"]
    assert ll.json("log", "..web") == ll.json("log", "web")
    assert ll.lines("diff", "web~1..") == ll.lines("diff", "app:1@{1}..") == ["A /srv/later"]
    assert ll.lines("diff", "..web@4") == ll.lines("diff", "--base", "web@4")
    assert ll.lines("diff", "web~1..", "--", "/etc") == []
    assert ll.lines("diff", "--base", "web", "--", "/srv") == ["A /srv/later", "A /srv/new"]
    done = ll.run("log", "web..web~1")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "web..web~1" in done.stderr


@pytest.mark.parametrize("command", ["log", "diff"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("..", "names no end"), ("web...web", "two dots: web..web"), ("web..web..web", "three ends"), ("....", "two dots"),
        ("web..no", "no container or image no"), ("no..web", "no container or image no"), ("web@999..web", "no version 999"),
        ("web@{..", "web@{.."), ("web@{nonsense}..web", "nonsense"),
    ],
)  # fmt: skip
def test_bad_ranges_are_refused_in_one_line(ll: Layerlog, command: str, text: str, says: str) -> None:
    assert says in ll.refused(command, text)


def test_a_range_has_its_ends_already(ll: Layerlog) -> None:
    assert "name it alone" in ll.refused("diff", "web@1..web", "web")
    assert "name it alone" in ll.refused("diff", "web", "web@1..web")
    assert "name it alone" in ll.refused("diff", "--base", "web@1..web")
    assert "A..B" in ll.run("log", "--graph", "web@1..web").stderr


@pytest.fixture
def log(tmp_path: Path) -> Log:
    with_base(tmp_path / "store")("create", "--name", "a..b", "base:1")
    return Store.open(str(tmp_path / "store")).log


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("a..b..", None, None), ("a@{1 .. 2}..b", "a@{1 .. 2}", "b"), ("a@{x}~3..", "a@{x}~3", "a"), ("..b^", None, "b^"),
        ("a..c:/etc/..", "a", "c:/etc/.."), ("a@3..:/x", "a@3", "a:/x"), ("x.y..z.w", "x.y", "z.w"),
    ],
)  # fmt: skip
def test_range_of(log: Log, text: str, first: str | None, second: str | None) -> None:
    if second is None:
        with pytest.raises(InvalidError):
            range_of(log, text)
    else:
        assert range_of(log, text) == (first, second)


@pytest.mark.parametrize("text", ["a..b", "a:/../b", "a:/x..y", "a@{1 .. 2}", "a.b", "a@{..", ""])
def test_no_range(log: Log, text: str) -> None:
    assert range_of(log, text) is None
