"""blame and log of what an undo, a redo or a restore brought back: who wrote it, and who brought it back."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.invoking import Layerlog

ADA, BOB, CAT = "Ada <ada@example.org>", "Bob <bob@example.org>", "Cat <cat@example.org>"


class Desk:
    """Commands on the container web, each by somebody."""

    def __init__(self, ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ll, self._monkeypatch = ll, monkeypatch

    def by(self, author: str, *args: str) -> None:
        self._monkeypatch.setenv("LAYERLOG_AUTHOR", author)
        self.ll.told(*args)

    def content(self) -> tuple[str, str | None]:
        """Who wrote /f, and who brought it back."""
        found = self.ll.json("blame", "web:/f")[0]
        returned = found["returned"]
        return found["content"]["event"]["author"], returned and returned["event"]["author"]

    def lines(self) -> list[tuple[str, str, str | None]]:
        rows: list[dict[str, Any]] = self.ll.json("blame", "--lines", "web:/f")
        assert all((row["returned"] is None) is (row["returned_by"] is None) for row in rows)
        return [(row["text"], row["author"], row["returned_by"]) for row in rows]


@pytest.fixture
def desk(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(ll, monkeypatch)
    desk.by(ADA, "write", "--text", "one\ntwo\nthree\n", "web:/f")
    return desk


SPOILS: dict[str, list[tuple[str, ...]]] = {
    "a line changed": [("write", "--text", "one\n2\nthree\n", "web:/f")],
    "all changed": [("write", "--text", "x\n", "web:/f")],
    "deleted": [("delete", "web:/f")],
    "moved away": [("move", "web:/f", "web:/g")],
    "deleted and another": [("delete", "web:/f"), ("write", "--text", "two\n", "web:/f")],
}
BACK: dict[str, Callable[[int], list[tuple[str, ...]]]] = {
    "undo": lambda count: [("undo", "web", str(count))],
    "undo, redo, undo": lambda count: [("undo", "web", str(count)), ("redo", "web", str(count)), ("undo", "web", str(count))],
    "restore": lambda _: [("restore", "web@2:/f")],
}
AWAY = {"a line changed": {"two"}, "deleted and another": {"one", "three"}}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("back", BACK)
def test_what_comes_back_is_its_writers(desk: Desk, spoil: str, back: str) -> None:
    for args in SPOILS[spoil]:
        desk.by(BOB, *args)
    for args in BACK[back](len(SPOILS[spoil])):
        desk.by(CAT, *args)
    moved = spoil == "moved away" and back != "restore"  # a move goes back as a move, and takes nobody's writing along
    assert desk.content() == (ADA, None if moved else CAT)
    away = set() if moved else AWAY.get(spoil, {"one", "two", "three"})
    assert desk.lines() == [(text, ADA, CAT if text in away else None) for text in ("one", "two", "three")]


def test_what_is_written_again_is_no_return(desk: Desk) -> None:
    """The same bytes, written by hand: the log says nothing of bringing back."""
    desk.by(BOB, "write", "--text", "x\n", "web:/f")
    desk.by(CAT, "write", "--text", "one\ntwo\nthree\n", "web:/f")
    assert desk.content() == (CAT, None)
    assert {author for _, author, _ in desk.lines()} == {CAT}


def test_a_redo_brings_back_what_was_done_by_its_writer(desk: Desk) -> None:
    desk.by(BOB, "write", "--text", "one\n2\nthree\n", "web:/f")
    desk.by(CAT, "undo", "web")
    desk.by(CAT, "redo", "web")
    assert desk.content() == (BOB, CAT)
    assert desk.lines() == [("one", ADA, None), ("2", BOB, CAT), ("three", ADA, None)]


def test_a_line_that_is_changed_after_it_came_back_is_the_changers(desk: Desk) -> None:
    desk.by(BOB, "delete", "web:/f")
    desk.by(CAT, "undo", "web")
    desk.by(BOB, "write", "--text", "one\ntwo\nIII\n", "web:/f")
    assert desk.lines() == [("one", ADA, CAT), ("two", ADA, CAT), ("III", BOB, None)]
    assert desk.content() == (BOB, None)


def test_what_came_with_an_image_comes_back_as_the_images(desk: Desk) -> None:
    before = desk.ll.json("blame", "web:/etc/motd")[0]
    desk.by(BOB, "delete", "web:/etc/motd")
    desk.by(CAT, "undo", "web")
    found = desk.ll.json("blame", "web:/etc/motd")[0]
    assert found["content"] == before["content"]
    assert found["returned"]["event"]["author"] == CAT


def test_people_are_told_who_wrote_it_and_who_brought_it_back(desk: Desk) -> None:
    desk.by(BOB, "write", "--text", "one\n2\nthree\n", "web:/f")
    desk.by(CAT, "undo", "web")
    said = desk.ll("blame", "web:/f")
    assert said.index(ADA) < said.index("returned:   FileWritten /f") < said.index("web@4 (undo of event 3)") < said.index(CAT)
    assert "brought back by Cat, web@4) two" in desk.ll.lines("blame", "--lines", "web:/f")[1]
    assert "(undo of event 3)" in desk.ll("log", "web", "--", "/f")
    assert "undo of" not in desk.ll("log", "web@3", "--", "/f")
