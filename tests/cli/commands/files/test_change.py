import json
import os
import stat
import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from projections.edits.modes import parse_mode
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT, clean, layerlog
from tests.peers import peer


def attributes(ll: Layerlog, place: str) -> tuple[str, int, int]:
    row = ll.entry(place)
    return row["mode"], row["uid"], row["gid"]


# -- write


def test_write_makes_a_file_of_root(ll: Layerlog) -> None:
    before = time.time_ns()
    ll("write", "web:/srv/f", stdin=b"\0data\n")
    assert ll.raw("cat", "web:/srv/f") == b"\0data\n"
    assert attributes(ll, "web:/srv/f") == ("0644", 0, 0)
    with ll.writer() as writer:
        assert before <= next(writer.log.db.execute("SELECT max(mtime) FROM event"))[0] <= time.time_ns()


def test_write_keeps_what_the_old_file_was(ll: Layerlog) -> None:
    ll("chown", "7:8", "web:/usr/bin/su")
    ll("chmod", "4711", "web:/usr/bin/su")
    ll("write", "--text", "new", "web:/usr/bin/su")
    assert (ll("cat", "web:/usr/bin/su"), attributes(ll, "web:/usr/bin/su")) == ("new", ("4711", 7, 8))
    assert [xattr["name"] for xattr in ll.entry("web:/usr/bin/su")["xattrs"]] == ["user.note"]
    ll("write", "--text", "new", "--mode", "0600", "web:/usr/bin/su")
    assert attributes(ll, "web:/usr/bin/su") == ("0600", 7, 8)


def test_write_follows_a_link_as_a_shell_does(ll: Layerlog) -> None:
    ll("write", "--text", "ID=new\n", "web:/etc/os-release")
    assert (ll("cat", "web:/usr/lib/os-release"), ll.entry("web:/etc/os-release")["type"]) == ("ID=new\n", "symlink")


def test_write_through_one_name_leaves_the_other(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/srv/motd")
    ll("write", "--text", "new", "web:/srv/motd")
    assert ll("cat", "web:/etc/motd") == "hello\n"


def test_write_appends(ll: Layerlog) -> None:
    ll("write", "--append", "web:/etc/motd", stdin="more\n")
    ll("write", "--append", "--text", "new", "web:/new")
    assert (ll("cat", "web:/etc/motd"), ll("cat", "web:/new")) == ("hello\nmore\n", "new")
    big = os.urandom(200_000)
    ll("write", "--append", "web:/etc/motd", stdin=big)
    assert ll.raw("cat", "web:/etc/motd") == b"hello\nmore\n" + big


def test_write_makes_parents_where_asked(ll: Layerlog) -> None:
    assert ll.refused("write", "--text", "x", "web:/a/b/c").startswith("no such directory: /a/b; make it first")
    ll("write", "--text", "x", "-p", "web:/a/b/c")
    assert ll.tree()["a"] == {"b": {"c": b"x"}}


def test_write_refuses_what_is_no_file(ll: Layerlog) -> None:
    assert ll.refused("write", "--text", "x", "web:/etc") == "/etc is a directory, not a regular file; name a file"
    assert "is not a directory" in ll.refused("write", "--text", "x", "web:/etc/motd/x")
    assert "not an octal number" in ll.refused("write", "--text", "x", "--mode", "u+x", "web:/f")
    assert "write CONTAINER:/PATH" in ll.refused("write", "--text", "x", "web")


def test_what_many_processes_append_at_once_is_all_there(ll: Layerlog) -> None:
    """The old content is read while nobody else can write."""
    command = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "write", "--append", "web:/log"]
    running = [subprocess.Popen([*command, "--text", f"{n}\n"], cwd=ROOT, env=clean({})) for n in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    assert sorted(ll.lines("cat", "web:/log")) == [str(n) for n in range(6)]


@pytest.mark.parametrize("command", [["mkdir", "web:/made{n}"], ["write", "--append", "--text", "{n}\n", "web:/log"]])
def test_what_many_write_who_wait_for_each_other_is_all_there(ll: Layerlog, command: list[str]) -> None:
    """Who waits looks at the log's file; that must not take the locks away that SQLite holds on it."""
    for turn in range(3):
        words = [[word.format(n=f"{turn}-{n}") for word in command] for n in range(8)]
        program = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store]
        before = ll.head()[1]
        running = [subprocess.Popen([*program, *args], cwd=ROOT, env=clean({})) for args in words]
        assert [process.wait() for process in running] == [0] * 8
        assert ll.head()[1] == before + 8


# -- delete, move, mkdir


def test_delete_takes_several_as_one_changeset(ll: Layerlog) -> None:
    changesets, events = ll.head()
    ll("delete", "web:/etc/motd", "web:/srv", "web:/bin")
    assert ll.head() == (changesets + 1, events + 3)
    assert sorted(ll.tree()) == ["etc", "usr"]
    assert ll("cat", "web@1:/etc/motd") == "hello\n"


def test_delete_of_directories(ll: Layerlog) -> None:
    assert "-r deletes it" in ll.refused("delete", "web:/usr")
    ll("delete", "-r", "web:/usr", "web:/usr/bin")
    assert "usr" not in ll.tree()
    assert "the root directory" in ll.refused("delete", "-r", "web:/")


def test_delete_is_all_or_nothing(ll: Layerlog) -> None:
    assert ll.refused("delete", "web:/etc/motd", "web:/nope").startswith("no such path: /nope; ")
    ll("delete", "-f", "web:/nope", "web:/etc/motd")
    assert "motd" not in ll.tree()["etc"]
    ll("delete", "-f", "web:/nope")


def test_delete_removes_a_link_and_not_what_it_leads_to(ll: Layerlog) -> None:
    ll("delete", "web:/bin")
    assert "sh" in ll.tree()["usr"]["bin"]


def test_several_containers_are_changed_one_at_a_time(ll: Layerlog) -> None:
    ll("create", "--name", "b", "base:1")
    assert "one container at a time" in ll.refused("delete", "web:/etc/motd", "b:/etc/motd")


def test_move(ll: Layerlog) -> None:
    ll("move", "web:/etc/motd", "web:/srv/news")
    ll("move", "web:/usr", "web:/srv")
    ll("move", "web:/bin", "web:/etc/passwd", "web:/srv/")
    assert sorted(ll.tree()["srv"]) == ["bin", "news", "passwd", "usr"]
    assert sorted(ll.tree()) == ["etc", "srv"]
    assert ll.entry("web:/srv/news")["origin"]["event"] == "PathMoved"


def test_move_replaces_a_file_and_no_directory(ll: Layerlog) -> None:
    ll("move", "web:/etc/motd", "web:/etc/group")
    assert ll("cat", "web:/etc/group") == "hello\n"
    ll("mkdir", "-p", "web:/srv/etc")
    assert "exists; delete it first" in ll.refused("move", "web:/etc", "web:/srv")
    assert "into itself" in ll.refused("move", "web:/srv", "web:/srv/etc")
    assert "no directory" in ll.refused("move", "web:/etc", "web:/bin", "web:/new")
    assert ll.refused("move", "web:/nope", "web:/x").startswith("no such path: /nope; ")
    assert ll.run("move", "web:/etc").exit_code == 2


def test_mkdir(ll: Layerlog) -> None:
    ll("mkdir", "-m", "1777", "web:/tmp", "web:/tmp/a")
    ll("mkdir", "-p", "web:/x/y/z", "web:/x/y/w", "web:/etc")
    assert ll.tree()["x"] == {"y": {"z": {}, "w": {}}}
    assert attributes(ll, "web:/tmp") == ("1777", 0, 0)
    assert "exists already" in ll.refused("mkdir", "web:/etc")
    assert "exists already" in ll.refused("mkdir", "-p", "web:/etc/motd")
    assert "make it first" in ll.refused("mkdir", "web:/no/such")
    before = ll.head()
    ll("mkdir", "-p", "web:/x/y")
    assert ll.head() == before


# -- link


def test_hard_links_are_one_node(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/srv")
    assert ll.entry("web:/srv/motd")["node"] == ll.entry("web:/etc/motd")["node"]
    ll("chmod", "600", "web:/srv/motd")
    assert ll.entry("web:/etc/motd")["mode"] == "0600"


def test_symbolic_links_hold_any_text(ll: Layerlog) -> None:
    ll("link", "-s", "../no such/\udcff", "web:/srv/l")
    row = ll.entry("web:/srv/l")
    assert (row["type"], row["mode"], row["target_b64"]) == ("symlink", "0777", "Li4vbm8gc3VjaC//")
    ll("link", "-s", "../etc/motd", "web:/srv")
    assert ll("cat", "web:/srv/motd") == "hello\n"


def test_links_replace_only_where_told(ll: Layerlog) -> None:
    for how in (["web:/etc/motd"], ["-s", "motd"]):
        assert "-f replaces it" in ll.refused("link", *how, "web:/etc/group")
        ll("link", "-f", *how, "web:/etc/group")
        assert ll("cat", "web:/etc/group") == "hello\n"
    assert "directories have one name" in ll.refused("link", "web:/etc", "web:/srv/etc")
    assert ll.refused("link", "web:/nope", "web:/x").startswith("no such path: /nope; ")
    assert "leads somewhere" in ll.refused("link", "-s", "", "web:/x")
    before = ll.head()
    ll("link", "-f", "web:/etc/passwd", "web:/etc/passwd")
    assert ll.head() == before


# -- chmod, chown


def test_chmod_recursive_is_one_changeset_and_leaves_links_alone(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/etc/same")
    changesets, events = ll.head()
    ll("chmod", "-R", "go-r", "web:/etc", "web:/bin")
    assert ll.head() == (changesets + 1, events + 7)
    assert {ll.entry(f"web:/etc/{name}")["mode"] for name in ("motd", "group", "same")} == {"0600"}
    assert attributes(ll, "web:/etc") == ("0711", 0, 0)
    assert ll.entry("web:/etc/os-release")["mode"] == "0777"


def test_what_has_the_mode_already_is_left_alone(ll: Layerlog) -> None:
    before = ll.head()
    ll("chmod", "-R", "a+r", "web:/etc")
    ll("chown", "-R", "root", "web:/")
    assert ll.head() == before


def test_chmod_keeps_the_rest(ll: Layerlog) -> None:
    before = ll.entry("web:/usr/bin/su")
    ll("chmod", "+t,u-s", "web:/bin/su")
    after = ll.entry("web:/usr/bin/su")
    assert after["mode"] == "1755"
    assert {k: before[k] for k in before if k not in ("mode", "origin", "ref")} == {
        k: after[k] for k in after if k not in ("mode", "origin", "ref")
    }


SPECS = st.lists(
    st.builds(
        lambda who, actions: who + "".join(actions),
        st.text("ugoa", max_size=2),
        st.lists(st.builds(str.__add__, st.sampled_from("+-="), st.text("rwxXst", max_size=3) | st.sampled_from("ugo")), min_size=1, max_size=2),
    ),
    min_size=1, max_size=3,
).map(",".join) | st.integers(0, 0o7777).map(lambda mode: f"{mode:o}")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(SPECS, st.integers(0, 0o7777), st.booleans())
@example("g=u,o-w", 0o6755, True)
def test_modes_are_those_of_chmod(tmp_path_factory: pytest.TempPathFactory, spec: str, mode: int, directory: bool) -> None:
    """The yardstick is chmod of coreutils with umask 0."""
    chmod = peer("chmod")
    path = tmp_path_factory.mktemp("chmod") / "node"
    path.mkdir() if directory else path.touch()
    path.chmod(mode)
    old = path.stat().st_mode
    done = subprocess.run([chmod, "--", spec, str(path)], umask=0, capture_output=True, check=False)
    assert done.returncode == 0
    assert stat.S_IMODE(parse_mode(spec)(old)) == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("spec", ["", "8", "77777", "u", "u+q", "u+x,", "x", "u+rg", "-", "755x"])
def test_modes_that_are_none(spec: str) -> None:
    if spec == "-":  # GNU takes it: nothing is taken away
        assert parse_mode(spec)(0o100644) == 0o100644
    else:
        with pytest.raises(InvalidError):
            parse_mode(spec)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("7", (7, 0)), ("7:8", (7, 8)), (":8", (0, 8)), ("web", (33, 0)), ("web:", (33, 44)), ("web:staff", (33, 50)), ("33:", (33, 44)),
     (":staff", (0, 50)), ("7:staff", (7, 50))],
)  # fmt: skip
def test_owners_by_number_and_by_the_views_own_names(ll: Layerlog, owner: str, expected: tuple[int, int]) -> None:
    ll("chown", owner, "web:/etc/motd")
    assert attributes(ll, "web:/etc/motd")[1:] == expected


@pytest.mark.parametrize(("owner", "reason"), [("nobody", "does not name 'nobody'"), (":x", "does not name 'x'"), (":", "write USER"), ("99999999999", "over"), ("5:", "does not name '5'")])
def test_owners_that_are_none(ll: Layerlog, owner: str, reason: str) -> None:
    assert reason in ll.refused("chown", owner, "web:/etc/motd")


def test_chown_takes_setuid_away_as_the_kernel_does(ll: Layerlog) -> None:
    ll("chmod", "6755", "web:/usr/bin/su")
    ll("chmod", "2755", "web:/usr/bin")
    ll("chown", "-R", "7", "web:/usr/bin")
    assert attributes(ll, "web:/usr/bin/su") == ("0755", 7, 0)
    assert attributes(ll, "web:/usr/bin") == ("2755", 7, 0)


def test_chown_and_links(ll: Layerlog) -> None:
    ll("chown", "7", "web:/etc/os-release")
    assert (ll.entry("web:/etc/os-release")["uid"], ll.entry("web:/usr/lib/os-release")["uid"]) == (0, 7)
    ll("chown", "-h", "8", "web:/etc/os-release")
    ll("chown", "-R", ":9", "web:/etc")
    assert attributes(ll, "web:/etc/os-release") == ("0777", 8, 9)
    assert ll.entry("web:/usr/lib/os-release")["gid"] == 0


def test_the_root_has_attributes_too(ll: Layerlog) -> None:
    ll("create", "--name", "empty", "scratch")
    for name in ("web", "empty"):
        ll("chmod", "700", f"{name}:/")
        ll("chown", "5:6", f"{name}:/")
        assert attributes(ll, f"{name}:/") == ("0700", 5, 6)
        assert ll.lines("diff", name) == ["C /"]


# -- from a shell


def test_in_a_process_of_its_own(ll: Layerlog) -> None:
    done = layerlog("write", "web:/f", "--text", "x", env={"LAYERLOG_STORE": ll.store})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(ll("stat", "web:/f", "--format", "json"))["origin"]["command"] == ["layerlog", "write", "web:/f", "--text", "***"]
