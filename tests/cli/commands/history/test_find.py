"""find: every place that holds or held a path or a content, since when, until when, and where it went."""

import re
from pathlib import Path

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


def test_find_says_of_what_is_removed_what_it_held_then(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    ll("create", "--name", "gone", "far:1")
    ll("rm", "gone")
    ll("rmi", "far:1")
    rows = {row["where"]: row for row in ll.json("find", "/etc/motd")}
    assert len(rows) == 4
    for where, row in rows.items():
        assert row["removed"] is where.endswith(" (removed)")
        assert row["status"] == ("there when it was removed" if row["removed"] else "there now"), where
    assert "gone (removed)" in rows
    ll("undelete", "gone")
    assert {row["where"]: row["status"] for row in ll.json("find", "/etc/motd")}["gone"] == "there now"


def test_find_says_that_what_is_hidden_is_erased(ll: Layerlog, tmp_path: Path) -> None:
    """In an image from elsewhere, a folder's layer, a commit's own lower layer and below a fork; some of it, or all."""
    with_loaded(ll, "far:1")
    (tmp_path / "key").write_text("hello\n" * 2)
    ll("import", str(tmp_path), "base:2")
    ll("create", "--name", "over", "base:2")
    ll("delete", "over:/key")
    ll("commit", "-m", "x", "over", "over:1")
    write_and_commit(ll, "hello, one", "web")
    write_and_commit(ll, "hello, two", "web")
    ll("fork", "web", "--name", "fork")
    for name in ("web", "fork"):
        ll("delete", f"{name}:/f")
        ll("commit", "-m", "without", name, f"{name}:1")

    def hidden() -> dict[str, str]:
        rows = (row for row in ll.json("find", "--text", "hello") if not row["shown"])
        names = ((image["tags"][0], row) for row in rows for image in row["images"])
        return {f"{tag} {row['path']}": row["status"].removeprefix("hidden in a lower layer") for tag, row in names}

    before = hidden()
    assert set(before.values()) == {""}
    assert len(before) > 3
    ll("erase", "--path", "web@3:/f", "--reason", "x", "-y")
    erased = [row for row in ll.json("find", "/f") if row["erased"]]
    assert {row["status"].partition(", ")[2] for row in erased} == {"but some of it erased"}
    contents = {row["content"] for row in ll.json("find", "--path", "*")} - {None}
    for content in contents:
        ll.run("erase", "--content", content, "--reason", "x", "-y")
    for row in ll.json("find", "/f", "/key"):
        assert row["status"].endswith(", but erased"), row
        assert row["erased"] is not None


def test_a_path_with_several_contents_has_the_last_one(ll: Layerlog) -> None:
    for text in ("one", "two"):
        ll("write", "--text", text, "web:/f")
    ll("erase", "--path", "web@2:/f", "--reason", "x", "-y")
    row = ll.json("find", "/f")[0]
    assert row["content"] == sha256_of(ll, "web:/f")
    assert row["status"] == "there now, but some of it erased"


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


def test_find_of_what_an_imported_base_still_carries(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "log4j.jar").write_text("vulnerable")
    ll("import", str(tmp_path / "base"), "base:1")
    ll("create", "--name", "app", "base:1")
    ll("delete", "app:/log4j.jar")
    ll("commit", "-m", "x", "app", "app:2")
    found = [(row["status"], row["images"][0]["tags"]) for row in ll.json("find", "log4j.jar", "--in", "app:2")]
    assert found == [("hidden in a lower layer", ["app:2"])]


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


def test_a_name_is_looked_for_in_every_directory(ll: Layerlog) -> None:
    ll("write", "-p", "--text", "1", "web:/opt/app/lib/x.jar")
    ll("write", "-p", "--text", "2", "web:/x.jar/readme")
    for asked in (["x.jar"], ["*.jar"], ["[!a].j?r"]):
        assert [row["path"] for row in ll.json("find", *asked)] == ["/opt/app/lib/x.jar", "/x.jar"]
    assert [row["path"] for row in ll.json("find", "/opt/app")] == ["/opt/app", "/opt/app/lib", "/opt/app/lib/x.jar"]
    assert [row["path"] for row in ll.json("find", "/opt/*.jar", "readme")] == ["/opt/app/lib/x.jar", "/x.jar/readme"]
    assert ll.json("find", ".") == ll.json("find", "--path", "/")


def test_what_only_a_moved_directory_made_is_found(ll: Layerlog) -> None:
    """No event is about the name that it has now."""
    ll("write", "-p", "--text", "1", "web:/a/lib/x.jar")
    ll("move", "web:/a", "web:/b")
    for asked in ("/b/lib/x.jar", "/b/*.jar", "/b/lib"):
        assert {"/b/lib/x.jar"} == {row["path"] for row in ll.json("find", asked) if row["path"].endswith("jar")}, asked
    assert [(row["path"], row["status"][:5]) for row in ll.json("find", "x.jar")] == [("/a/lib/x.jar", "until"), ("/b/lib/x.jar", "there")]


def test_find_names_all_images_by_all_their_tags(ll: Layerlog) -> None:
    for number in range(6):
        write_and_commit(ll, f"{number}", "web", f"app:{number}")
        for name in ("shop/web", "prod/site"):
            ll("tag", f"app:{number}", f"{name}:{number}")
    shown = " ".join(line.strip() for line in ll.lines("find", "/f"))
    for number in range(6):
        assert f"app:{number}, prod/site:{number}, shop/web:{number}" in shown
    assert " more" not in shown


def test_what_is_removed_is_marked(ll: Layerlog) -> None:
    far = with_loaded(ll, "far:1")
    near = write_and_commit(ll, "x", "web", "app:1")
    ll("rm", "web")
    ll("rmi", "far:1")
    ll("rmi", "app:1")
    rows = {row["where"]: row for row in ll.json("find", "/etc/motd", "/f")}
    assert rows[f"{far[:12]} (removed)"]["removed"] is True
    assert rows["web (removed)"]["removed"] is True
    assert {(image["id"], image["removed"]) for image in rows["web (removed)"]["images"]} == {(near, True)}
    assert f"{near[:12]} (removed)" in ll("find", "f")


def test_find_takes_a_file_of_this_machine(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("local.jar", "sub/local.jar"):
        (tmp_path / name).write_text("jar")
    ll("write", "-p", "--text", "jar", "web:/lib/x.jar")
    for text in ("./local.jar", str(tmp_path / "local.jar"), "sub/local.jar", "web:/lib/x.jar"):
        assert [row["path"] for row in ll.json("find", "--content", text)] == ["/lib/x.jar"], text
    assert "no digest" in ll.refused("find", "--content", "local.jar")
    assert "no such file" in ll.refused("find", "--content", "./nonesuch")
    assert "directory" in ll.refused("find", "--content", "./sub").lower()


@pytest.fixture
def shop(ll: Layerlog) -> dict[str, str]:
    """A jar in the base, hidden above, brought back under another directory, forked, and in a container alone; by tag, the id."""
    made = dict[str, str]()

    def commit(container: str, tag: str) -> None:
        made[tag] = ll("commit", "-m", tag, container, tag).strip().removeprefix("sha256:")

    ll("write", "-p", "--text", "jar", "web:/lib/log4j.jar")
    commit("web", "base:shop")
    ll("create", "--name", "shop", "base:shop")
    ll("write", "--text", "1", "shop:/srv/app")
    commit("shop", "app:1")
    ll("delete", "shop:/lib/log4j.jar")
    commit("shop", "prod:1")
    ll("write", "-p", "--text", "jar", "shop:/opt/deep/log4j.jar")
    commit("shop", "prod:2")
    ll("fork", "shop", "--name", "fork")
    ll("delete", "-r", "fork:/opt")
    commit("fork", "fork:1")
    ll("delete", "shop:/opt/deep/log4j.jar")
    commit("shop", "shop/web:prod-3")
    ll("create", "--name", "alone", "base:1")
    ll("write", "--text", "jar", "alone:/srv/log4j.jar")
    return made


def holding(ll: Layerlog, *asked: str) -> set[str]:
    return {image["id"] for row in ll.json("find", *asked) for image in row["images"]}


def test_which_images_hold_the_jar(ll: Layerlog, shop: dict[str, str]) -> None:
    assert holding(ll, "log4j.jar") == holding(ll, "--text", "jar") == set(shop.values())
    shown = {image["id"] for row in ll.json("find", "log4j.jar") if row["shown"] for image in row["images"]}
    assert shown == {shop[tag] for tag in ("base:shop", "app:1", "prod:2")}
    assert "alone" in {row["where"] for row in ll.json("find", "log4j.jar")}
    ll("tag", "-q", "base:1", "prod:2")  # the tag moves away
    ll("rmi", "fork:1", "-f")
    assert holding(ll, "log4j.jar") == set(shop.values())


@pytest.mark.parametrize(("limits", "tags"), [
    (["--tag", "prod*"], ["prod:1", "prod:2", "shop/web:prod-3"]),
    (["--tag", "prod"], ["prod:1", "prod:2"]),
    (["--tag", "shop/web:*", "--tag", "fork"], ["shop/web:prod-3", "fork:1"]),
    (["--in", "app:1", "--in", "prod:2"], ["app:1", "prod:2"]),
    (["--in", "shop"], ["app:1", "prod:1", "prod:2", "shop/web:prod-3"]),
    (["--in", "shop", "--tag", "*:1"], ["app:1", "prod:1"]),
    (["--in", "shop", "--tag", "fork"], []),
])  # fmt: skip
def test_find_within(ll: Layerlog, shop: dict[str, str], limits: list[str], tags: list[str]) -> None:
    for asked in (["log4j.jar"], ["--path", "*/log4j.jar"], ["--text", "jar"], ["--content", "app:1:/lib/log4j.jar"]):
        if tags:
            assert holding(ll, *asked, *limits) == {shop[tag] for tag in tags}
        else:
            assert ll.nothing_found("find", *asked, *limits).startswith(f"nothing in {limits[1]}, {limits[3]} holds, or ever held, ")


def test_find_within_a_config(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    ll("create", "--name", "one", "far:1")
    ll("commit", "--allow-empty", "-m", "x", "one", "prod:1")
    assert [image["tags"] for row in ll.json("find", "--bytes", "PATH=/bin", "--tag", "prod*") for image in row["images"]] == [["prod:1"]]


def test_find_within_nonsense(ll: Layerlog) -> None:
    assert "no image has a tag like 'prdo*'" in ll.refused("find", "x", "--tag", "prdo*")
    assert "nonesuch" in ll.refused("find", "x", "--in", "nonesuch")
    assert "searched at all its points" in ll.refused("find", "x", "--in", "web@1")


def test_find_refuses_nonsense(ll: Layerlog) -> None:
    assert "is no digest" in ll.refused("find", "--content", "abc")
    assert ll.run("find").exit_code == 2
    assert ll.run("find", "--path", "x", "--bytes", "y").exit_code == 2


@pytest.mark.parametrize("shape", ["table", "json"])
def test_find_says_that_it_found_nothing(ll: Layerlog, shape: str) -> None:
    """On stderr, so that whoever reads stdout gets nothing at all; a header alone would be something."""
    absent = f"sha256:{'0' * 64}"
    spelled = " (a name without a slash is looked for in every directory)"
    for asked, qualified in (
        (["--path", "/never"], spelled), (["--content", absent], ""), (["never.jar"], ""),
        (["--bytes", "never\x1b"], ""), (["--text", "never"], " in a text file (--bytes looks into others too)"),
    ):  # fmt: skip
        said = ll.nothing_found("find", *asked, "--format", shape)
        assert said == f"no container and no image holds, or ever held, {asked[-1]}{qualified}".replace("\x1b", "\\x1b")
    assert " /never, /*.no (" in ll.nothing_found("find", "--path", "/never", "--path", "*.no")


def test_find_says_what_it_could_not_read(ll: Layerlog) -> None:
    ll("write", "--text", "secret", "web:/f")
    ll("erase", "--path", "web:/f", "--reason", "x", "-y")
    said = ll.run("find", "--bytes", "secret").stderr
    assert said.startswith("layerlog: not searched: contents that were erased (1)\n")
    assert "ever held, secret, as far as contents can be read; 1 content erased or damaged: what was in there cannot be known\n" in said


def test_what_a_prune_erased_may_have_held_anything(ll: Layerlog) -> None:
    """It may come back, but is not here."""
    ll("create", "--name", "gone", "base:1")
    ll("write", "--text", "secret", "gone:/f")
    ll("rm", "gone")
    ll("write", "--text", "another secret", "web:/g")
    ll("prune", "--contents-before", "0h", "-y")
    assert "1 content erased or damaged" in ll.run("find", "--bytes", "nowhere").stderr
    found = ll.run("find", "--text", "SECRET")
    assert "/g" in found.stdout
    assert found.stderr == "layerlog: not searched: contents that were erased (1)\n"
