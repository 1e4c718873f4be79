"""Names, messages, authors and paths that mean something to SQL, to shells, to terminals or to nobody."""

import json
import os
import re
from pathlib import Path

import pytest

from eventstore.store.store import Store
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.hostile.refusals import check_refused, state

MIB = 1 << 20
TEXTS = {
    "SQL": "'; DROP TABLE event; --",
    "SQL in double quotes": '" OR 1=1 --',
    "LIKE's wildcards": "%_%",
    "GLOB's wildcards": "*?[a-z]",
    "a format": "%s%n{0}{{",
    "an option": "--store=x",
    "a newline": "a\nb",
    "a carriage return": "real\rfake",
    "a tab and a bell": "a\tb\a",
    "terminal escapes": "\x1b]0;owned\x07\x1b[31mred",
    "a C1 escape": "\x9b31mred",
    "bidi controls": "\u202efdp.exe\u2066",
    "zero width": "a\u200b\ufeffb",
    "not UTF-8": os.fsdecode(b"\xff\xfe\x80"),
    "accents apart": "e\u0301\u0301\u0301",
    "beyond the BMP": "\U0001f600\U000e0001",
    "JSON": '{"a":[1,"\\u0000"]}',
    "markup": "<script>alert(1)</script>&amp;",
    "spaces": "  a  ",
    "a colon and a slash": "a:b@1",
}
LISTINGS = (
    ["log", "web"], ["log", "--oneline", "web"], ["audit"], ["history", "localhost/web:1"], ["ls", "-lR", "web"], ["diff", "--base", "web"],
    ["ps", "-a"], ["images"], ["events", "--format", "table"], ["status", "web"], ["find", "--path", "**"],
)  # fmt: skip
JSONS = (["log", "--format", "json", "web"], ["audit", "--format", "json"], ["events"], ["ls", "-R", "--format", "json", "web"])


@pytest.fixture
def web(commands: Commands, tmp_path: Path) -> Path:
    """A store with one container, web; sound when the test is over."""
    store = tmp_path / "store"
    commands.ok(store, ["create", "--name", "web", "scratch"])
    return store


@pytest.fixture(scope="module")
def shop(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("texts") / "store"
    commands.ok(store, ["create", "--name", "web", "scratch"])
    return store


def check_listings(commands: Commands, store: Path) -> None:
    for argv in LISTINGS:
        for line in commands.ok(store, argv).splitlines():
            assert line.isprintable(), (argv, line)
    for argv in JSONS:
        for line in commands.ok(store, argv).splitlines():
            assert line.isascii()
            json.loads(line)


def test_messages_and_authors_are_kept_and_shown_harmlessly(web: Path, commands: Commands) -> None:
    for text in TEXTS.values():
        commands.ok(web, ["write", "--text", text, "web:/f"], ["commit", f"--message={text}", f"--author={text}", "web", "localhost/web:1"])
    check_listings(commands, web)
    with Store.open_or_create(str(web)) as store:
        told = [json.loads(row[0]) for row in store.db.execute("SELECT detail FROM event WHERE id IS NOT NULL ORDER BY position")]
    assert [one["message"] for one in told] == [one["author"] for one in told] == list(TEXTS.values())
    assert problems(web) == []
    totals.count("hostile cases handled", len(TEXTS), len(TEXTS))


def test_paths_are_kept_byte_for_byte_and_shown_harmlessly(web: Path, commands: Commands, tmp_path: Path) -> None:
    names = [text.replace("/", "|") for text in TEXTS.values()]
    for name, text in zip(names, TEXTS.values(), strict=True):
        path = f"web:/{name}"
        commands.ok(web, ["write", "--text", name, path], ["link", "-s", "--", text, f"{path} link"], ["commit", "web", "localhost/web:1"])
        assert commands.ok(web, ["cat", path]).encode() == os.fsencode(name).decode("utf-8", "replace").encode()
        commands.ok(web, ["stat", path], ["blame", path])
    check_listings(commands, web)
    commands.ok(web, ["checkout", "web", str(tmp_path / "out")])
    found = {name: os.path.join(os.fsencode(tmp_path / "out"), name) for name in os.listdir(os.fsencode(tmp_path / "out"))}
    assert sorted(found) == sorted([os.fsencode(name) for name in names] + [os.fsencode(f"{name} link") for name in names])
    assert {os.readlink(path) for name, path in found.items() if name.endswith(b" link")} == {os.fsencode(text) for text in TEXTS.values()}
    assert problems(web) == []
    totals.count("hostile cases handled", len(TEXTS), len(TEXTS))


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if not re.fullmatch(r"[\w.-]+", text)])
def test_a_name_outside_of_the_grammar_is_refused(name: str, shop: Path, commands: Commands) -> None:
    before = state(shop)
    for argv in (["create", f"--name={TEXTS[name]}", "scratch"], ["rename", "--", "web", TEXTS[name]], ["commit", "--allow-empty", "--", "web", TEXTS[name]]):
        check_refused(commands.run(shop, argv), "is not a container name|is not an image name")
    check_refused(commands.run(shop, ["ls", "--", TEXTS[name]]), "no container or image|no such path|missing")
    assert state(shop) == before
    totals.count("hostile cases handled", 1, 1)


def test_texts_of_a_mebibyte(web: Path, commands: Commands, tmp_path: Path) -> None:
    big = "x" * MIB
    commands.ok(web, ["write", "--text", big, "web:/f"], ["commit", "-m", big, "-a", big, "web", "localhost/web:1"])
    assert commands.ok(web, ["cat", "web:/f"]) == big
    check_refused(commands.run(web, ["write", "--text", "x", f"web:/{big}"]), "4096|255")
    check_refused(commands.run(web, ["mkdir", "-p", "web:/" + "/d" * MIB]), "4096")
    check_refused(commands.run(web, ["create", "--name", big, "scratch"]), "is not a container name")
    check_refused(commands.run(web, ["ls", big]), "no container or image")
    check_refused(commands.run(web, ["tag", "localhost/web:1", big]), "is not an image name")
    commands.ok(web, ["config", "web", "--label", f"a={big}"], ["log", "web"], ["audit"])
    assert problems(web) == []
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.parametrize("path", ["/../etc/passwd", "/a/../../b", "/../..//x", "/a/./../../b"])
def test_paths_lead_nowhere_out_of_the_container(path: str, web: Path, commands: Commands) -> None:
    """As in the kernel, and so in docker cp, what is above the root is the root."""
    inside = os.path.normpath(path)
    commands.ok(web, ["write", "-p", "--text", "x", f"web:{path}"])
    assert commands.ok(web, ["cat", f"web:{inside}"]) == "x"
    before = state(web)
    for root in ("/..", "/../", "/./../..", "..", "../."):
        check_refused(commands.run(web, ["write", "-p", "--text", "x", f"web:{root}"]), "is a directory")
        check_refused(commands.run(web, ["delete", "-r", f"web:{root}"]), "the root directory cannot be deleted")
    assert state(web) == before
    totals.count("hostile cases handled", 1, 1)


def _paths_found(commands: Commands, web: Path, *asked: str) -> set[str]:
    done = commands.run(web, ["find", *asked, "--format", "json"])
    assert done.codes == [0], done
    found = {json.loads(line)["path"].lstrip("/") for line in done.out.splitlines()}
    assert ("nothing found" in done.err) is (not found), done
    return found


def test_wildcards_of_sql_are_plain_characters_in_searches(web: Path, commands: Commands) -> None:
    for name in ("a_b", "axb", "a%b"):
        commands.ok(web, ["write", "--text", name, f"web:/{name}"])
    for asked, found in (("a_b", {"a_b"}), ("a%b", {"a%b"}), ("%", set()), ("_xb", set())):
        assert _paths_found(commands, web, "--path", asked) == found
        assert _paths_found(commands, web, "--bytes", asked) == {name for name in ("a_b", "axb", "a%b") if asked in name}
    totals.count("hostile cases handled", 1, 1)
