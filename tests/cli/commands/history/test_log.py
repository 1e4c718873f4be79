"""log, on a container over an image born here, and on one loaded from elsewhere."""

import json
import os
import time
from typing import Any

from eventstore.model.changes import attributes, delete, link, move, put
from eventstore.store import commands
from eventstore.store.store import Store
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog, with_loaded

NASTY = "first\nsecond \x1b[31mred\n\ncommit 00 forged \u202eright to left"


def web_of(ll: Layerlog) -> str:
    return str(ll.json("ps")[0]["id"])


def items(ll: Layerlog, *args: str) -> list[dict[str, Any]]:
    """The rows of `log` with these arguments, `--` and paths at the end."""
    return [json.loads(line) for line in ll.lines("log", "--format", "json", *args)]


# -- log


def test_log_of_many_commits_says_of_each_what_is_its_own(ll: Layerlog) -> None:
    for number in range(12):
        ll("write", "--text", str(number), "web:/f")
        ll("write", "--text", str(number), f"web:/g{number}")
        ll("commit", "-m", str(number), "web", "app:odd" if number % 2 else f"app:{number}")
    tags = [["app:odd"] if number == 11 else [] if number % 2 else [f"app:{number}"] for number in range(11, -1, -1)]
    found = [(row["message"], row["tags"]) for row in items(ll, "-n", "12", "web")]
    assert found == [(str(number), names) for number, names in zip(range(11, -1, -1), tags, strict=True)]
    rows = items(ll, "web", "--", "/f")
    assert [(row["message"], row["tags"]) for row in rows] == found
    commits = {row["commit"]: row for row in ll.json("log", "web")}
    for row in rows:
        (event,) = row["events"]
        assert commits[row["commit"]]["from"] <= event["version"] <= row["version"]
    assert [row["message"] for row in items(ll, "-n", "3", "web", "--", "/f")] == ["11", "10", "9"]


def test_log_with_changes_tells_of_the_config_too(ll: Layerlog) -> None:
    ll("config", "web", "--env", "PORT=80")
    ll("commit", "-m", "one", "web")
    ll("config", "web", "--env", "PORT=8080")
    ll("write", "--text", "x", "web:/f")
    ll("commit", "-m", "two", "web")
    for way in ("-p", "--stat", "--name-status"):
        assert [line for line in ll.lines("log", way, "-1", "web") if " ENV " in line] == ["- ENV PORT=80", "+ ENV PORT=8080"]
        assert "ENV" not in ll("log", way, "web", "--", "/f")
    assert "ENV" not in ll("log", "--name-only", "web")
    two, one, *below = items(ll, "-p", "web")
    assert [[(change["change"], change["name"], change["after"]) for change in row["config_changes"]] for row in (two, one)] == [
        [("C", "PORT", "8080")], [("A", "PORT", "80")],
    ]  # fmt: skip
    assert all(row["config_changes"] == [] for row in below)


def test_log_of_the_whole_store_with_changes_tells_of_layers_too(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    ll("create", "--name", "over", "far:1")
    of_layers = [(row["layer"], row["changes"]) for row in items(ll, "-p", "over") if row["layer"]]
    assert of_layers
    assert all(changes for _, changes in of_layers)
    for asked in ((), ("--all",), ("--until", "now")):
        assert [(row["layer"], row["changes"]) for row in items(ll, "-p", *asked) if row["layer"]] == of_layers
    assert "\nA /bin/sh\n" in ll("log", "--name-status")


def test_log_shows_own_commits_and_those_below(ll: Layerlog) -> None:
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


def test_log_of_an_imported_image_has_an_entry_for_each_layer(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    rows = ll.json("log", "far:1")
    assert [(row["number"], row["created_by"], row["source"]) for row in rows] == [(2, "step 2", "test.tar"), (1, "step 1", "test.tar")]
    assert rows[0]["tags"] == ["localhost/far:1"]
    assert rows[1]["tags"] == []


def test_log_goes_through_forks_to_the_layers(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "1", "one:/f")
    ll("commit", "-m", "on far", "one")
    ll("fork", "one", "--name", "two")
    ll("write", "--text", "2", "two:/f")
    ll("commit", "-m", "on one", "two")
    assert [line.split(maxsplit=1)[1] for line in ll.lines("log", "--oneline", "two")] == ["on one", "on far", "(localhost/far:1) step 2", "step 1"]
    assert [line.split(maxsplit=1)[1] for line in ll.lines("log", "--oneline", "one@3")] == ["on far", "(localhost/far:1) step 2", "step 1"]


def test_log_filters(ll: Layerlog) -> None:
    for number, author in enumerate(["Ada <a@x>", "Bo <b@x>", "Ada <a@x>"]):
        ll("write", "--text", str(number), "web:/f")
        ll("commit", "-m", f"number {number}", "-a", author, "web")

    def messages(*args: str) -> list[str]:
        return [row["message"] for row in ll.found("log", "web", *args)]

    assert messages("--author", "Bo") == ["number 1"]
    assert messages("--author", "^Ada <") == ["number 2", "number 0"]
    assert messages("--grep", "[01]$") == ["number 1", "number 0"]
    assert messages("-n", "1") == ["number 2"]
    assert messages("-n", "2", "--reverse") == ["number 1", "number 2"]
    assert messages("-1") == messages("-2", "-1") == ["number 2"]
    assert messages("-12") == messages()
    assert messages("--grep", "-1") == []
    assert messages("--actor", r"uid 1000\)") == ["base"]
    assert messages("--since", "2 hours ago") == ["number 2", "number 1", "number 0", "base"]
    assert messages("--since", "yesterday") == messages("--since", "10m") == messages()
    assert messages("--until", "2 hours ago") == []
    assert messages("--author", "nobody") == []
    assert [row["message"] for row in ll.json("log", "--author", "Ada")] == ["number 2", "number 0", "base"]
    assert [row["message"] for row in ll.json("log")] == ["number 2", "number 1", "number 0", "base"]


def test_log_patterns_match_line_by_line(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", "title\n\nFixes 77\nSigned-off-by: Bo", "web")
    assert [row["message"][:5] for row in ll.json("log", "web", "--grep", "^Fixes 77$")] == ["title"]


def test_log_until_and_since_are_the_times_of_commits(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", "later", "web")
    later = ll.json("log", "web")[0]["time"]
    assert [row["message"] for row in ll.json("log", "web", "--since", later)] == ["later"]
    assert [row["message"] for row in ll.json("log", "web", "--until", later)] == ["later", "base"]


def test_log_of_a_path_groups_events_under_their_commits(ll: Layerlog) -> None:
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


def test_log_of_a_path_knows_deletes_above_moves_and_links(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/srv/motd")
    ll("chmod", "600", "web:/srv/motd")
    ll("move", "web:/etc", "web:/conf")
    ll("delete", "-r", "web:/conf")

    def kinds(*args: str) -> list[str]:
        return [e["event"] for row in items(ll, *args) for e in row["events"]]

    assert kinds("web", "--", "etc/motd") == ["PathMoved", "AttributesChanged", "FileWritten"]
    assert kinds("web", "--", "conf/motd") == ["PathDeleted", "PathMoved"]
    assert kinds("--follow", "web", "--", "conf/motd") == ["PathDeleted", "PathMoved", "AttributesChanged", "FileWritten"]
    assert kinds("web", "--", "srv/motd") == ["AttributesChanged", "LinkMade"]
    assert kinds("--follow", "web", "--", "srv/motd") == ["AttributesChanged", "LinkMade", "FileWritten"]


def test_log_of_prefixes_and_globs(ll: Layerlog) -> None:
    ll("write", "-p", "--text", "1", "web:/srv/a/x.conf")
    ll("write", "--text", "1", "web:/srv/y.conf")
    ll("delete", "-r", "web:/srv/a")

    def touched(*paths: str) -> list[str]:
        return [e["path"] for row in items(ll, "-n", "1", "web", "--", *paths) for e in row["events"]]

    assert touched("srv/a") == ["/srv/a", "/srv/a/x.conf", "/srv/a"]
    assert touched("*.conf") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf"]
    assert touched("srv/y.conf", "srv/a/x.conf") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf"]
    assert touched("/") == ["/srv/a", "/srv/y.conf", "/srv/a/x.conf", "/srv/a"]
    for shape in ("text", "json"):
        assert ll.nothing_found("log", "web", "--format", shape, "--", "nonesuch") == "no event that was asked for is about nonesuch in web"
    assert ll.nothing_found("log", "--author", "nobody", "web:/etc/motd") == "no event that was asked for is about web:/etc/motd"
    assert ll("log", "-0", "web", "--", "nonesuch") == ""


def test_log_of_a_path_in_imported_layers(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    rows = items(ll, "far:1", "--", "etc/motd")
    assert [(row["number"], [e["event"] for e in row["events"]]) for row in rows] == [(2, ["FileWritten"]), (1, ["FileWritten"])]


def test_log_stat_and_patch(ll: Layerlog) -> None:
    ll("write", "--text", "hello\nworld\n", "web:/etc/motd")
    ll("chmod", "600", "web:/etc/passwd")
    ll("write", "--text", "new\n", "web:/new")
    ll("commit", "-m", "x", "web")
    stat = ll.lines("log", "--stat", "-n", "1", "web")
    assert stat[-5:] == [" /etc/motd   | 1 +", " /etc/passwd | attributes", " /new        | 1 +", " 3 paths changed, 2 insertions(+)", ""]
    patch = ll.lines("log", "-p", "-n", "1", "web")
    assert "+world" in patch
    assert "old mode 100644" in patch
    only = ll.lines("log", "-p", "-n", "1", "web", "--", "new")
    assert "+new" in only
    assert "+world" not in only
    assert ll.lines("log", "--oneline", "--name-status", "-1", "web")[1:] == ["C /etc/motd", "C /etc/passwd", "A /new"]
    assert ll.lines("log", "--oneline", "--name-only", "-1", "web")[1:] == ["/etc/motd", "/etc/passwd", "/new"]
    assert ll.lines("log", "--oneline", "--name-only", "-1", "web", "--", "new")[-1] == "/new"
    changes = ll.json("log", "--stat", "-n", "1", "web")[0]["changes"]
    assert ll.json("log", "--name-only", "-n", "1", "web")[0]["changes"] == changes
    assert [(row["change"], row["path"]) for row in changes] == [("C", "/etc/motd"), ("C", "/etc/passwd"), ("A", "/new")]
    assert (changes[0]["before"]["size"], changes[0]["after"]["size"]) == (6, 12)


def test_who_touched_a_path_anywhere(ll: Layerlog) -> None:
    """In containers (a fork's, a removed one's), sealed or not, and in layers from elsewhere: each event once, the latest first."""
    with_loaded(ll, "far:1")
    ll("write", "--text", "1", "web:/etc/motd")
    ll("commit", "-m", "one", "web", "app:1")
    ll("fork", "web", "--name", "two")
    ll("delete", "two:/etc/motd")
    ll("create", "--name", "gone", "app:1")
    ll("write", "--text", "2", "gone:/etc/motd")
    ll("rm", "gone")
    items = list(map(json.loads, ll.lines("log", "--all", "--format", "json", "--", "/etc/motd")))
    touched = [event["position"] for item in items for event in item["events"]]
    about = [row["position"] for row in ll.json("events", "--filter", "path=/etc/motd")]
    assert sorted(touched) == about
    assert max(about) in [event["position"] for event in items[0]["events"]]
    assert "no event that was asked for is about /nonesuch" in ll.nothing_found("log", "--all", "--", "/nonesuch")


def test_log_refuses_what_makes_no_sense(ll: Layerlog) -> None:
    assert "in place of --all" in ll.refused("log", "--all", "-p", "--", "etc")
    assert "--grep" in ll.refused("log", "--grep", "(", "web")
    assert "nonesuch" in ll.refused("log", "nonesuch")
    assert "time" in ll.refused("log", "--since", "yesterdayish", "web")
    assert ll.run("log", "-n", "-1", "web").exit_code == 2


def test_a_pattern_that_would_take_for_ever_is_stopped(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    ll("commit", "-m", "a" * 60 + "!", "web")
    begun = time.monotonic()
    assert "takes over 2 s" in ll.refused("log", "--grep", "(a|aa)+$", "web")
    assert time.monotonic() - begun < 20


def test_nasty_text_forges_no_line(ll: Layerlog) -> None:
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


def test_a_message_of_ten_megabytes_is_kept_and_one_line_stays_one_line(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    with ll.writer() as writer:
        container = web_of(ll)
        commands.commit(writer, container, parent=None, message="x" * (10 << 20), author="y" * (10 << 20))
    assert len(ll("log", "--oneline", "-n", "1", "web")) < 200
    assert len(ll.json("log", "-n", "1", "web")[0]["message"]) == 10 << 20
    assert len(ll("audit", "--commits").splitlines()) == 3


def test_authors_and_paths_that_are_not_utf_8(ll: Layerlog) -> None:
    name = os.fsdecode(b"caf\xe9")
    ll("write", "--text", "1", f"web:/{name}")
    ll("commit", "-m", "x", "-a", f"Ren{os.fsdecode(bytes([0xe9]))}", "web")
    assert [row["message"] for row in ll.json("log", "--author", "^Ren", "web")] == ["x"]
    assert "Ren\\xe9" in ll("log", "-n", "1", "web")
    event = items(ll, "web", "--", name)[0]["events"][0]
    assert event["path_b64"] == "L2NhZuk="
    assert ll.json("blame", f"web:/{name}")[0]["content"]["event"]["path_b64"] == "L2NhZuk="


# -- show




def test_history_is_unchanged_by_a_cache_that_is_gone(ll: Layerlog) -> None:
    ll("write", "--text", "one", "web:/f")
    before = [ll("log", "web"), ll("blame", "web:/f"), ll("log", "--graph")]
    for folder, _, files in os.walk(os.path.join(ll.store, "cache")):
        for name in files:
            os.unlink(os.path.join(folder, name))
    assert [ll("log", "web"), ll("blame", "web:/f"), ll("log", "--graph")] == before


def test_every_kind_of_touch_reads_as_one_line(ll: Layerlog) -> None:
    with Store.open_or_create(ll.store) as store, ll.writer() as writer:
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
