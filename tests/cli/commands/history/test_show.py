"""`show`: one commit, one event, one image that came from outside."""

import re
from itertools import count

import pytest

from tests.cli.invoking import Layerlog, with_loaded


def test_show_of_a_commit_lists_what_it_changed(ll: Layerlog) -> None:
    ll("write", "--text", "one", "web:/f")
    ll("delete", "web:/etc/motd")
    ll("commit", "-m", "title", "web", "app:1")
    identity = ll.json("log", "web")[0]["commit"]
    for name in (identity, identity[:12], "app:1", "web"):
        lines = ll.lines("show", name)
        assert lines[0] == f"commit {identity} (app:1)"
        assert lines[-2:] == ["D /etc/motd", "A /f"]
    assert "+one" in ll("show", "-p", "app:1")
    assert ll.lines("show", "--name-status", "app:1") == ll.lines("show", "app:1")
    assert ll.lines("show", "--name-only", "app:1")[-2:] == ["/etc/motd", "/f"]
    assert ll.lines("show", "--stat", "app:1")[-1] == " 2 paths changed, 1 insertion(+), 1 deletion(-)"
    row = ll.json("show", "app:1")[0]
    assert [(c["change"], c["path"]) for c in row["changes"]] == [("D", "/etc/motd"), ("A", "/f")]


def test_show_of_an_event_by_position_and_by_version(ll: Layerlog) -> None:
    ll("write", "--text", "one", "web:/f")
    head = ll.head()[1]
    assert ll("show", str(head)) == ll("show", "web@2")
    lines = ll.lines("show", "web@2")
    assert lines[0] == "event web@2 FileWritten"
    assert f"position:  {head}" in lines
    assert "path:      /f" in lines
    assert "author:    Ada <ada@example.org> (claimed)" in lines
    assert "known:     recorded" in lines
    row = ll.json("show", "web@2")[0]
    assert (row["position"], row["path"], row["size"], row["mode"]) == (head, "/f", 3, "100644")


def test_show_of_an_imported_image_is_its_uppermost_layer_and_how_it_came(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    for name in ("far:1", image, image[:12]):
        assert ll.lines("show", name) == ll.lines("show", "far:1~0")
        assert ll.json("show", name) == ll.json("show", "far:1~0")
    text = ll("show", "far:1")
    assert re.match(r"layer [0-9a-f]{64} \(localhost/far:1\)\n", text)
    for told in (f"Image:  {image[:12]}, layer 2 of 2\n", "Loaded: ", " from test.tar\n", "Loader: ", "    step 2\n", "C /etc/motd\n"):
        assert told in text
    position = ll.json("show", "far:1")[0]["position"]
    assert ll.lines("show", f"{position}")[0] == f"event {position} ImageLoaded"


def test_show_of_an_image_without_layers_is_how_it_came(ll: Layerlog) -> None:
    with_loaded(ll, "none:1", tars=[])
    assert ll.lines("show", "none:1")[0].endswith(" ImageLoaded")


def test_show_refuses_what_is_not_there(ll: Layerlog) -> None:
    assert "has no commit yet" in ll.refused("show", "web")
    assert "web@99" in ll.refused("show", "web@99").replace("'", "") or "version 99" in ll.refused("show", "web@99")
    last = ll.head()[1]
    ids = [value for row in ll.json("events") for value in (row["name"], row["id"] or "")]  # random ones begin as they like
    free = (f"{number}" for number in count(last + 1) if not any(name.startswith(f"{number}") for name in ids))
    zeros = next("0" * n for n in count(2) if not any(name.startswith("0" * n) for name in ids))
    for number in ("999999999999", "0", zeros, next(free), "9" * 5000, "\u0663\u0663"):
        for command in ("show", "prove"):
            assert ll.refused(command, number).startswith(f"no such event: {number[:40]}; there are 1 to {last}, ")
    assert "such event" not in ll.refused("show", "99999f")


def test_what_an_event_states_is_told_in_words(ll: Layerlog) -> None:
    """Whatever the kind, in lines that a terminal holds, without JSON; `mode` as `ls` has it."""
    with_loaded(ll, "far:1", "far:2")
    ll("commit", "--change", "ENV A=1 B=2", "--change", 'CMD ["a", "b"]', "-m", "title\n\nbody", "web", "app:1")
    ll("chmod", "4711", "web:/etc/motd")
    ll("mkdir", "web:/d")
    for row in ll.json("events"):
        lines = ll.lines("show", str(row["position"]))
        assert not [line for line in lines if "{" in line or '"digest"' in line or line.endswith(": ")], lines
        assert max(map(len, lines)) < 200, lines
        mode = [line.split()[1] for line in lines if line.startswith("mode:")]
        assert mode == ([f"{int(row['mode'], 8) & 0o7777:04o}"] if row["mode"] else [])
    text = ll("show", str(ll.json("show", "far:1")[0]["position"]))
    assert "detail:    layers: " in text or "           layers: " in text
    assert "           names: docker.io/library/far:1, docker.io/library/far:2" in text or "localhost/far:1, localhost/far:2" in text


@pytest.mark.parametrize(
    "place", ["web:/etc/motd", "base:1:/etc/motd", "web@2:/etc/motd", "web:/etc", "web:/", "web:/bin", "web:/etc/./motd", "web:/nosuch"]
)
def test_show_of_a_path_is_cat_of_a_file_and_ls_of_a_directory(ll: Layerlog, place: str) -> None:
    """As git's REF:PATH; what else show can do of a commit is refused."""
    ll("write", "--text", "new", "web:/etc/motd")
    done = ll.run("show", place)
    theirs = [ll.run(command, place) for command in ("cat", "ls")]
    if place.endswith("nosuch"):
        assert (done.exit_code, done.stdout) == (1, "")
        assert "/nosuch" in done.stderr
    else:
        assert (done.exit_code, done.stdout) == (0, theirs[place.partition(":/")[2] in ("etc", "", "bin")].stdout)
        for options in (["-p"], ["--stat"], ["--format", "json"], ["-U", "1"]):
            assert "layerlog stat --format json" in ll.refused("show", *options, place)
