import base64
import json

import pytest

from tests.cli.invoking import PASSWD, Layerlog, with_loaded
from tests.cli.running import layerlog

# -- ls


def test_ls_prints_bare_names(ll: Layerlog) -> None:
    assert ll("ls", "web") == "bin\netc\nsrv\nusr\n"
    assert ll("ls", "web:/") == ll("ls", "base:1") == ll("ls", "-q", "web")
    assert ll("ls", "web:/etc/motd") == "/etc/motd\n"
    assert ll("ls", "web:/srv") == ""


def test_ls_follows_links_as_gnu_does(ll: Layerlog) -> None:
    assert ll("ls", "web:/bin") == ll("ls", "-l", "web:/bin/").splitlines()[1].split()[-1] + "\n" + "su\n"
    assert ll("ls", "-d", "web:/bin") == "/bin\n"
    assert ll.lines("ls", "-l", "web:/bin")[1].endswith("  /bin -> usr/bin")
    assert ll("ls", "web:/bin/sh") == "/usr/bin/sh\n"


def test_ls_long_is_a_table(ll: Layerlog) -> None:
    header, *rows = ll.lines("ls", "-l", "--date", "utc", "web:/usr/bin")
    assert header.split() == ["MODE", "OWNER", "SIZE", "MODIFIED", "NAME"]
    assert [row.split() for row in rows] == [
        ["-rw-r--r--", "0:0", "5", "1970-01-01", "00:00:00", "UTC", "sh"],
        ["-rwsr-xr-x", "0:0", "2", "1970-01-01", "00:00:00", "UTC", "su"],
    ]


def test_ls_recursive_names_are_relative(ll: Layerlog) -> None:
    assert ll.lines("ls", "-R", "web:/usr") == ["bin", "bin/sh", "bin/su", "lib", "lib/os-release"]


def test_ls_of_several_has_headings(ll: Layerlog) -> None:
    assert ll("ls", "web:/srv", "base:1:/usr") == "web:/srv:\n\nbase:1:/usr:\nbin\nlib\n"


def test_ls_at_points(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/srv/a")
    ll("delete", "web:/srv/a")
    assert [ll("ls", f"web@{n}:/srv") for n in (1, 2, 3)] == ["", "a\n", ""]


def test_a_tilde_goes_back_by_commits_as_in_git(ll: Layerlog) -> None:
    """Of a container it counts from the last commit, through what it was made from; a caret is one step."""
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "far", "far:1")
    for text in ("one", "two"):
        ll("write", "--text", text, "far:/f")
        ll("commit", "far", f"app:{text}")
    ll("create", "--name", "next", "app:two")
    ll("write", "--text", "three", "next:/f")
    for ref, text in {"next~0": "two", "next~1": "one", "next^": "one", "next~": "one", "app:two~1": "one", "far@3~0": "one"}.items():
        assert ll("cat", f"{ref}:/f") == text, ref
    assert ll.lines("diff", "next~2", "next") == ["A /f"]
    assert json.loads(ll("inspect", "app:two~1^"))[0]["Id"] == f"sha256:{image}"
    ll("tag", "app:two^", "old:1")
    assert ll("cat", "old:1:/f") == "one"
    ll("create", "--name", "again", "next~1")
    assert ll.lines("ls", "next~3") == ll.lines("ls", "far:1~1") == ll.lines("ls", "next^^^")
    for ref in ("next~4", "far:1~2", "next~999999999", "next^^^^"):
        assert ll.refused("ls", ref).endswith(" is the lowest")
    assert ll.refused("write", "--text", "x", "next~1:/f").startswith("next~1 is a point of history and stays as it is")
    assert ll.refused("ls", "nope~1").startswith("no container or image nope; ")
    ll("create", "--name", "empty", "scratch")
    assert ll.refused("ls", "empty~0") == "empty~0: empty has no commits, and stands on no image's layers"


def test_ls_json_says_all(ll: Layerlog) -> None:
    row = next(row for row in ll.json("ls", "web:/usr/bin") if row["name"] == "su")
    assert row == {
        "ref": "web:/usr/bin", "name": "su", "path": "/usr/bin/su", "type": "file", "mode": "4755", "uid": 0, "gid": 0,
        "size": 2, "mtime": "1970-01-01T00:00:00.000000000Z",
        "digest": "sha256:0a64ce10853f25cb3dc3f7d498f62d72b406be37ba8caf5aa7671414d9696049",
        "target": None, "device": None, "xattrs": [{"name": "user.note", "value": "�", "value_b64": "/w=="}],
    }  # fmt: skip


def test_names_that_are_no_text(ll: Layerlog) -> None:
    with_loaded(ll, "app:1")
    ll("write", "--text", "x", "web:/srv/\udcff\x1b")
    assert ll("ls", "web:/srv") == "\\xff\\x1b\n"
    assert base64.b64decode(ll.json("ls", "web:/srv")[0]["name_b64"]) == b"\xff\x1b"
    assert ll("cat", "web:/srv/\udcff\x1b") == "x"


@pytest.mark.parametrize("place", ["web:/nope", "web:/etc/motd/x", "web:/usr/bin/nope"])
def test_what_is_not_there(ll: Layerlog, place: str) -> None:
    path = place.partition(":")[2]
    for command in ("ls", "cat", "stat"):
        assert ll.refused(command, place) == f"no such path: {path}; `layerlog ls` shows what is there"


# -- cat


def test_cat_is_binary_safe_and_takes_several(ll: Layerlog) -> None:
    assert ll.raw("cat", "web:/usr/bin/sh", "base:1:/etc/passwd") == b"#!\0\1\2" + PASSWD
    data = bytes(range(256)) * 2000
    ll("write", "web:/big", stdin=data)
    assert ll.raw("cat", "web:/big") == data


def test_cat_follows_links_inside_the_view_alone(ll: Layerlog) -> None:
    assert ll("cat", "web:/etc/os-release") == "ID=base\n"
    ll("link", "-s", "/../../../../etc/motd", "web:/srv/out")
    assert ll("cat", "web:/srv/out") == "hello\n"


def test_links_in_a_circle(ll: Layerlog) -> None:
    ll("link", "-s", "b", "web:/a")
    ll("link", "-s", "a", "web:/b")
    assert ll.refused("cat", "web:/a") == "/a: its symbolic links lead in a circle; `layerlog ls -l` shows them"


def test_forty_links_and_no_more(ll: Layerlog) -> None:
    ll("link", "-s", "/etc/motd", "web:/srv/1")
    for n in range(1, 41):
        ll("link", "-s", str(n), f"web:/srv/{n + 1}")
    assert ll("cat", "web:/srv/40") == "hello\n"
    assert "circle" in ll.refused("cat", "web:/srv/41")


def test_cat_prints_nothing_where_one_is_wrong(ll: Layerlog) -> None:
    assert ll.refused("cat", "web:/etc/motd", "web:/etc") == "/etc is a directory, not a regular file; name a file"


# -- stat


def test_stat_says_who_and_when(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Eve <eve@x>")
    ll("write", "--text", "x", "web:/f")
    ll("chmod", "600", "web:/f")
    row = ll.entry("web:/f")
    origin = row["origin"]
    assert (row["path"], row["mode"], row["size"]) == ("/f", "0600", 1)
    assert (origin["event"], origin["author"], origin["known"]) == ("AttributesChanged", "Eve <eve@x>", "recorded")
    assert origin["command"][-3:] == ["chmod", "600", "web:/f"]
    assert (origin["version"], origin["position"] - row["node"]) == (3, 1)
    assert ll.entry("web@2:/f")["origin"]["event"] == "FileWritten"


def test_stat_as_text(ll: Layerlog) -> None:
    text = ll("stat", "web:/bin", "web:/usr/bin/su", "web:/")
    assert "Path:      /bin\nType:      symlink\nMode:      0777\n" in text
    assert "Target:    usr/bin\n" in text
    assert "Xattr user.note: \\xff\n" in text
    assert "Event:     FileWritten, " in text
    assert text.count("\n\n") == 2


def test_stat_of_a_link_and_of_what_it_leads_to(ll: Layerlog) -> None:
    assert ll.entry("web:/bin")["type"] == "symlink"
    assert ll.entry("web:/bin/")["type"] == ll.json("stat", "-L", "web:/bin")[0]["type"] == "directory"


def test_stat_of_the_root_of_scratch(ll: Layerlog) -> None:
    ll("create", "--name", "empty", "scratch")
    row = ll.entry("empty")
    assert (row["path"], row["type"], row["origin"]) == ("/", "directory", None)
    assert ll("stat", "empty").startswith("Path:      /\n")


def test_in_processes_of_their_own(ll: Layerlog) -> None:
    done = layerlog("cat", "web:/etc/motd", env={"LAYERLOG_STORE": ll.store})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    done = layerlog("cat", "web:/nope", env={"LAYERLOG_STORE": ll.store})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "layerlog: no such path: /nope; `layerlog ls` shows what is there\n"
