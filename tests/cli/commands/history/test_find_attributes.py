"""find by attributes, as find(1) spells them: what is or was so, where, since when and until when."""

import re

import pytest

from eventstore.index.names import container_named
from eventstore.model.changes import put
from eventstore.store import commands
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog


def test_who_made_it_setuid_is_found_without_knowing_which_file(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an image's base and by a chmod later; since when, until when, and in which images."""
    ll("write", "--text", "x", "web:/tool")
    first = ll("commit", "-m", "plain", "web", "app:1").strip().removeprefix("sha256:")
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Eve <eve@example.org>")
    ll("chmod", "6755", "web:/tool")
    monkeypatch.delenv("LAYERLOG_AUTHOR")
    second = ll("commit", "-m", "setuid", "web", "app:2").strip().removeprefix("sha256:")
    ll("chmod", "u-s,g-s", "web:/tool")
    third = ll("commit", "-m", "plain again", "web", "app:3").strip().removeprefix("sha256:")
    rows = [row for row in ll.json("find", "--perm", "/6000", "--type", "f") if row["where"] == "web"]
    told = [(row["path"], row["mode"], row["shown"], row["from_version"], [one["id"] for one in row["images"]]) for row in rows]
    su = ("/usr/bin/su", "4755", True, 0, [first, second, third])
    assert told == [("/tool", "6755", True, 4, [second]), ("/tool", "6755", False, None, [third]), su]
    assert rows[0]["until"] is not None
    blamed = ll.json("blame", "app:2:/tool")[0]
    assert blamed["attributes"]["event"]["author"] == "Eve <eve@example.org>"
    assert (blamed["attributes"]["event"]["name"], blamed["attributes"]["event"]["version"]) == (rows[0]["id"], rows[0]["from_version"])
    table = ll.lines("find", "--perm", "/6000", "tool")
    assert re.match(r"WHERE +PATH +MODE +UID +GID +SIZE +SINCE +STATUS +IMAGES", table[0])
    assert re.match(r"web +/tool +6755 +0 +0 +1 ", table[1])


@pytest.mark.parametrize(("asked", "paths"), [
    (["--user", "web"], ["/srv/a"]),
    (["--user", "33", "--group", "44"], ["/srv/a"]),
    (["--group", "staff"], ["/srv/b"]),
    (["--user", "web", "--group", "staff"], None),
    (["--size", "+1k", "--size", "-2k"], ["/srv/b"]),
    (["--size", "1500"], ["/srv/b"]),
    (["--size", "1500c", "--perm", "0600"], ["/srv/b"]),
    (["--type", "l", "/srv"], ["/srv/l"]),
    (["--type", "l,p", "/srv"], ["/srv/l", "/srv/p"]),
    (["--perm", "777"], None),  # but symlinks, which have none
    (["--newer", "2030-01-01"], ["/srv/a"]),
    (["--newer", "2041-01-01"], None),
    (["[ab]", "--perm", "-0600", "--type", "f"], ["/srv/a", "/srv/b"]),
    (["a", "--perm", "0600"], None),
    (["--content", "web:/srv/a", "--user", "web"], ["/srv/a"]),
    (["--text", "hello", "--user", "web"], None),
    (["--user", "web", "--in", "web"], ["/srv/a"]),
    (["--user", "web", "--tag", "base"], None),
])  # fmt: skip
def test_find_by_attributes_as_by_find_1(ll: Layerlog, asked: list[str], paths: list[str] | None) -> None:
    with ll.writer() as writer:
        kept = writer.content.put(b"a")
        put_there = [
            put(b"srv/a", 0o100644, uid=33, gid=44, mtime=2_000_000_000 * 10**9, size=1, content=kept),
            put(b"srv/b", 0o100600, gid=50, size=1500, content=writer.content.put(b"b" * 1500)),
            put(b"srv/l", 0o120777, target=b"a"), put(b"srv/p", 0o010644),
        ]  # fmt: skip
        container = container_named(writer.store.log, "web") or ""
        commands.record(writer, container, put_there, live_view(writer.store, container))
    if paths is None:
        assert "with these attributes" in ll.nothing_found("find", *asked)
    else:
        assert [row["path"] for row in ll.json("find", *asked)] == paths


def test_a_name_that_stands_for_several_numbers_is_refused(ll: Layerlog) -> None:
    ll("create", "--name", "other", "base:1")
    ll("write", "--text", "web:x:99:99::/:/bin/false\n", "other:/etc/passwd")
    ll("chown", "99", "other:/srv")
    assert "33 in " in (said := ll.refused("find", "--user", "web"))
    assert "99 in " in said
    assert "give the number" in said
    assert [row["path"] for row in ll.json("find", "--user", "web", "--in", "other")] == ["/srv"]


@pytest.mark.parametrize(("asked", "said"), [
    (["--user", "nobody"], "no /etc/passwd"), (["--group", "nobody"], "no /etc/group"), (["--user", "4294967295"], "over 4294967294"),
    (["--user", ""], "give the number"), (["--type", "x"], "no type 'x'"), (["--type", ""], "no type ''"), (["--type", "f,"], "no type ''"),
    (["--perm", "u+s"], "write it in octal"), (["--perm", "77777"], "--perm 77777"), (["--size", "+"], "is not a size"),
    (["--size", "+-1"], "is not a size"), (["--size", "1w"], "is not a size"), (["--newer", "soonish"], "not understood"),
])  # fmt: skip
def test_attributes_that_are_none_are_refused(ll: Layerlog, asked: list[str], said: str) -> None:
    assert said in ll.refused("find", *asked)
