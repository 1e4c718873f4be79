"""blame and log of what an undo, a redo or a restore brought back: who wrote it, and who brought it back."""

from collections.abc import Callable
from typing import Any

import pytest

from eventstore.index.names import container_named
from eventstore.log.log import Context
from eventstore.model.changes import attributes
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog

ADA, BOB, CAT = "Ada <ada@example.org>", "Bob <bob@example.org>", "Cat <cat@example.org>"


class Desk:
    """Commands on the container web, each by somebody."""

    def __init__(self, ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ll, self._monkeypatch = ll, monkeypatch

    def by(self, author: str, *args: str) -> None:
        self._monkeypatch.setenv("LAYERLOG_AUTHOR", author)
        if args == ("touch",):
            self._touch(author)
        else:
            self.ll.told(*args)

    def _touch(self, author: str) -> None:
        """Give /f another time, as a process in the container may."""
        with Store.open_or_create(self.ll.store) as store, writing(store, Context(actor={"login": "root"}, command=("touch",), author=author)) as writer:
            container = container_named(store.log, "web") or ""
            view = live_view(store, container)
            found = view.get(b"f")
            commands.record(writer, container, [attributes(b"f", found.mode, uid=found.uid, gid=found.gid, mtime=found.mtime + 1)], view)

    def content(self) -> tuple[str, str | None]:
        """Who wrote /f, and who brought it back."""
        found = self.ll.json("blame", "web:/f")[0]
        returned = found["returned"]
        return found["content"]["event"]["author"], returned and returned["event"]["author"]

    def attributes(self) -> tuple[str | None, str | None]:
        """Who gave /f its attributes (None: who wrote it), and who brought them back."""
        found = self.ll.json("blame", "web:/f")[0]
        given, returned = found["attributes"], found["attributes_returned"]
        return given and given["event"]["author"], returned and returned["event"]["author"]

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


# -- attributes

KEYS = ("mode", "uid", "gid", "mtime")
GIVING: dict[str, tuple[str, ...]] = {
    "chmod": ("chmod", "4755", "web:/f"), "chown": ("chown", "33:44", "web:/f"),
    "touch": ("touch",),
}  # fmt: skip
LOSING: dict[str, list[tuple[str, ...]]] = {
    "given others": [("chmod", "0600", "web:/f"), ("chown", "1:1", "web:/f"), ("touch",)],
    "deleted": [("delete", "web:/f")],
    "written anew": [("delete", "web:/f"), ("write", "--text", "x", "web:/f")],
}


@pytest.mark.parametrize("give", GIVING)
@pytest.mark.parametrize("lose", LOSING)
@pytest.mark.parametrize("back", [*BACK, "revert"])
def test_attributes_that_come_back_are_whose_they_were(desk: Desk, give: str, lose: str, back: str) -> None:
    desk.by(BOB, *GIVING[give])
    assert desk.attributes() == (BOB, None)
    before = desk.ll.entry("web:/f")
    desk.by(BOB, "commit", "-m", "given", "web", "app:1")
    for args in LOSING[lose]:
        desk.by(ADA, *args)
    ways: dict[str, list[tuple[str, ...]]] = {"revert": [("commit", "-m", "lost", "web", "app:2"), ("revert", "app:2")]}
    ways["restore"] = [("restore", "web@3:/f")]
    for args in ways[back] if back in ways else BACK[back](len(LOSING[lose])):
        desk.by(CAT, *args)
    assert [desk.ll.entry("web:/f")[key] for key in KEYS] == [before[key] for key in KEYS]
    assert desk.attributes() == (BOB, CAT)


def test_a_redo_brings_attributes_back_of_who_gave_them(desk: Desk) -> None:
    desk.by(BOB, "chmod", "u+s", "web:/f")
    for _ in range(2):
        desk.by(ADA, "undo", "web")
        assert desk.attributes() == (ADA, ADA)  # its writer's, again
        desk.by(CAT, "redo", "web")
        assert desk.attributes() == (BOB, CAT)


def test_of_what_came_back_it_is_who_gave_that(desk: Desk) -> None:
    """A later touch gave the time alone, and an undo of chmod brought back the mode alone."""
    desk.by(BOB, "chmod", "u+s", "web:/f")
    desk.by(ADA, "touch")
    desk.by(ADA, "chmod", "u-s", "web:/f")
    desk.by(CAT, "undo", "web")
    assert desk.attributes() == (BOB, CAT)
    desk.by(ADA, "chown", "7", "web:/f")
    assert desk.attributes() == (ADA, None)


def test_attributes_of_a_directory_and_of_what_came_with_an_image(desk: Desk) -> None:
    for path in ("/etc", "/etc/motd"):
        desk.by(ADA, "chmod", "0700", f"web:{path}")
        desk.by(CAT, "undo", "web")
        found = desk.ll.json("blame", f"web:{path}")[0]
        assert found["attributes"]["event"]["event"] == "FileWritten"
        assert found["attributes"]["event"]["position"] == found["content"]["event"]["position"]
        assert found["attributes_returned"]["event"]["author"] == CAT


def test_the_same_attributes_given_by_hand_are_no_return(desk: Desk) -> None:
    desk.by(BOB, "chmod", "u+s", "web:/f")
    desk.by(ADA, "chmod", "u-s", "web:/f")
    desk.by(CAT, "chmod", "u+s", "web:/f")
    assert desk.attributes() == (CAT, None)


def test_people_are_told_who_gave_attributes_and_who_brought_them_back(desk: Desk) -> None:
    desk.by(BOB, "chmod", "u+s", "web:/f")
    desk.by(ADA, "chmod", "u-s", "web:/f")
    desk.by(CAT, "undo", "web")
    said = desk.ll("blame", "web:/f")
    assert said.index("attributes: AttributesChanged /f 4644") < said.index(BOB) < said.index("returned:   AttributesChanged /f")
    assert said.index("(undo of event 4)") < said.index(CAT)
    desk.by(ADA, "delete", "web:/f")
    desk.by(CAT, "undo", "web")
    said = desk.ll("blame", "web:/f")
    assert said.count("returned:") == 1
    assert BOB in said
