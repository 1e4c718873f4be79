"""An image that an erasure made anew has the history of the one before: whoever wrote a file there wrote it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.invoking import Layerlog, with_base, with_loaded

SAID = ("content", "name", "attributes")


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    """app:1, on an image from elsewhere, by several authors: written, moved, linked, made by a link, and changed in mode."""
    ll = with_base(tmp_path / "store")
    with_loaded(ll, "far:1")
    ll("create", "--name", "c", "far:1")
    deeds = (
        ("write", "--text", "one\n", "c:/one"), ("write", "--text", "secret", "c:/secret"), ("commit", "-m", "first", "c"),
        ("write", "--text", "one\ntwo\n", "c:/one"), ("move", "c:/one", "c:/moved"), ("link", "c:/moved", "c:/link"),
        ("link", "-s", "moved", "c:/symlink"), ("mkdir", "c:/dir"), ("write", "--text", "other secret", "c:/dir/key"),
        ("chmod", "600", "c:/moved"), ("delete", "c:/etc/motd"), ("commit", "-m", "second", "c", "app:1"),
    )  # fmt: skip
    for number, deed in enumerate(deeds):
        monkeypatch.setenv("LAYERLOG_AUTHOR", f"Author {number} <a{number}@example.org>")
        ll(*deed)
    return ll


def paths(ll: Layerlog, ref: str) -> set[str]:
    return {row["path"] for row in ll.json("ls", "-R", f"{ref}:/")} - {"/"}


def said(ll: Layerlog, place: str) -> dict[str, Any]:
    """What blame tells, but for the ids and names that commits have now."""
    (row,) = ll.json("blame", place)
    return {key: row[key] and {**row[key], "commit": row[key]["commit"] and as_ever(row[key]["commit"])} for key in SAID}


def as_ever(row: dict[str, Any]) -> dict[str, Any]:
    return row | dict.fromkeys(("commit", "tags", "parent", "position", "made_of"))


def test_blame_of_an_image_made_anew_is_that_of_the_one_before(held: Layerlog) -> None:
    old = held.json("log", "c")[0]["commit"]
    for path, ref in (("/secret", "c:/secret"), ("/dir/key", "c:/dir/key")):
        held("erase", "--derive", "-y", "--reason", "x", "--path", ref)
        assert path not in paths(held, "app:1")
    assert paths(held, "app:1") == paths(held, old) - {"/secret", "/dir/key"}
    for path in paths(held, "app:1"):
        assert said(held, f"app:1:{path}") == said(held, f"{old}:{path}"), path
    assert said(held, "app:1:/moved")["content"]["event"]["author"] == "Author 3 <a3@example.org>"
    assert held.json("blame", "app:1:/etc/motd")[0]["removed"]["event"]["author"] == "Author 10 <a10@example.org>"
    authors = [row["author"] for row in held.json("blame", "--lines", "app:1:/moved")]
    assert authors == ["Author 0 <a0@example.org>", "Author 3 <a3@example.org>"]


def test_what_an_image_made_anew_lacks_was_erased(held: Layerlog) -> None:
    held("erase", "--derive", "-y", "--reason", "a key", "--path", "c:/secret")
    held("erase", "--derive", "-y", "--reason", "another", "--path", "c:/dir/key")
    for path, reason in (("/secret", "a key"), ("/dir/key", "another")):
        (row,) = held.json("blame", f"app:1:{path}")
        assert (row["there"], row["removed"]["event"]["event"], row["removed"]["event"]["detail"]["reason"]) == (False, "ContentErased", reason)
        assert held.lines("blame", f"app:1:{path}")[0] == f"{path} is not there"
    assert "no event was ever about it" in held.refused("blame", "app:1:/nothing")


def test_what_is_changed_above_an_image_made_anew_is_the_container_s(held: Layerlog) -> None:
    held("erase", "--derive", "-y", "--reason", "x", "--path", "c:/secret")
    held("create", "--name", "above", "app:1")
    held("chmod", "640", "above:/moved")
    held("delete", "above:/link")
    old = held.json("log", "c")[0]["commit"]
    above, before = said(held, "above:/moved"), said(held, f"{old}:/moved")
    assert above["content"] == before["content"]
    assert above["attributes"]["event"]["event"] == "AttributesChanged"
    assert above["attributes"]["container"] == "above"
    assert held.json("blame", "above:/link")[0]["removed"]["container"] == "above"


def test_an_archive_that_calls_itself_so_is_traced_to_nothing(held: Layerlog) -> None:
    """What an image says of where it came from counts only where an erasure of this store recorded it."""
    old = held.json("log", "c")[0]["commit"]
    with_loaded(held, "evil:1", source=f"erase: {old}", config={"Env": ["A=1"]})
    (row,) = held.json("blame", "evil:1:/etc/motd")
    assert row["content"]["layer"] is not None
    held.refused("blame", "evil:1:/secret")


def anew(held: Layerlog) -> str:
    """Make app:1 anew without its secrets; return the id of the one before."""
    old = str(held.json("log", "c")[0]["commit"])
    for path in ("/secret", "/dir/key"):
        held("erase", "--derive", "-y", "--reason", "x", "--path", f"c:{path}")
    return old


def logged(ll: Layerlog, *asked: str) -> list[dict[str, Any]]:
    return [as_ever(json.loads(line)) for line in ll.lines("log", "--format", "json", *asked)]


@pytest.mark.parametrize("ways", [(), ("--follow",), ("-p",), ("--reverse", "-n", "2")])
def test_log_of_a_path_in_an_image_made_anew_is_that_of_the_one_before(held: Layerlog, ways: tuple[str, ...]) -> None:
    old = anew(held)
    for path in ("/moved", "/link", "/etc/motd", "/symlink", "/secret", "/dir/key", "*o*"):
        ways = ways if "*" not in path else ()
        assert logged(held, *ways, "app:1", "--", path) == logged(held, *ways, old, "--", path) != [], path


def test_log_above_an_image_made_anew_goes_on_below_it(held: Layerlog) -> None:
    old = anew(held)
    held("create", "--name", "above", "app:1")
    held("move", "above:/moved", "above:/renamed")
    held("write", "--text", "new", "above:/own")
    own, *below = logged(held, "--follow", "above", "--", "/renamed")
    assert [event["event"] for event in own["events"]] == ["PathMoved"]
    assert below == logged(held, "--follow", old, "--", "/moved")
    assert len(logged(held, "--follow", "above", "--", "/own")) == 1
    assert [row["container"] for row in logged(held, "above~0", "--", "/moved")] == [row["container"] for row in logged(held, old, "--", "/moved")]


@pytest.mark.parametrize("where", ["c", "above"])
def test_an_image_made_anew_is_reverted_as_the_one_before(held: Layerlog, where: str) -> None:
    old = anew(held)
    held("create", "--name", "above", "app:1")
    before = paths(held, where)
    by_old, as_it_was = held.run("revert", old, where), paths(held, where)
    assert (by_old.exit_code, as_it_was == before) == (0, False), by_old.stderr
    held.run("undo", where)
    by_new = held.run("revert", "app:1", where)
    assert (by_new.stdout, by_new.stderr) == (by_old.stdout, by_old.stderr)
    assert paths(held, where) == as_it_was


@pytest.mark.parametrize("test", ["grep -q two moved one", "test -L symlink", "test -e etc/motd && exit 1 || exit 0", "test -d dir"])
def test_bisect_finds_the_write_below_an_image_made_anew(held: Layerlog, test: str) -> None:
    """The test is good while what it looks for is not there yet; the guilty write is the one that would be found without it."""
    command = ("bisect", "run", "sh", "-c", f"! ({test})")

    def guilty(bad: str) -> str:
        held("bisect", "start", bad, "c@3")
        result = held.run(*command)
        assert result.exit_code == 0, result.stderr
        return result.stdout.split(" ")[0]

    before = guilty("c")
    anew(held)
    held("create", "--name", "above", "app:1")
    held("write", "--text", "x", "above:/later")
    assert guilty("app:1") == guilty("above") == before
    assert before.startswith("c@")


def test_an_image_from_elsewhere_made_anew_has_no_writes_here(held: Layerlog) -> None:
    held("erase", "--derive", "-y", "--reason", "x", "--path", "far:1:/bin/sh")
    for command in ("revert", "bisect start"):
        assert "made elsewhere" in held.refused(*command.split(), "far:1")
