"""find: every place that holds or held a path or a content, since when, until when, and where it went."""

import re

import pytest

from tests.cli.invoking import Layerlog, with_loaded, write_and_commit


def test_find_says_since_when_until_when_and_which_images(ll: Layerlog) -> None:
    one = write_and_commit(ll, "secret", "-m", "with", "web", "app:1")
    ll("save", "-o", f"{ll.store}.tar", "app:1")
    ll("delete", "web:/f")
    two = ll("commit", "-m", "without", "web").strip().removeprefix("sha256:")
    contents = [("--content", sha256_of(ll, "app:1:/f")), ("--content", "app:1:/f")]
    for asked in (("--path", "/f"), ("--bytes", "ecre"), ("--text", "SECRET"), *contents):
        shown, hidden = ll.json("find", *asked)
        assert (shown["where"], shown["path"], shown["shown"], shown["from_version"]) == ("web", "/f", True, 2)
        assert shown["status"].startswith("until ")
        assert [image["id"] for image in shown["images"]] == [one]
        assert shown["images"][0]["tags"] == ["app:1"]
        assert [sent["how"] for sent in shown["sent"]] == ["save"]
        assert (hidden["shown"], [image["id"] for image in hidden["images"]]) == (False, [two])
    ll.nothing_found("find", "--text", "secrets")
    ll.nothing_found("find", "--bytes", "SECRET")


def test_find_names_images_by_the_tags_that_they_have_now(ll: Layerlog) -> None:
    one = write_and_commit(ll, "secret", "web", "app:1")
    two = write_and_commit(ll, "secret too", "web", "app:1")
    row = ll.json("find", "--path", "/f")[0]
    assert [(image["id"], image["tags"], image["tags_ever"]) for image in row["images"]] == [(one, [], ["app:1"]), (two, ["app:1"], ["app:1"])]
    assert f"{one[:12]}, app:1" in ll("find", "--path", "/f")


def test_find_says_what_is_erased(ll: Layerlog) -> None:
    write_and_commit(ll, "secret", "web", "app:1")
    ll("erase", "--path", "web:/f", "--reason", "x", "-y")
    row = ll.json("find", "--path", "/f")[0]
    assert (row["status"], row["erased"]) == ("there now, but erased", ll.head()[1])
    assert ll.json("find", "--path", "/etc/motd")[0]["erased"] is None


def sha256_of(ll: Layerlog, place: str) -> str:
    return str(ll.entry(place)["digest"])


def test_find_in_forks_and_loaded_images(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("fork", "one", "--name", "two")
    ll("delete", "two:/etc/motd")
    rows = {row["where"]: row for row in ll.json("find", "--path", "/etc/motd")}
    assert rows["localhost/far:1"]["id"] == image
    assert rows["one"]["status"] == "there now"
    assert rows["two"]["status"].startswith("until ")
    assert rows["web"]["status"] == "there now"


def test_find_of_a_content_that_an_upper_layer_replaced(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    rows = ll.json("find", "--text", "hello")
    assert [(row["where"], row["status"]) for row in rows if row["where"] == "localhost/far:1"] == [("localhost/far:1", "hidden in a lower layer")]


def test_find_follows_moves_and_links(ll: Layerlog) -> None:
    ll("write", "-p", "--text", "secret", "web:/a/f")
    ll("link", "web:/a/f", "web:/l")
    ll("move", "web:/a", "web:/b")
    there = [row["path"] for row in ll.json("find", "--bytes", "secret") if row["status"] == "there now"]
    assert there == ["/b/f", "/l"]


def test_find_in_configs_and_manifests(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("config", "web", "--env", "TOKEN=s3cr3t")
    ll("commit", "-m", "x", "web", "app:1")
    rows = ll.json("find", "--bytes", "s3cr3t")
    assert [(row["where"], row["status"], row["images"][0]["tags"]) for row in rows] == [("web", "in its config", ["app:1"])]
    rows = ll.json("find", "--bytes", "PATH=/bin")
    assert (rows[0]["id"], rows[0]["status"]) == (image, "in its config or manifest")


def test_find_across_chunks_of_a_large_file(ll: Layerlog) -> None:
    data = bytes(range(256)) * 4096
    middle = len(data) // 2
    ll("write", "web:/large", stdin=data[:middle] + b"NEEDLE-NEEDLE" + data[middle:])
    assert [row["path"] for row in ll.json("find", "--bytes", "NEEDLE-NEEDLE")] == ["/large"]


def test_find_takes_globs(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/srv/key.pem")
    assert [row["path"] for row in ll.json("find", "--path", "*.pem")] == ["/srv/key.pem"]
    assert re.search(r"WHERE +PATH +SINCE +STATUS +IMAGES +SENT", ll("find", "--path", "*.pem"))


def test_find_refuses_nonsense(ll: Layerlog) -> None:
    assert "is no digest" in ll.refused("find", "--content", "abc")
    assert ll.run("find").exit_code == 2
    assert ll.run("find", "--path", "x", "--bytes", "y").exit_code == 2


@pytest.mark.parametrize("shape", ["table", "json"])
def test_find_says_that_it_found_nothing(ll: Layerlog, shape: str) -> None:
    """On stderr, so that whoever reads stdout gets nothing at all; a header alone would be something."""
    absent = f"sha256:{'0' * 64}"
    for asked in (["--path", "/never"], ["--content", absent], ["--bytes", "never\x1b"], ["--text", "never"]):
        said = ll.nothing_found("find", *asked, "--format", shape)
        assert said == f"no container and no image holds, or ever held, {asked[1]}".replace("\x1b", "\\x1b")
    assert ll.nothing_found("find", "--path", "/never", "--path", "*.no").endswith(" /never, *.no")
