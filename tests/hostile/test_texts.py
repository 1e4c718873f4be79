"""Names, messages, authors and paths that mean something to SQL, to shells, to terminals or to nobody."""

import json
import os
import re
from pathlib import Path

import pytest

from eventstore.store import Store
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


def check_listings(commands: Commands, store: Path) -> None:
    for argv in LISTINGS:
        for line in commands.ok(store, argv).splitlines():
            assert line.isprintable(), (argv, line)
    for argv in JSONS:
        for line in commands.ok(store, argv).splitlines():
            assert line.isascii()
            json.loads(line)


@pytest.mark.parametrize("name", TEXTS)
def test_a_message_and_an_author_are_kept_and_shown_harmlessly(name: str, web: Path, commands: Commands) -> None:
    text = TEXTS[name]
    commands.ok(web, ["write", "--text", text, "web:/f"], ["commit", f"--message={text}", f"--author={text}", "web", "localhost/web:1"])
    check_listings(commands, web)
    with Store.open(str(web)) as store:
        (detail,) = store.db.execute("SELECT detail FROM event WHERE id IS NOT NULL").fetchone()
    told = json.loads(detail)
    assert (told["message"], told["author"]) == (text, text) or not text.isprintable()
    assert problems(web) == []
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.parametrize("name", TEXTS)
def test_a_path_is_kept_byte_for_byte_and_shown_harmlessly(name: str, web: Path, commands: Commands, tmp_path: Path) -> None:
    path = f"web:/{TEXTS[name].replace('/', '|')}"
    commands.ok(web, ["write", "--text", "x", path], ["link", "-s", TEXTS[name], "web:/symlink"], ["commit", "web", "localhost/web:1"])
    assert commands.ok(web, ["cat", path]) == "x"
    check_listings(commands, web)
    commands.ok(web, ["stat", path], ["blame", path], ["checkout", "web", str(tmp_path / "out")])
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted([os.fsencode(path[5:]), b"symlink"])
    assert os.readlink(os.fsencode(tmp_path / "out/symlink")) == os.fsencode(TEXTS[name])
    assert problems(web) == []
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if not re.fullmatch(r"[\w.-]+", text)])
def test_a_name_outside_of_the_grammar_is_refused(name: str, web: Path, commands: Commands) -> None:
    before = state(web)
    for argv in (["create", f"--name={TEXTS[name]}", "scratch"], ["rename", "--", "web", TEXTS[name]], ["commit", "--allow-empty", "--", "web", TEXTS[name]]):
        check_refused(commands.run(web, argv), "is not a container name|is not an image name")
    check_refused(commands.run(web, ["ls", "--", TEXTS[name]]), "no container or image|no such path|missing")
    assert state(web) == before
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


@pytest.mark.parametrize("path", ["/../etc/passwd", "/a/../../b", "/..", "/a/./../../b"])
def test_paths_that_lead_out_are_refused(path: str, web: Path, commands: Commands) -> None:
    before = state(web)
    check_refused(commands.run(web, ["write", "-p", "--text", "x", f"web:{path}"]), r"the part '\.\.'|leads out|is not a name")
    assert state(web) == before
    totals.count("hostile cases handled", 1, 1)
