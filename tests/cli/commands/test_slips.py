"""References as tired hands write them: what is said names what was meant, and nothing is done."""

import pytest

from tests.cli.invoking import Layerlog, write_and_commit


@pytest.fixture
def shop(ll: Layerlog) -> Layerlog:
    for number, tag in enumerate(("shop/web:1.0", "shop/web:1.1", "shop/web:prod", "shop/api:prod", "store/api:1.4")):
        write_and_commit(ll, f"{number}", "-m", tag, "web", tag)
    ll("create", "--name", "worker", "base:1")
    ll("tag", "shop/web:1.0", "old:gone")
    ll("rmi", "old:gone")
    return ll


SLIPS: list[tuple[list[str], str]] = [
    (["ls", "weeb"], "did you mean web?"),
    (["log", "wroker"], "did you mean worker?"),
    (["diff", "web", "WEB@2"], "did you mean web?"),
    (["delete", "weeb:/f"], "no container weeb; did you mean web?"),
    (["rm", "wrker"], "no container wrker; did you mean worker?"),
    (["cat", "shop/wbe:1.1:/f"], "did you mean shop/web:1.1?"),
    (["tag", "shop/wep:1.1", "x:1"], "no image shop/wep:1.1; did you mean shop/web:1.1?"),
    (["create", "shop/web"], "did you mean shop/web:1.0, shop/web:1.1 or shop/web:prod?"),
    (["history", "prod"], "did you mean shop/api:prod or shop/web:prod?"),
    (["ls", "prod@{1}"], "no tag prod; did you mean shop/api:prod or shop/web:prod?"),
    (["ls", "web/etc"], "a path in web is spelled web:/etc"),
    (["cat", "shop/web:1.1/etc/motd"], "a path in shop/web:1.1 is spelled shop/web:1.1:/etc/motd"),
    (["stat", "web@3/f"], "a path in web@3 is spelled web@3:/f"),
    (["blame", "web/f"], "web/f: a path in web is spelled web:/f"),
    (["restore", "worker/etc/motd"], "a path in worker is spelled worker:/etc/motd"),
    (["write", "--text", "x", "web/srv/x"], "a path in web is spelled web:/srv/x"),
    (["cp", "web/etc/motd", "/tmp"], "a path in web is spelled web:/etc/motd"),
    (["ls", "web@{last"], "as in 'web@{last Tuesday}'"),
    (["log", "shop/web:1.1@{2"], "as in 'shop/web:1.1@{last Tuesday}'"),
    (["undelete", "old:gonne"], "did you mean old:gone?"),
    (["events", "--filter", "stream=wroker"], "did you mean worker?"),
    (["ls", "nothing-like-it"], "`layerlog ps -a` and `layerlog images` list those there are"),
    (["reflog", "prod"], "no tag prod, now or ever; did you mean shop/api:prod or shop/web:prod?"),
    (["reflog", "gone"], "did you mean old:gone?"),
    (["reflog", "shop/wbe:1.1"], "did you mean shop/web:1.1?"),
    (["reflog", "nosuch/x:1"], "no tag nosuch/x:1, now or ever; `layerlog reflog` lists all tags' moves"),
    (["reflog", "worker"], "that is a container: `layerlog log worker`"),
    (["reflog", "shop/web:2"], "did you mean shop/web:1.1, shop/web:1.0 or shop/web:prod?"),
]


@pytest.mark.parametrize(("typed", "said"), SLIPS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_was_meant_is_said(shop: Layerlog, typed: list[str], said: str) -> None:
    assert said in shop.refused(*typed)


@pytest.mark.parametrize("typed", [["diff", "web@{last", "friday}", "web"], ["stat", "web@{last", "friday}:/f"], ["tag", "a@{2", "days}", "b"]])
def test_a_point_that_the_shell_parted(shop: Layerlog, typed: list[str]) -> None:
    ref = typed[1].partition("@")[0]
    done = shop.run(*typed)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert f"its brace is not closed; quote a point with blanks, as in '{ref}@{{last Tuesday}}'" in done.stderr


def test_names_of_the_store_are_never_sent_raw(ll: Layerlog) -> None:
    assert "\x1b" not in ll.refused("ls", "web\x1b[31m")
    assert "\x1b" not in ll.refused("ls", "web/\x1b[31m")


def test_an_events_place_in_the_store_is_spelled_as_its_point(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/f")
    event = ll.json("events", "--filter", "stream=web", "--filter", "kind=FileWritten")[-1]
    position, point = event["position"], f"web@{event['version']}"
    assert ll.refused("ls", f"web@{position}").endswith(f"; event {position} of the store is {point}")
    assert ll.refused("cat", f"{position}:/f").endswith(f"; event {position} of the store is {point}")
    assert ll(*["cat", f"{point}:/f"]) == "x"
    other = ll.json("events", "--filter", "kind=TagMoved")[0]["position"]
    assert "of the store" not in ll.refused("ls", f"web@{other}")
    assert f"`layerlog show {other}` shows that event" in ll.refused("ls", f"{other}")
    assert "of the store" not in ll.refused("ls", "web@99999999999999999999")
    assert "event" not in ll.refused("ls", "99999999")
    ll("rename", "web", "site")
    assert ll.refused("ls", f"{position}").endswith(f"is site@{event['version']}")
    ll("rm", "site")
    assert event["name"][:12] in ll.refused("ls", f"{position}")


def test_reflog_of_a_repository_lists_its_tags_moves(shop: Layerlog) -> None:
    shop("tag", "-q", "shop/web:1.0", "shop/web:1.1")
    points = [row["point"] for row in shop.json("reflog", "shop/web")]
    assert points == ["shop/web:1.1@{0}", "shop/web:prod@{0}", "shop/web:1.1@{1}", "shop/web:1.0@{0}"]
    shop("tag", "shop/web:1.0", "shop/web")
    assert [row["point"] for row in shop.json("reflog", "shop/web")] == ["shop/web:latest@{0}"]
    assert shop.json("reflog", "old:gone")[0]["image"] is None
    assert shop.json("reflog", "old") == shop.json("reflog", "old:gone")


def test_images_of_a_tag_alone_lists_nothing_and_says_whose_tag_it_is(shop: Layerlog) -> None:
    done = shop.run("images", "prod")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr == "layerlog: nothing found: no repository prod; tags that end so: shop/api:prod, shop/web:prod\n"
    assert shop.run("images", "-q", "nosuch").stderr == ""
    assert shop.run("images", "shop/web").stderr == ""


@pytest.mark.parametrize(("glob", "found"), [
    ("*:1.4", ["store/api:1.4"]), ("*:1.*", ["shop/web:1.0", "shop/web:1.1", "store/api:1.4"]), ("s*api:*", ["shop/api:prod", "store/api:1.4"]),
    ("shop/*:prod", ["shop/api:prod", "shop/web:prod"]), ("*web:[^p]*", ["shop/web:1.0", "shop/web:1.1"]),
])  # fmt: skip
def test_a_glob_of_tags_leaves_no_image_out(shop: Layerlog, glob: str, found: list[str]) -> None:
    rows = shop.json("find", "/f", "--tag", glob)
    assert sorted(name for row in rows for image in row["images"] for name in image["tags"]) == found


def test_log_says_that_a_range_is_the_wrong_way_round(shop: Layerlog) -> None:
    there = "; the other way round, shop/web:1.0..shop/web:1.1, there is"
    assert shop.nothing_found("log", "shop/web:1.1..shop/web:1.0").endswith(there)
    assert shop.nothing_found("log", "shop/web:1.1..shop/web:1.0", "--", "/f").endswith(there)
    assert shop.nothing_found("log", "shop/web:1.1..shop/web:1.0:/f").endswith("shop/web:1.0..shop/web:1.1:/f, there is")
    assert "other way" not in shop.nothing_found("log", "shop/web:1.1..shop/web:1.0", "--", "/etc/passwd")
    assert "other way" not in shop.nothing_found("log", "shop/web:1.1..shop/web:1.1")
    assert "other way" not in shop.nothing_found("log", "shop/web:1.1..shop/web:1.0", "--author", "nobody")


def test_untag_is_rmi(ll: Layerlog) -> None:
    assert "`layerlog rmi NAME:TAG`" in ll.run("untag", "base:1").stderr
