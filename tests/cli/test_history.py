"""log, show and blame, on a container over an image born here, and on one loaded from elsewhere."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from eventstore import commands
from eventstore.changes import attributes, delete, link, move, put
from eventstore.store import Store
from projections.containers import live_view
from tests.cli.invoking import Layerlog, with_base, with_loaded

NASTY = "first\nsecond \x1b[31mred\n\ncommit 00 forged \u202eright to left"


@pytest.fixture
def ll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Ada <ada@example.org>")
    return with_base(tmp_path / "store")


def said(text: str) -> str:
    """*text* without the times, ids and names of this machine."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "ID", text)


def web_of(ll: Layerlog) -> str:
    return str(ll.json("ps")[0]["id"])


def items(ll: Layerlog, *args: str) -> list[dict[str, Any]]:
    """The rows of `log` with these arguments, `--` and paths at the end."""
    return [json.loads(line) for line in ll.lines("log", "--format", "json", *args)]


# -- log


def test_log_shows_own_commits_and_those_below(ll):
    ll("write", "--text", "one", "web:/f")
    ll("commit", "-m", "title\n\nbody", "-a", "Bo <bo@x>", "web", "app:1")
    lines = ll("log", "web").splitlines()
    assert lines[0].endswith(" (app:1)")
    assert lines[1] == "Author: Bo <bo@x> (claimed)"
    assert lines[2].startswith("Actor:  ")
    assert lines[2].endswith(" (observed)")
    assert lines[3].startswith("Date:   20")
    assert lines[4:8] == ["", "    title", "", "    body"]
    assert "    base" in lines
    assert [row["message"] for row in ll.json("log", "web")] == ["title\n\nbody", "base"]


def test_log_of_an_imported_image_has_an_entry_for_each_layer(ll):
    with_loaded(ll, "far:1")
    rows = ll.json("log", "far:1")
    assert [(row["number"], row["created_by"], row["source"]) for row in rows] == [(2, "step 2", "test.tar"), (1, "step 1", "test.tar")]
    assert rows[0]["tags"] == ["localhost/far:1"]
    assert rows[1]["tags"] == []


def test_log_goes_through_forks_to_the_layers(ll):
    with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "1", "one:/f")
    ll("commit", "-m", "on far", "one")
    ll("fork", "one", "--name", "two")
    ll("write", "--text", "2", "two:/f")
    ll("commit", "-m", "on one", "two")
    assert [line.split(maxsplit=1)[1] for line in ll.lines("log", "--oneline", "two")] == ["on one", "on far", "(localhost/far:1) step 2", "step 1"]
    assert [line.split(maxsplit=1)[1] for line in ll.lines("log", "--oneline", "one@3")] == ["on far", "(localhost/far:1) step 2", "step 1"]


def test_log_filters(ll):
    for number, author in enumerate(["Ada <a@x>", "Bo <b@x>", "Ada <a@x>"]):
        ll("write", "--text", str(number), "web:/f")
        ll("commit", "-m", f"number {number}", "-a", author, "web")
    messages = lambda *args: [row["message"] for row in ll.json("log", "web", *args)]  # noqa: E731
    assert messages("--author", "Bo") == ["number 1"]
    assert messages("--author", "^Ada <") == ["number 2", "number 0"]
    assert messages("--grep", "[01]$") == ["number 1", "number 0"]
    assert messages("-n", "1") == ["number 2"]
    assert messages("-n", "2", "--reverse") == ["number 1", "number 2"]
    assert messages("--actor", r"uid 1000\)") == ["base"]
    assert messages("--since", "2 hours ago") == ["number 2", "number 1", "number 0", "base"]
    assert messages("--until", "2 hours ago") == []
    assert messages("--author", "nobody") == []
    assert [row["message"] for row in ll.json("log", "--author", "Ada")] == ["number 2", "number 0", "base"]
    assert [row["message"] for row in ll.json("log")] == ["number 2", "number 1", "number 0", "base"]


def test_log_until_and_since_are_the_times_of_commits(ll):
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", "later", "web")
    later = ll.json("log", "web")[0]["time"]
    assert [row["message"] for row in ll.json("log", "web", "--since", later)] == ["later"]
    assert [row["message"] for row in ll.json("log", "web", "--until", later)] == ["later", "base"]


def test_log_of_a_path_groups_events_under_their_commits(ll):
    ll("write", "--text", "one", "web:/etc/motd")
    ll("commit", "-m", "one", "web")
    ll("chmod", "600", "web:/etc/motd")
    rows = items(ll, "web", "--", "etc/motd")
    assert [(row.get("message"), [event["event"] for event in row["events"]]) for row in rows] == [
        (None, ["AttributesChanged"]), ("one", ["FileWritten"]), ("base", ["FileWritten"]),
    ]  # fmt: skip
    assert rows[0]["commit"] is None
    assert ll("log", "web", "--", "/etc/motd").startswith("not yet sealed (container ")
    assert items(ll, "web:/etc/motd") == rows


def test_log_of_a_path_knows_deletes_above_moves_and_links(ll):
    ll("link", "web:/etc/motd", "web:/srv/motd")
    ll("chmod", "600", "web:/srv/motd")
    ll("move", "web:/etc", "web:/conf")
    ll("delete", "-r", "web:/conf")
    kinds = lambda *args: [e["event"] for row in items(ll, *args) for e in row["events"]]  # noqa: E731
    assert kinds("web", "--", "etc/motd") == ["PathMoved", "AttributesChanged", "FileWritten"]
    assert kinds("web", "--", "conf/motd") == ["PathDeleted", "PathMoved"]
    assert kinds("--follow", "web", "--", "conf/motd") == ["PathDeleted", "PathMoved", "AttributesChanged", "FileWritten"]
    assert kinds("web", "--", "srv/motd") == ["AttributesChanged", "LinkMade"]
    assert kinds("--follow", "web", "--", "srv/motd") == ["AttributesChanged", "LinkMade", "FileWritten"]


def test_log_of_prefixes_and_globs(ll):
    ll("write", "-p", "--text", "1", "web:/srv/a/x.conf")
    ll("write", "--text", "1", "web:/srv/y.conf")
    ll("delete", "-r", "web:/srv/a")
    touched = lambda *paths: [e["path"] for row in items(ll, "-n", "1", "web", "--", *paths) for e in row["events"]]  # noqa: E731
    assert touched("srv/a") == ["/srv/a", "/srv/a/x.conf", "/srv/a"]
    assert touched("*.conf") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf"]
    assert touched("srv/y.conf", "srv/a/x.conf") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf"]
    assert touched("/") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf", "/srv/a"]
    assert ll("log", "web", "--", "nonesuch") == ""


def test_log_of_a_path_in_imported_layers(ll):
    with_loaded(ll, "far:1")
    rows = items(ll, "far:1", "--", "etc/motd")
    assert [(row["number"], [e["event"] for e in row["events"]]) for row in rows] == [(2, ["FileWritten"]), (1, ["FileWritten"])]


def test_log_stat_and_patch(ll):
    ll("write", "--text", "hello\nworld\n", "web:/etc/motd")
    ll("chmod", "600", "web:/etc/passwd")
    ll("write", "--text", "new\n", "web:/new")
    ll("commit", "-m", "x", "web")
    stat = ll.lines("log", "--stat", "-n", "1", "web")
    assert " C /etc/motd | 1+ 0-" in stat
    assert " C /etc/passwd | attributes" in stat
    assert " A /new | 1+ 0-" in stat
    assert " 3 paths: 1 added, 2 changed" in stat
    patch = ll.lines("log", "-p", "-n", "1", "web")
    assert "+world" in patch
    assert "old mode 100644" in patch
    only = ll.lines("log", "-p", "-n", "1", "web", "--", "new")
    assert "+new" in only
    assert "+world" not in only
    changes = ll.json("log", "--stat", "-n", "1", "web")[0]["changes"]
    assert changes[0] == {"change": "C", "path": "/etc/motd", "size_before": 6, "size_after": 12}


def test_log_graph_shows_what_came_from_which(ll):
    with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "1", "one:/f")
    ll("commit", "-m", "first", "one", "app:1")
    ll("create", "--name", "two", "app:1")
    lines = [re.sub(r"[0-9a-f]{12}", "ID", line) for line in ll.lines("log", "--graph", "two")]
    assert lines == [
        "image ID (localhost/far:1)",
        "`- container one (ID), 1 commit",
        "   `- commit ID (app:1) first",
        "      `- container two (ID), 0 commits, from version 3",
    ]
    whole = ll("log", "--graph")
    assert "container web" in whole
    assert "container made" in whole
    assert "removed" in whole


def test_log_refuses_what_makes_no_sense(ll):
    assert "find --path" in ll.refused("log", "--all", "--", "etc")
    assert "--grep" in ll.refused("log", "--grep", "(", "web")
    assert "nonesuch" in ll.refused("log", "nonesuch")
    assert "time" in ll.refused("log", "--since", "yesterdayish", "web")
    assert ll.run("log", "-n", "-1", "web").exit_code == 2


def test_a_pattern_that_would_take_for_ever_is_stopped(ll):
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", "a" * 60 + "!", "web")
    begun = time.monotonic()
    assert "takes over 2 s" in ll.refused("log", "--grep", "(a+)+$", "web")
    assert time.monotonic() - begun < 20


def test_nasty_text_forges_no_line(ll):
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", NASTY, "-a", "Eve\nAuthor: Ada\x1b[2J", "web")
    text = ll("log", "-n", "1", "web")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert [line for line in text.splitlines() if line.startswith(("commit", "Author"))][1:] == ["Author: Eve\\nAuthor: Ada\\x1b[2J (claimed)"]
    assert "    commit 00 forged \\u202eright to left" in text.splitlines()
    assert len(ll.lines("log", "--oneline", "-n", "1", "web")) == 1
    row = ll.json("log", "-n", "1", "web")[0]
    assert (row["message"], row["author"]) == (NASTY, "Eve\nAuthor: Ada\x1b[2J")


def test_a_message_of_ten_megabytes_is_kept_and_one_line_stays_one_line(ll):
    ll("write", "--text", "1", "web:/f")
    with ll.writer() as writer:
        container = web_of(ll)
        commands.commit(writer, container, parent=None, message="x" * (10 << 20), author="y" * (10 << 20))
    assert len(ll("log", "--oneline", "-n", "1", "web")) < 200
    assert len(ll.json("log", "-n", "1", "web")[0]["message"]) == 10 << 20
    assert len(ll("audit", "--commits").splitlines()) == 3


def test_authors_and_paths_that_are_not_utf_8(ll):
    name = os.fsdecode(b"caf\xe9")
    ll("write", "--text", "1", f"web:/{name}")
    ll("commit", "-m", "x", "-a", f"Ren{os.fsdecode(bytes([0xe9]))}", "web")
    assert [row["message"] for row in ll.json("log", "--author", "^Ren", "web")] == ["x"]
    assert "Ren\\udce9" in ll("log", "-n", "1", "web")
    event = items(ll, "web", "--", name)[0]["events"][0]
    assert event["path_b64"] == "L2NhZuk="
    assert ll.json("blame", f"web:/{name}")[0]["content"]["event"]["path_b64"] == "L2NhZuk="


# -- show


def test_show_of_a_commit_lists_what_it_changed(ll):
    ll("write", "--text", "one", "web:/f")
    ll("delete", "web:/etc/motd")
    ll("commit", "-m", "title", "web", "app:1")
    identity = ll.json("log", "web")[0]["commit"]
    for name in (identity, identity[:12], "app:1", "web"):
        lines = ll.lines("show", name)
        assert lines[0] == f"commit {identity} (app:1)"
        assert lines[-2:] == ["D /etc/motd", "A /f"]
    assert "+one" in ll("show", "-p", "app:1")
    row = ll.json("show", "app:1")[0]
    assert [(c["change"], c["path"]) for c in row["changes"]] == [("D", "/etc/motd"), ("A", "/f")]


def test_show_of_an_event_by_position_and_by_version(ll):
    ll("write", "--text", "one", "web:/f")
    head = ll.head()[1]
    assert ll("show", str(head)) == ll("show", "web@2")
    lines = ll.lines("show", "web@2")
    assert lines[0] == f"event {head} FileWritten"
    assert "path:      /f" in lines
    assert "author:    Ada <ada@example.org> (claimed)" in lines
    assert "known:     recorded" in lines
    row = ll.json("show", "web@2")[0]
    assert (row["position"], row["path"], row["size"], row["mode"]) == (head, "/f", 3, "100644")


def test_show_of_an_imported_image_is_how_it_came(ll):
    with_loaded(ll, "far:1")
    assert ll.lines("show", "far:1")[0].endswith(" ImageLoaded")


def test_show_refuses_what_is_not_there(ll):
    assert "has no commit yet" in ll.refused("show", "web")
    assert "web@99" in ll.refused("show", "web@99").replace("'", "") or "version 99" in ll.refused("show", "web@99")
    ll.refused("show", "999999")
    ll.refused("show", "0")


# -- blame


def test_blame_tells_content_name_and_attributes_apart(ll):
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


def test_blame_of_an_imported_path_names_layer_image_and_archive(ll):
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    found = ll.json("blame", "one:/etc/motd")[0]["content"]
    assert found["event"]["stream"] == "layer"
    assert (found["layer"]["image"], found["layer"]["number"], found["layer"]["created_by"]) == (image, 2, "step 2")
    assert found["layer"]["source"] == "test.tar"
    text = ll("blame", "one:/etc/motd")
    assert "built by step 2" in text
    assert "from test.tar" in text


def test_blame_of_a_deleted_path_says_who_and_what_it_was(ll):
    digest = ll.entry("web:/etc/motd")["digest"]
    ll("delete", "-r", "web:/etc")
    found = ll.json("blame", "web:/etc/motd")[0]
    assert (found["there"], found["last_content"]) == (False, digest)
    assert found["removed"]["event"]["path"] == "/etc"
    assert "/etc/motd is not there" in ll("blame", "web:/etc/motd")
    assert "no event was ever about it" in ll.refused("blame", "web:/nonesuch")
    assert ll("blame", "web:/") == "/\nthe root of every view; no event made it\n"


def test_blame_refuses_what_has_no_path(ll):
    assert "name a path" in ll.refused("blame", "web")


def lines_of(ll: Layerlog, place: str) -> list[tuple[str, str]]:
    """Return (text, path then) of each line, with the command that brought it."""
    return [(row["text"], row["path"]) for row in ll.json("blame", "--lines", place)]


def test_blame_lines_says_who_brought_each(ll):
    ll("write", "--text", "one\ntwo\nthree\n", "web:/f")
    ll("commit", "-m", "first", "web")
    ll("write", "--text", "zero\none\n2\nthree\n", "web:/f")
    rows = ll.json("blame", "--lines", "web:/f")
    assert [(row["text"], row["commit"] is not None) for row in rows] == [("zero", False), ("one", True), ("2", False), ("three", True)]
    text = ll.lines("blame", "--lines", "web:/f")
    assert text[0].startswith("(unsealed)")
    assert text[0].endswith(" 1) zero")


def test_blame_lines_goes_through_moves_links_and_edits_but_not_through_deletes(ll):
    ll("write", "--text", "one\n", "web:/a")
    ll("move", "web:/a", "web:/b")
    ll("write", "--text", "one\ntwo\n", "web:/b")
    ll("link", "web:/b", "web:/c")
    assert lines_of(ll, "web:/c") == [("one", "/a"), ("two", "/b")]
    ll("delete", "web:/b")
    ll("write", "--text", "one\ntwo\n", "web:/b")
    assert len({row["position"] for row in ll.json("blame", "--lines", "web:/b")}) == 1


def test_blame_lines_of_many_versions_is_exact(ll):
    """Each line bears the number of the version that brought it."""
    lines, expected = [], []
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


def test_blame_lines_refuses_what_has_no_lines(ll):
    ll("write", "web:/bin.dat", stdin=b"a\0b")
    assert "is binary" in ll.refused("blame", "--lines", "web:/bin.dat")
    assert "no regular file" in ll.refused("blame", "--lines", "web:/etc")
    ll("write", "web:/large", stdin=b"x" * (5 << 20))
    assert "--lines takes files of up to" in ll.refused("blame", "--lines", "web:/large")
    ll("write", "web:/empty", stdin=b"")
    assert ll("blame", "--lines", "web:/empty") == ""


def test_blame_lines_escapes_what_a_terminal_would_obey(ll):
    ll("write", "web:/f", stdin=b"a\x1b[31m\tb\n")
    assert ll("blame", "--lines", "web:/f").endswith(") a\\x1b[31m\tb\n")


def test_history_is_unchanged_by_a_cache_that_is_gone(ll):
    ll("write", "--text", "one", "web:/f")
    before = [ll("log", "web"), ll("blame", "web:/f"), ll("log", "--graph")]
    for folder, _, files in os.walk(os.path.join(ll.store, "cache")):
        for name in files:
            os.unlink(os.path.join(folder, name))
    assert [ll("log", "web"), ll("blame", "web:/f"), ll("log", "--graph")] == before


def test_every_kind_of_touch_reads_as_one_line(ll):
    with Store.open(ll.store) as store, ll.writer() as writer:
        container = web_of(ll)
        changes = [
            put(b"n\n", 0o100644), link(b"l\x1b", b"n\n"), attributes(b"n\n", 0o100600, uid=1, gid=1, mtime=1), move(b"n\n", b"m"), delete(b"m"),
        ]  # fmt: skip
        commands.record(writer, container, changes, live_view(writer.store, container))
        assert store is not writer.store
    lines = [line for line in ll.lines("log", "web", "--", "/") if line.startswith("  ")]
    shown = [line.split("  ")[-1] for line in lines[:5]]
    assert shown == [
        "PathDeleted /m", "PathMoved /m from /n\\n", "AttributesChanged /n\\n 0600 1:1", "LinkMade /l\\x1b -> /n\\n", "FileWritten /n\\n 0644 0:0",
    ]  # fmt: skip
    json.dumps(lines)
