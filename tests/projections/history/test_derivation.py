"""An image that an erasure made anew has the history of the one before: whoever wrote a file there wrote it."""

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
    """What blame tells, but for the names that images have now."""
    (row,) = ll.json("blame", place)
    return {key: row[key] and {**row[key], "commit": row[key]["commit"] and {**row[key]["commit"], "tags": None}} for key in SAID}


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
