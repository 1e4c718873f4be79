"""Who wrote a path, when, by what command and in which commit; and each line of a text."""

import re

import pytest

from eventstore.model.changes import put
from eventstore.model.times import from_rfc3339, local
from eventstore.store import commands
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog, with_loaded


def web_of(ll: Layerlog) -> str:
    return str(ll.json("ps")[0]["id"])


# -- blame


def test_blame_tells_content_name_and_attributes_apart(ll: Layerlog) -> None:
    ll("write", "--text", "one", "web:/f")
    ll("commit", "-m", "wrote it", "web", "app:1")
    ll("chmod", "600", "web:/f")
    ll("move", "web:/f", "web:/g")
    found = ll.json("blame", "web:/g")[0]
    kinds = {key: found[key]["event"]["event"] for key in ("content", "name", "attributes")}
    assert kinds == {"content": "FileWritten", "name": "PathMoved", "attributes": "AttributesChanged"}
    assert found["content"]["commit"]["message"] == "wrote it"
    assert found["content"]["commit"]["tags"] == ["app:1"]
    assert found["name"]["commit"] is None
    text = ll("blame", "web:/g")
    assert "not yet sealed" in text
    assert "(app:1) by Ada <ada@example.org>: wrote it" in text
    assert ll.json("blame", "web@2:/f")[0]["attributes"] is None


def test_blame_of_an_imported_path_names_layer_image_and_archive(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    found = ll.json("blame", "one:/etc/motd")[0]["content"]
    assert found["event"]["stream"] == "layer"
    assert (found["layer"]["image"], found["layer"]["number"], found["layer"]["created_by"]) == (image, 2, "step 2")
    assert found["layer"]["source"] == "test.tar"
    text = ll("blame", "one:/etc/motd")
    assert "built by step 2" in text
    assert "from test.tar" in text


def test_who_first_brought_an_image_in_is_who_brought_it(ll: Layerlog) -> None:
    with_loaded(ll, "far:1", source="first.tar")
    first = ll.head()[1]
    with_loaded(ll, "again:1", source="second.tar")
    assert ll.json("blame", "far:1:/etc/motd")[0]["content"]["layer"]["source"] == "first.tar"
    assert ll.json("log", "far:1")[0]["source"] == "first.tar"
    assert ll.json("show", "again:1")[0]["source"] == "first.tar"
    assert ll.json("events", "--from", str(first + 1))[0]["detail"]["source"] == "second.tar"
    since = ll.json("find", "--path", "/etc/motd")[0]["since"]
    assert since == ll.json("show", "far:1")[0]["loaded"]
    assert f"loaded   {local(from_rfc3339(since))} from first.tar" in ll("blame", "far:1:/etc/motd")


def test_blame_of_a_deleted_path_says_who_and_what_it_was(ll: Layerlog) -> None:
    digest = ll.entry("web:/etc/motd")["digest"]
    ll("delete", "-r", "web:/etc")
    found = ll.json("blame", "web:/etc/motd")[0]
    assert (found["there"], found["last_content"]) == (False, digest)
    assert found["removed"]["event"]["path"] == "/etc"
    text = ll("blame", "web:/etc/motd")
    assert "/etc/motd is not there" in text
    before = re.search(r"^last: .*`layerlog (cat \S+:/etc/motd)`$", text, re.MULTILINE)
    assert before is not None
    assert ll(*before[1].split()) == "hello\n"
    assert "no event was ever about it" in ll.refused("blame", "web:/nonesuch")
    assert ll("blame", "web:/") == "/\nthe root of every view; no event made it\n"


def test_blame_refuses_what_has_no_path(ll: Layerlog) -> None:
    assert "name a path" in ll.refused("blame", "web")


def lines_of(ll: Layerlog, place: str) -> list[tuple[str, str]]:
    """Return (text, path then) of each line, with the command that brought it."""
    return [(row["text"], row["path"]) for row in ll.json("blame", "--lines", place)]


def test_blame_lines_says_who_brought_each(ll: Layerlog) -> None:
    ll("write", "--text", "one\ntwo\nthree\n", "web:/f")
    ll("commit", "-m", "first", "web")
    ll("write", "--text", "zero\none\n2\nthree\n", "web:/f")
    rows = ll.json("blame", "--lines", "web:/f")
    assert [(row["text"], row["commit"] is not None) for row in rows] == [("zero", False), ("one", True), ("2", False), ("three", True)]
    text = ll.lines("blame", "--lines", "web:/f")
    assert text[0].startswith("(unsealed)")
    assert text[0].endswith(" 1) zero")


def test_blame_lines_goes_through_moves_links_and_edits_but_not_through_deletes(ll: Layerlog) -> None:
    ll("write", "--text", "one\n", "web:/a")
    ll("move", "web:/a", "web:/b")
    ll("write", "--text", "one\ntwo\n", "web:/b")
    ll("link", "web:/b", "web:/c")
    assert lines_of(ll, "web:/c") == [("one", "/a"), ("two", "/b")]
    ll("delete", "web:/b")
    ll("write", "--text", "one\ntwo\n", "web:/b")
    assert len({row["position"] for row in ll.json("blame", "--lines", "web:/b")}) == 1


def test_blame_lines_of_many_versions_is_exact(ll: Layerlog) -> None:
    """Each line bears the number of the version that brought it."""
    lines: list[str] = []
    expected: list[int] = []
    with ll.writer() as writer:
        container = web_of(ll)
        view = live_view(writer.store, container)
        for number in range(60):
            lines.insert(number * 7 % (len(lines) + 1), f"line {number}")
            if number % 5 == 4:
                lines.pop(number % len(lines))
            data = "\n".join(lines).encode()
            commands.record(writer, container, [put(b"f", 0o100644, content=writer.content.put(data), size=len(data))], view)
        first = writer.log.head().position - 59
    expected = [int(line.split()[1]) + first for line in lines]
    assert [row["position"] for row in ll.json("blame", "--lines", "web:/f")] == expected


def test_blame_lines_refuses_what_has_no_lines(ll: Layerlog) -> None:
    ll("write", "web:/bin.dat", stdin=b"a\0b")
    assert "is binary" in ll.refused("blame", "--lines", "web:/bin.dat")
    assert "no regular file" in ll.refused("blame", "--lines", "web:/etc")
    ll("write", "web:/large", stdin=b"x" * (5 << 20))
    assert "--lines takes files of up to" in ll.refused("blame", "--lines", "web:/large")
    ll("write", "web:/empty", stdin=b"")
    assert ll("blame", "--lines", "web:/empty") == ""


@pytest.mark.parametrize(
    ("author", "shown"),
    [("Ada Lovelace <ada@example.org>", "Ada Lovelace"), ("Bartholomew Featherstonehaugh-Cholmondeley <b@x>", "Bartholomew Featherstonehaugh-Cholmondeley"),
     ("ci@example.org", "ci@example.org"), ("<only@an.address>", "<only@an.address>"), ("多 语 言", "多 语 言"), ("a\nb <x>", "a\\nb")],
)  # fmt: skip
def test_blame_lines_cuts_no_name(ll: Layerlog, monkeypatch: pytest.MonkeyPatch, author: str, shown: str) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Bo <b@x>")
    ll("write", "--text", "one\n", "web:/f")
    monkeypatch.setenv("LAYERLOG_AUTHOR", author)
    ll("write", "--text", "one\ntwo\n", "web:/f")
    lines = ll.lines("blame", "--lines", "web:/f")
    assert [re.findall(r".*?@\d+ \((.+?) +\d{4}-", line) for line in lines] == [["Bo"], [shown]]
    assert len({line.index(" 20") for line in lines}) == 1


def test_blame_lines_escapes_what_a_terminal_would_obey(ll: Layerlog) -> None:
    ll("write", "web:/f", stdin=b"a\x1b[31m\tb\n")
    assert ll("blame", "--lines", "web:/f").endswith(") a\\x1b[31m\tb\n")
