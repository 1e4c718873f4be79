"""undo, revert, restore and undelete: all as new events, nothing rewritten, nothing done on a conflict."""

import json

import pytest

from tests.cli.invoking import BASE, Layerlog, with_loaded


def commit(ll: Layerlog, message: str, tag: str | None = None) -> str:
    return ll("commit", "-m", message, "web", *([tag] if tag else [])).strip().removeprefix("sha256:")


# -- undo


def test_undo_takes_back_the_last_change_and_can_be_undone(ll: Layerlog) -> None:
    before = ll.tree()
    ll("write", "--text", "x", "web:/f")
    ll("delete", "-r", "web:/etc")
    changed = ll.tree()
    said = ll.lines("undo", "web")
    assert said[0].endswith("PathDeleted /etc")
    assert said[1:] == ["It is as it was at web@2; `layerlog redo web` goes forward again"]
    assert ll.tree()["etc"] == BASE["etc"]
    assert "FileWritten /f" in ll("undo", "web"), "the step before, not the undoing"
    assert ll.tree() == before
    assert "has no change to take back" in ll.refused("undo", "web")
    assert ll.lines("redo", "web", "2")[-1] == "It is as it was at web@3; `layerlog undo web 2` goes back again"
    assert ll.tree() == changed
    assert "has no change that `undo` took back and nothing newer replaced" in ll.refused("redo", "web")


def test_a_change_after_an_undo_begins_a_new_line(ll: Layerlog) -> None:
    for text in "123":
        ll("write", "--text", text, "web:/f")
    ll("undo", "web", "2")
    ll("write", "--text", "new", "web:/g")
    assert "has no change that `undo` took back" in ll.refused("redo", "web")
    ll("undo", "web")
    assert ll.tree()["f"] == b"1"
    assert "f" not in (ll("undo", "web") and ll.tree())
    assert "no change to take back" in ll.refused("undo", "web")
    assert ll("cat", "web@4:/f") == "3", "all of it stays in the history"


def test_undo_of_several_says_what_it_took_back(ll: Layerlog) -> None:
    before = ll.tree()
    ll("write", "-p", "--text", "x", "web:/a/b/f")
    ll("chmod", "600", "web:/etc/motd")
    lines = ll.lines("undo", "web", "2")
    assert lines[0].endswith("AttributesChanged /etc/motd 0600 0:0")
    assert lines[1].endswith("FileWritten /a 0755 0:0 and 2 more")
    assert ll.tree() == before


def test_undo_of_a_move_is_one_move(ll: Layerlog) -> None:
    ll("move", "web:/etc", "web:/conf")
    ll("undo", "web")
    assert ll.json("show", "web@3")[0]["event"] == "PathMoved"
    assert "etc" in ll.tree()
    assert ll.json("blame", "web:/etc/motd")[0]["content"]["commit"]["message"] == "base"


def test_undo_of_attributes_writes_no_content_anew(ll: Layerlog) -> None:
    ll("chown", "-R", "7:8", "web:/etc")
    ll("undo", "web")
    assert {row["event"] for row in ll.json("events") if row["position"] > ll.head()[1] - 5} == {"AttributesChanged"}
    assert ll.entry("web:/etc/motd")["uid"] == 0


def test_undo_goes_across_commits_and_leaves_them(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    commit(ll, "one", "app:1")
    ll("undo", "web")
    assert "f" not in ll.tree()
    assert ll("cat", "app:1:/f") == "1"
    assert ll.lines("diff", "web") == ["D /f"]


def test_undo_keeps_hard_links(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/motd")
    ll("write", "--text", "other", "web:/motd")
    ll("undo", "web")
    ll("chmod", "640", "web:/motd")
    assert ll.entry("web:/etc/motd")["mode"] == "0640"


def test_undo_refuses_more_than_there_is(ll: Layerlog) -> None:
    assert ll.refused("undo", "web") == "container web has no change to take back"
    ll("write", "--text", "1", "web:/f")
    assert ll.refused("undo", "web", "2") == "container web has 1 change to take back, not 2"
    ll("undo", "web")
    assert ll.refused("redo", "web", "2") == "container web has 1 change that `undo` took back and nothing newer replaced, not 2"
    assert "nonesuch" in ll.refused("undo", "nonesuch")
    assert ll.run("undo", "web", "0").exit_code == 2


# -- revert


def test_revert_takes_back_one_commit_and_keeps_later_ones(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/one")
    ll("write", "--text", "bye", "web:/etc/motd")
    ll("delete", "web:/etc/passwd")
    first = commit(ll, "first")
    ll("write", "--text", "2", "web:/two")
    commit(ll, "second")
    goes_on = f"web goes on without commit {first[:12]}; `layerlog commit web` seals that"
    assert ll.told("revert", first) == (["C /etc/motd", "A /etc/passwd", "D /one"], [goes_on])
    assert ll.tree()["etc"] == BASE["etc"]
    assert ll.tree()["two"] == b"2"
    assert "nothing is left" in ll.refused("revert", first)


def test_revert_names_every_conflict_and_does_nothing(ll: Layerlog) -> None:
    ll("write", "-p", "--text", "1", "web:/d/one")
    ll("write", "--text", "1", "web:/f")
    first = commit(ll, "first")
    ll("write", "--text", "2", "web:/f")
    ll("write", "--text", "2", "web:/d/two")
    before = ll.tree()
    said = ll.refused("revert", first)
    assert "/f is no longer what the commit made it" in said
    assert "/d/two came later, below what the commit made" in said
    assert ll.tree() == before


def test_revert_needs_a_directory_to_come_back_to(ll: Layerlog) -> None:
    ll("write", "-p", "--text", "1", "web:/d/one")
    commit(ll, "made")
    ll("delete", "web:/d/one")
    gone = commit(ll, "gone")
    ll("delete", "web:/d")
    assert "/d/one has no directory to come back to" in ll.refused("revert", gone)


def test_revert_in_another_container(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/one")
    made = commit(ll, "first", "app:1")
    ll("create", "--name", "other", "app:1")
    goes_on = f"other goes on without commit {made[:12]}; `layerlog commit other` seals that"
    assert ll.told("revert", "app:1", "other") == (["D /one"], [goes_on])
    assert "one" not in ll.tree("other")
    assert "one" in ll.tree("web")


def test_revert_refuses_an_image_made_elsewhere(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    assert "made elsewhere" in ll.refused("revert", "far:1")


# -- restore


def test_restore_brings_a_path_back_with_all_below(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/etc/new")
    ll("write", "--text", "bye", "web:/etc/motd")
    ll("delete", "web:/etc/passwd")
    assert ll.told("restore", "web@1:/etc") == (["C /etc/motd", "D /etc/new", "A /etc/passwd"], ["web: 3 paths brought back as in web@1"])
    assert ll.tree()["etc"] == BASE["etc"]
    assert ll.told("restore", "web@1:/etc") == ([], ["nothing to bring back: web:/etc is as it is in web@1"])


@pytest.mark.parametrize("source", ["app:1", "web@3"])
@pytest.mark.parametrize("path", ["/", "//", "/."])
def test_restore_of_all_files_says_which_config_stays(ll: Layerlog, source: str, path: str) -> None:
    ll("config", "web", "-e", "A=1", "--expose", "80")
    ll("commit", "web", "app:1")
    ll("config", "web", "-e", "A=2", "--unset", "EXPOSE", "--cmd", "sh")
    stays = f"web's config stays as it is, and differs in CMD, ENV A, EXPOSE 80/tcp: `layerlog diff {source} web` shows how"
    nothing = f"nothing to bring back: web:/ is as it is in {source}"
    assert ll.told("restore", f"{source}:{path}", f"web:{path}") == ([], [nothing, stays])
    ll("write", "--text", "x", "web:/f")
    assert ll.told("restore", f"{source}:{path}", f"web:{path}") == (["D /f"], [f"web: 1 path brought back as in {source}", stays])
    assert ll.told("restore", f"{source}:/etc", "web:/etc")[1] == [f"nothing to bring back: web:/etc is as it is in {source}"]
    assert ll.told("restore", "web:/")[1] == ["nothing to bring back: web:/ is as it is in web"]


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("refused", [True, False])
def test_revert_by_a_tag_says_how_the_tag_goes_back(ll: Layerlog, *, moved: bool, refused: bool) -> None:
    """Who would roll a tag back may well say revert."""
    if moved:
        ll("tag", "base:1", "shop:live")
    ll("write", "--text", "1", "web:/one")
    commit(ll, "first", "shop:live")
    if refused:
        ll("write", "--text", "2", "web:/one")
    done = ll.run("revert", "shop:live")
    assert done.exit_code == refused
    assert ("shop:live still names that commit: `layerlog tag shop:live@{1} shop:live` takes the tag back" in done.stderr) is moved
    assert "takes the tag back" not in ll.run("revert", "web~0").stderr


def test_restore_of_one_file_from_an_image_to_another_name(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    assert ll.told("restore", "far:1:/etc/motd", "web:/srv/motd") == (["A /srv/motd"], ["web: 1 path brought back as in far:1"])
    assert ll("cat", "web:/srv/motd") == "bye\n"
    assert "say where to bring it back" in ll.refused("restore", "far:1:/etc/motd")
    assert "make it first" in ll.refused("restore", "far:1:/etc/motd", "web:/nowhere/motd")


ABOVE = {
    "its own directory": (["delete", "-r", "web:/one/two"], ["/one/two"]),
    "all above it": (["delete", "-r", "web:/one"], ["/one", "/one/two"]),
    "one that moved away": (["move", "web:/one", "web:/elsewhere"], ["/one", "/one/two"]),
    "none": (["delete", "web:/one/two/f"], []),
}


@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("gone", ABOVE)
def test_restore_brings_the_directories_above_back_as_they_were(ll: Layerlog, gone: str, *, by_link: bool) -> None:
    command, back = ABOVE[gone]
    ll("mkdir", "-p", "web:/one/two")
    for number, path in enumerate(("/one", "/one/two")):
        ll("chmod", f"27{number}0", f"web:{path}")
        ll("chown", f"{number}:7", f"web:{path}")
    ll("write", "--text", "x", "web:/one/two/f")
    ll("link", "-s", "one", "web:/way")
    ll("commit", "-m", "1", "web", "r:1")
    ll("chmod", "777", "web:/one")
    changed = ll.json("stat", "r:1:/one", "r:1:/one/two") if back else []
    ll(*command)
    path = "/way/two/f" if by_link else "/one/two/f"
    found = ll.run("restore", f"r:1:{path}", f"web:{path}")
    assert found.exit_code == 0, found.stderr
    assert [line.split()[1] for line in found.stderr.splitlines() if "was gone" in line] == back
    now = {row["path"]: row for row in ll.json("stat", "web:/one", "web:/one/two")}
    for was in changed:
        if was["path"] in back:
            assert {key: now[was["path"]][key] for key in ("mode", "uid", "gid")} == {key: was[key] for key in ("mode", "uid", "gid")}
    assert ll("cat", "web:/one/two/f") == "x"


def test_restore_to_another_place_makes_up_no_directories(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/srv/f")
    ll("commit", "-m", "1", "web", "r:1")
    assert "make it first" in ll.refused("restore", "r:1:/srv/f", "web:/other/f")
    assert "make it first" in ll.refused("restore", "r:1:/srv/f", "web:/other/srv/f")


def test_restore_refuses_what_was_not_there(ll: Layerlog) -> None:
    assert "no such path" in ll.refused("restore", "web@1:/nonesuch")
    assert "name a path" in ll.refused("restore", "web@1")


# -- undelete


def test_undelete_of_a_container_by_name_or_id(ll: Layerlog) -> None:
    identity = ll.json("ps")[0]["id"]
    for name in ("web", identity[:12], identity):
        ll("rm", "web")
        assert ll("undelete", name) == f"{identity}\n"
    ll("rm", "web")
    ll("create", "--name", "web", "base:1")
    assert "in use" in ll.refused("undelete", identity[:12])
    ll("undelete", "--name", "old", identity[:12])
    assert {row["name"] for row in ll.json("ps")} == {"web", "old"}


def test_undelete_by_an_old_name_means_the_last_that_bore_it(ll: Layerlog) -> None:
    first = ll.json("ps")[0]["id"]
    ll("rm", "web")
    ll("create", "--name", "web", "base:1")
    second = ll.json("ps")[0]["id"]
    ll("rm", "web")
    assert ll("undelete", "web") == f"{second}\n"
    assert first != second


def test_undelete_of_a_tag_gives_its_last_image(ll: Layerlog) -> None:
    ll("tag", "base:1", "other:1")
    ll("rmi", "other:1")
    assert "that tag was deleted; other:1@{1} is what it named last" in ll.refused("ls", "other:1")
    assert ll("ls", "other:1@{1}") == ll("ls", "base:1")
    assert ll("undelete", "other:1") == "other:1\n"
    assert {"base:1", "other:1"} <= set(ll.json("log", "other:1")[0]["tags"])


def test_undelete_of_an_image_by_tag_and_by_id(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    for name in ("far:1", image[:12]):
        ll("rmi", "far:1")
        assert ll("images", "-q", "far") == ""
        ll("undelete", name)
        assert ll("cat", "far:1:/etc/motd") == "bye\n"


def test_undelete_refuses_what_is_there_or_never_was(ll: Layerlog) -> None:
    assert "nothing that was removed" in ll.refused("undelete", "web")
    assert "nothing that was removed" in ll.refused("undelete", "Not A Name")
    container = ll("create", "--name", "base", "base:1")
    ll("tag", "base:1", "base")
    ll("rmi", "base")
    ll("rm", "base")
    assert f"means 2 removed things (container {container[:12]}, tag base:latest); " in ll.refused("undelete", "base")


# -- the config


def config(ll: Layerlog, name: str = "web") -> dict[str, object]:
    found = json.loads(ll("config", name))
    assert isinstance(found, dict)
    return found


def test_undo_takes_back_what_config_set_and_redo_brings_it_back(ll: Layerlog) -> None:
    """And what `commit --change` set; a change of files beside it comes and goes in its turn."""
    ll("config", "web", "-e", "A=1", "--cmd", "run")
    first = config(ll)
    ll("write", "--text", "1", "web:/f")
    ll("config", "web", "-e", "A=2", "--unset", "CMD")
    ll("commit", "-c", "USER web", "web", "app:1")
    last = config(ll)
    said = ll.lines("undo", "web", "2")
    assert [line.partition(" ConfigChanged ")[2].partition(" ")[2] for line in said[:2]] == ["USER web", "UNSET CMD, ENV A=2"]
    assert config(ll) == first
    assert ll.tree()["f"] == b"1"
    ll("undo", "web", "2")
    assert config(ll) == {}
    assert "f" not in ll.tree()
    ll("redo", "web", "4")
    assert (config(ll), ll.tree()["f"]) == (last, b"1")
    assert ll("diff", "app:1", "web") == ""


def test_revert_takes_back_the_config_of_a_commit(ll: Layerlog) -> None:
    ll("config", "web", "-e", "KEEP=1", "-e", "A=0", "--user", "ada")
    commit(ll, "first")
    ll("write", "--text", "1", "web:/f")
    ll("config", "web", "-e", "A=1", "-e", "B=1", "--unset", "USER", "-l", "x=1")
    second = commit(ll, "second", "app:2")
    ll("config", "web", "-e", "C=1")
    assert ll.told("revert", second)[0] == ["- ENV A=1", "+ ENV A=0", "- ENV B=1", "- LABEL x=1", "+ USER ada", "D /f"]
    assert config(ll) == {"Env": ["KEEP=1", "A=0", "C=1"], "User": "ada"}
    assert ll.refused("revert", second) == f"nothing is left of what commit {second[:12]} changed"
    ll("undo", "web")
    assert config(ll) == config(ll, "app:2") | {"Env": ["KEEP=1", "A=1", "B=1", "C=1"]}


def test_revert_leaves_and_names_the_config_that_something_newer_set(ll: Layerlog) -> None:
    ll("config", "web", "-e", "A=1", "-e", "B=1")
    one = commit(ll, "one")
    ll("config", "web", "-e", "A=2")
    done = ll.run("revert", one)
    assert (done.exit_code, done.stdout) == (0, "- ENV B=1\n")
    assert done.stderr.startswith("layerlog: the config stays as something newer set it: ENV A\n")
    assert ll.refused("revert", one).endswith("changed; the config stays as something newer set it: ENV A")
    assert config(ll) == {"Env": ["A=2"]}


def test_show_of_a_commit_tells_of_the_config_field_by_field(ll: Layerlog) -> None:
    ll("config", "web", "-e", "A=1")
    commit(ll, "one")
    two = ll("commit", "-c", "ENV A=2", "-c", "USER web", "web").strip().removeprefix("sha256:")
    assert ll.lines("show", two)[-3:] == ["- ENV A=1", "+ ENV A=2", "+ USER web"]
    row = ll.json("show", two)[0]
    assert row["config"] == ["ENV A=2", "USER web"]
    assert [(change["field"], change["name"], change["before"], change["after"]) for change in row["config_changes"]] == [
        ("Env", "A", "1", "2"), ("User", None, None, "web"),
    ]  # fmt: skip
