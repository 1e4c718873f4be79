"""`events`: every event in order, as JSON and as a table, and as they come."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventstore.model.changes import put
from eventstore.store import commands
from eventstore.store.store import Store
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog, with_loaded, write_and_commit
from tests.cli.running import ROOT, clean


def test_events_are_all_events_in_order_with_all_keys(ll: Layerlog) -> None:
    rows = [json.loads(line) for line in ll.lines("events")]
    assert [row["position"] for row in rows] == list(range(1, ll.head()[1] + 1))
    assert len({tuple(row) for row in rows}) == 1
    assert rows[0]["event"] == "StoreCreated"
    motd = next(row for row in rows if row["path"] == "/etc/motd")
    assert (motd["event"], motd["stream"], motd["mode"], motd["size"], motd["known"]) == ("FileWritten", "container", "100644", 6, "recorded")
    assert motd["content"].startswith("sha256:")
    link = next(row for row in rows if row["path"] == "/bin")
    assert link["target"] == "usr/bin"


def test_events_can_be_resumed(ll: Layerlog) -> None:
    whole = ll.lines("events")
    half = len(whole) // 2
    first = ll.lines("events", "--to", str(half))
    last = json.loads(first[-1])["position"]
    assert first + ll.lines("events", "--from", str(last + 1)) == whole
    assert ll("events", "--from", "100000") == ""
    assert ll("events", "--to", "2", "--follow").count("\n") == 2


def test_events_between_times(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    rows = ll.lines("events")
    times = [json.loads(row)["time"] for row in rows]
    assert ll.lines("events", "--since", times[-1]) == rows[-1:]
    assert ll.lines("events", "--until", times[0]) == rows[:1]
    assert ll.lines("events", "--since", times[0], "--until", times[-1], "--from", "3", "--to", "4") == rows[2:4]
    assert ll("events", "--since", "2130-01-01") == ""
    assert "give one of them" in ll.run("events", "--follow", "--until", times[0]).stderr


def test_events_filtered(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/srv/x.conf")
    ll("chmod", "600", "web:/etc/motd")
    with_loaded(ll, "far:1")

    def names(*filters: str) -> list[str]:
        return [json.loads(line)["event"] for line in ll.lines("events", *(f"--filter={f}" for f in filters))]

    assert names("stream=web") == ["ContainerCreated", "FileWritten", "AttributesChanged"]
    assert names("stream=web", "path=/etc") == ["AttributesChanged"]
    assert names("stream=web", "path=*.conf", "path=/etc") == ["FileWritten", "AttributesChanged"]
    assert names("stream=web", "kind=filewritten") == ["FileWritten"]
    ll("move", "web:/srv/x.conf", "web:/srv/y")
    assert names("stream=web", "path=/srv/x.conf") == ["FileWritten", "PathMoved"]
    assert names("stream=far:1") == ["TagMoved"]
    assert names("stream=tag") == ["TagMoved", "TagMoved"]
    assert names("author=^Ada", "kind=FileWritten") == ["FileWritten"]
    assert set(names("actor=ada@test")) > {"ContainerCreated", "FileWritten", "Committed"}
    assert "KEY=VALUE" in ll.refused("events", "--filter", "colour=red")
    assert "no kind of event" in ll.refused("events", "--filter", "kind=Nonesuch")
    assert "no stream" in ll.refused("events", "--filter", "stream=nonesuch")
    assert "regular expression" in ll.refused("events", "--filter", "author=(")


def test_events_as_a_table_are_one_line_each(ll: Layerlog) -> None:
    write_and_commit(ll, "1", "-m", "first\x1b[2J\u202e\n=cmd()", "web")
    assert len(ll.lines("events", "--format", "table")) == ll.head()[1]


def test_events_as_a_table_say_whose_they_are(ll: Layerlog) -> None:
    ll("commit", "--allow-empty", "web", "site:named")
    commit, tag = ll.lines("events", "--format", "table")[-2:]
    image = ll.json("images", "site")[0]["id"].removeprefix("sha256:")[:12]
    assert tag.endswith(f" TagMoved site:named to {image}")
    assert commit.endswith(f" as {image}")
    assert ll.run("tag", "base:1", "site:named").exit_code == 0
    ll("rmi", "site:named")
    base = ll.json("images", "base")[0]["id"].removeprefix("sha256:")[:12]
    moved, deleted = ll.lines("events", "--format", "table")[-2:]
    assert moved.endswith(f" TagMoved site:named to {base} from {image}")
    assert deleted.endswith(f" TagDeleted site:named from {base}")


def test_events_as_a_table_name_the_container_or_image_and_the_author(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Grace Hopper <grace@example.org>")
    ll("write", "--text", "1", "web:/f")
    ll("save", "-o", f"{ll.store}.tar", "base:1")
    written, saved = ll.lines("events", "--format", "table")[-2:]
    assert f"web@{ll.json('events')[-2]['version']}" in written
    assert "  Grace Hopper  FileWritten /f" in written
    assert " base:1 " in saved
    assert "  Grace Hopper  ImageSaved" in saved


@pytest.mark.parametrize("command", ["log", "audit"])
def test_an_empty_time_is_no_time(ll: Layerlog, command: str) -> None:
    assert ll.refused(command, "--since", "").startswith("time '': not understood")


def test_a_follower_sees_every_event_once(ll: Layerlog) -> None:
    """Events appended by others while it waits come out at once, in order, none twice."""
    start = ll.head()[1] + 1
    program = "from cli.main import main; main()"
    argv = [sys.executable, "-c", program, "--store", ll.store, "events", "--from", str(start), "-f", "--to", str(start + 29)]
    follower = subprocess.Popen(argv, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, text=True)
    try:
        with Store.open_or_create(ll.store), ll.writer() as writer:
            container = ll.json("ps")[0]["id"]
            view = live_view(writer.store, container)
            for number in range(10):
                nodes = [put(b"f%d" % n, 0o100644, mtime=number) for n in range(3)]
                commands.record(writer, container, nodes, view)
                time.sleep(0.03)
        out, _ = follower.communicate(timeout=30)
    finally:
        follower.kill()
    assert [json.loads(line)["position"] for line in out.splitlines()] == list(range(start, start + 30))


@pytest.mark.parametrize("in_its_place", ["nothing", "a backup", "a new one"])
def test_a_follower_notices_that_its_store_was_replaced(ll: Layerlog, tmp_path: Path, in_its_place: str) -> None:
    backup = str(tmp_path / "backup")
    ll("backup", backup)
    last = ll.head()[1]
    argv = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "events", "--from", str(last), "-f"]
    follower = subprocess.Popen(argv, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["position"] == last
        os.rename(ll.store, tmp_path / "away")
        if in_its_place == "a backup":
            ll("backup", "--restore", backup)
        elif in_its_place == "a new one":
            ll("create", "--name", "new", "scratch")
        _, said = follower.communicate(timeout=30)
    finally:
        follower.kill()
    assert follower.returncode == 1
    assert "was moved away or replaced" in said
    assert f"--from {last + 1}" in said


@pytest.mark.parametrize("wanted", ["4755", "-4000", "/6000", "2755", "-6000", "/0002", "0", "-0", "644"])
def test_events_by_the_mode_that_they_give_are_as_find_has_it(ll: Layerlog, wanted: str) -> None:
    """Whatever gave it: a write, a chmod, a directory made; never a symlink, which has none of its own."""
    ll("write", "--mode", "4755", "--text", "x", "web:/a")
    ll("write", "--text", "x", "web:/b")
    ll("chmod", "6755", "web:/b")
    ll("chmod", "u-s", "web:/b")
    ll("mkdir", "web:/d")
    ll("chmod", "1777", "web:/d")
    ll("link", "-s", "/a", "web:/l")
    ll("move", "web:/a", "web:/m")
    bits = int(wanted.strip("-/"), 8)
    expected = []
    for row in (json.loads(line) for line in ll.lines("events")):
        if row["mode"] is None or row["mode"].startswith("12") or row["event"] in ("PathMoved", "PathDeleted"):
            continue
        mode = int(row["mode"][-4:], 8)
        if {"-": mode & bits == bits, "/": bool(mode & bits)}.get(wanted[0], mode == bits):
            expected.append(row["path"])
    found = [json.loads(line)["path"] for line in ll.lines("events", "--filter", f"mode={wanted}")]
    assert found == expected
    if wanted == "/6000":
        assert {"/a", "/b"} <= {*found}


@pytest.mark.parametrize("wanted", ["u+s", "9", "+4000", "", "77777", "--4", "\u0664"])
def test_a_mode_that_is_none_is_refused(ll: Layerlog, wanted: str) -> None:
    assert "write it in octal" in ll.refused("events", "--filter", f"mode={wanted}")
