"""Paths as they are typed: the same resolution wherever a command takes one."""

from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_loaded
from tests.trees import Symlink

MOTD = ("etc/motd", "/etc/./motd", "//etc//motd", "../etc/motd", "/etc/../etc/motd", "/bin/../../etc/motd", "./etc/motd", "none/../etc/motd")


@pytest.mark.parametrize("path", MOTD)
@pytest.mark.parametrize("point", ["", "@1", "@{now}"])
def test_one_file_in_many_spellings(ll: Layerlog, point: str, path: str) -> None:
    place = f"web{point}:{path}"
    assert ll("cat", place) == "hello\n"
    assert ll.entry(place)["path"] == "/etc/motd"
    assert ll.lines("ls", place) == ["/etc/motd"]


@pytest.mark.parametrize("path", MOTD)
def test_every_command_that_takes_a_path_takes_it(ll: Layerlog, tmp_path: Path, path: str) -> None:
    place, plain = f"web:{path}", "web:/etc/motd"
    shown = [("blame", place), ("log", place), ("diff", "base:1", place)]
    assert [ll(*args) for args in shown] == [ll(*args[:-1], plain) for args in shown]
    ll("cp", place, str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == b"hello\n"
    ll("cp", str(tmp_path / "out"), f"web:{path}.copy")
    ll("write", "--text", "new", place)
    ll("chmod", "0600", place)
    ll("link", place, "web:linked")
    assert [ll.entry(plain)[key] for key in ("size", "mode")] == [3, "0600"]
    assert "C /etc/motd" in ll.told("restore", f"web@1:{path}")[0]
    ll("move", place, "web:moved")
    assert ll("cat", "web:/moved") == "hello\n"
    ll("delete", f"{place}.copy", "web:linked", "web:moved")
    assert ll.lines("diff", "web") == ["D /etc/motd"]


def test_a_parent_is_that_of_where_a_link_leads(ll: Layerlog) -> None:
    """/bin is usr/bin, and so /bin/../lib is usr/lib: there is no other."""
    assert ll("cat", "web:/bin/../lib/os-release") == "ID=base\n"
    ll("write", "--text", "x", "web:bin/../new")
    assert ll("cat", "web:/usr/new") == "x"
    assert ll.lines("ls", "web:/bin/..") == ["bin", "lib", "new"]


@pytest.mark.parametrize("end", ["/", "/.", "//", "/./"])
def test_a_slash_at_the_end_names_what_is_behind_a_link(ll: Layerlog, end: str) -> None:
    assert ll.entry("web:/bin")["type"] == "symlink"
    for spelling in (f"web:/bin{end}", f"web:bin{end}"):
        assert (ll.entry(spelling)["path"], ll.entry(spelling)["type"]) == ("/usr/bin", "directory")
        assert ll.lines("ls", "-d", spelling) == ["/usr/bin"]
    ll("chown", "-h", "5:6", f"web:/bin{end}")
    assert [ll.entry(path)["uid"] for path in ("web:/bin", "web:/usr/bin")] == [0, 5]
    ll("delete", "-r", f"web:/bin{end}")
    assert ll.lines("ls", "web:/usr") == ["lib"]
    assert ll.entry("web:/bin")["type"] == "symlink"


@pytest.mark.parametrize(
    "args",
    [
        ("cat", "web:/etc/motd/"),
        ("stat", "web:/etc/os-release/"),
        ("ls", "web:etc/motd/."),
        ("write", "--text", "x", "web:/etc/motd/"),
        ("delete", "web:/etc/motd/"),
        ("chmod", "0600", "web:/etc/motd/"),
        ("mkdir", "-p", "web:/etc/motd/"),
        ("move", "web:/etc/passwd", "web:/etc/motd/"),
        ("link", "-f", "web:/etc/passwd", "web:/etc/motd/"),
        ("restore", "web@1:/etc/motd/"),
        ("cp", "web:/etc/motd/", "web:/x"),
        ("cp", "web:/etc/passwd", "web:/etc/motd/"),
    ],
)
def test_a_slash_behind_a_file_is_refused(ll: Layerlog, args: tuple[str, ...]) -> None:
    assert ll.refused(*args).endswith(" is a file, not a directory; leave the slash at its end out")


@pytest.mark.parametrize(
    "args",
    [
        ("write", "-p", "--text", "x", "web:/new/"),
        ("link", "web:/etc/motd", "web:/new/"),
        ("link", "-s", "etc/motd", "web:new/."),
        ("move", "web:/etc/motd", "web:/new/"),
        ("cp", "web:/etc/motd", "web:new/"),
    ],
)
def test_only_a_directory_gets_a_name_with_a_slash_behind_it(ll: Layerlog, args: tuple[str, ...]) -> None:
    assert ll.refused(*args).startswith("no such directory: ")


def test_what_becomes_a_directory_may_have_the_slash(ll: Layerlog, tmp_path: Path) -> None:
    ll("mkdir", "web:new/")
    ll("move", "web:new", "web:/moved/")
    ll("cp", "web:/moved/", "web:copied/")
    assert ll.lines("diff", "web") == ["A /copied", "A /moved"]


def test_a_directory_is_copied_under_the_name_that_it_has(ll: Layerlog) -> None:
    ll("cp", "web:/usr/bin/..", "web:/srv")
    ll("cp", "web:/bin/", "web:/srv")
    assert ll.lines("ls", "web:/srv") == ["bin", "usr"]


# -- whether it is a path at all


def test_what_names_an_image_is_no_path(ll: Layerlog) -> None:
    """A container and images may share a name; a path that looks like an image's tag counts where it is there."""
    with_loaded(ll, "web:motd", "web:1.0")
    ll("write", "--text", "in the container", "web:/motd")
    assert "/ is a directory" in ll.refused("cat", "web:motd")
    ll("rmi", "web:motd")
    assert ll("cat", "web:motd") == "in the container"
    assert ll.lines("ls", "web:1.0") != []
    assert ll.refused("ls", "web:1.0~7").endswith("; web:1.0~1 is the lowest")
    assert ll.refused("ls", "web:2.0").startswith("no container or image web:2.0; a path in the container web is spelled web:/2.0")


@pytest.mark.parametrize("ref", ["base:1", "base", "localhost:5000/base:1", "nobody"])
def test_images_and_strangers_have_no_path_without_its_slash(ll: Layerlog, ref: str) -> None:
    assert "no container or image" in ll.refused("cat", f"{ref}:etc/motd")
    assert "names no path in a container" in ll.refused("delete", f"{ref}:etc/motd")


def test_a_file_of_this_machine_that_is_spelled_like_a_path(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in docker cp: a container's name in front of a colon is that container's, ./ and / are this machine's."""
    monkeypatch.chdir(tmp_path)
    Path("web:f").write_text("here")
    Path("other:f").write_text("there")
    ll("cp", "./web:f", "web:from-here")
    ll("cp", "other:f", "web:from-there")
    assert (ll("cat", "web:/from-here"), ll("cat", "web:/from-there")) == ("here", "there")
    assert "a path in the container web is spelled web:/f" in ll.refused("cp", "web:f", "web:g")


def test_a_container_is_found_by_its_id_too(ll: Layerlog) -> None:
    container = ll.json("ps")[0]["id"]
    for ref in (container, container[:12]):
        assert ll("cat", f"{ref}:etc/motd") == "hello\n"
        ll("write", "--text", ref, f"{ref}:srv/f")
        assert ll("cat", "web:/srv/f") == ref


def test_a_link_that_leads_nowhere(ll: Layerlog) -> None:
    """As an open for writing makes what a dangling link names."""
    ll("link", "-s", "later", "web:/srv/soon")
    assert "no such path" in ll.refused("cat", "web:/srv/soon")
    ll("write", "--text", "x", "web:srv/soon")
    assert ll.tree()["srv"] == {"later": b"x", "soon": Symlink("later")}
