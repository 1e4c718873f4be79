"""`log --graph`: every commit and what it came from, under every other option that `log` has."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from cli.commands.history.log import log
from tests.cli.invoking import Layerlog, with_loaded


@pytest.fixture
def family(ll: Layerlog) -> Layerlog:
    """Beside base:1: one is on far:1, with two commits of which the first has no tag; two, three and four came from one."""
    with_loaded(ll, "far:1", author="Di <d@x>")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "1", "one:/f")
    ll("commit", "-m", "first\n\nbody", "-a", "Bo <b@x>", "one")
    ll("write", "--text", "2", "one:/f")
    ll("fork", "one", "--name", "two")
    ll("write", "--text", "2", "two:/g")
    ll("commit", "-m", "in two", "two")
    ll("commit", "-m", "second", "one", "app:1")
    ll("create", "--name", "three", "app:1")
    ll("write", "--text", "3", "three:/f")
    ll("commit", "-m", "in three", "-a", "", "three", "app:3")
    ll("fork", "one@3", "--name", "four")
    ll("rm", "four")
    return ll


def drawn(ll: Layerlog, *args: str) -> list[str]:
    shown = ll.run("log", "--graph", *args)
    assert shown.exit_code == 0, shown.stderr
    return [re.sub(r"\b[0-9a-f]{12}\b", "ID", re.sub(r"\d{4}-\d\d-\d\d \S+ [+-]\S+", "TIME", line)) for line in shown.stdout.splitlines()]


FAR = [
    "image ID (localhost/far:1)",
    "`- container one (ID), 2 commits",
    "   |- commit ID TIME Bo: first",
    "   |  `- container four (ID), 0 commits, from one@3, removed",
    "   |- container two (ID), 1 commit, from one@4",
    "   |  `- commit ID TIME Ada: in two",
    "   `- commit ID (app:1) TIME Ada: second",
    "      `- container three (ID), 1 commit, from one@5",
    "         `- commit ID (app:3) TIME Ada: in three",
]
BASE = [
    "container made (ID), 1 commit, removed",
    "`- commit ID (base:1) TIME Ada: base",
    "   `- container web (ID), 0 commits, from ID@15",
]


def test_a_graph_shows_every_commit_with_author_and_date(family: Layerlog) -> None:
    assert drawn(family) == FAR + BASE or drawn(family) == BASE + FAR


@pytest.mark.parametrize("ref", ["one", "two", "three", "far:1", "app:1", "app:3", "two@3", "app:1@{0}", "one~1"])
def test_a_graph_of_anything_is_of_its_whole_family(family: Layerlog, ref: str) -> None:
    assert drawn(family, ref) == FAR


def listed(ll: Layerlog, args: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return the commits and the images of the layers that `log` lists."""
    rows = ll.found("log", *args)
    return {row["commit"] for row in rows if row["commit"]}, {row["image"] for row in rows if row["layer"]}


SELECTING = [
    ["--author", "Bo"], ["--author", "^Di"], ["--author", "Zoe"], ["--grep", "in t"], ["--grep", "body"], ["--actor", "."], ["-n", "1"],
    ["-n", "3"], ["-2"], ["-n", "0"], ["--max-count", "99"], ["--since", "1 hour ago"], ["--until", "1 hour ago"], ["--since", "2999-01-01"],
    ["--author", "Ada", "-n", "2"], ["--grep", "second", "--since", "1 day ago"], ["--all"], ["--all", "--author", "Bo"], ["--date", "utc", "-n", "2"],
]  # fmt: skip


@pytest.mark.parametrize("args", SELECTING, ids=" ".join)
def test_a_graph_leads_to_what_log_lists(family: Layerlog, args: list[str]) -> None:
    """And to nothing else: its commits are those, and all besides is an ancestor of one of them or of a layer's image."""
    commits, images = listed(family, args)
    rows = family.found("log", "--graph", *args)
    by_id = {row["id"]: row for row in rows}
    assert {row["commit"] for row in rows if row["commit"]} == commits
    asked = args != ["--all"]
    if asked:
        led_to = {row["id"] for row in rows if row["id"] in commits | images}
        for identity in list(led_to):
            while (below := by_id[identity]["below"]) is not None:
                identity = below["id"]
                led_to.add(identity)
        assert led_to == set(by_id)
        assert images <= set(by_id)
    text = family.run("log", "--graph", *args)
    assert len(text.stdout.splitlines()) == len(rows)
    assert bool(rows) != text.stderr.startswith("layerlog: nothing found") or args == ["-n", "0"]


def test_a_graph_of_a_family_counts_its_own_commits_alone(family: Layerlog) -> None:
    family("write", "--text", "9", "web:/f")
    family("commit", "-m", "of another family, and the newest", "web")
    assert [line for line in drawn(family, "-n", "2", "one") if "commit ID" in line] == [
        "   `- commit ID (app:1) TIME Ada: second", "         `- commit ID (app:3) TIME Ada: in three",
    ]  # fmt: skip
    assert family.nothing_found("log", "--graph", "--author", "Bo", "base:1") == "no commit or layer that was asked for in base:1"
    assert drawn(family, "--author", "Bo", "three") == [*FAR[:2], "   `- commit ID TIME Bo: first"]


def test_oneline_and_json_of_a_graph(family: Layerlog) -> None:
    oneline = drawn(family, "--oneline", "one")
    assert [line.split("- ")[1] for line in oneline if "container" not in line and "image" not in line] == [
        "ID first", "ID in two", "ID (app:1) second", "ID (app:3) in three",
    ]  # fmt: skip
    rows = [json.loads(line) for line in family.lines("log", "--graph", "--format", "json", "one")]
    assert len(rows) == len(FAR)
    assert {key for row in rows for key in row} == set(rows[0]) == set(rows[2])
    commits = {row["commit"]: row for row in family.json("log")}
    for row in rows:
        if row["kind"] == "commit":
            assert {key: row[key] for key in commits[row["id"]]} == commits[row["id"]]


REFUSED: dict[str, list[str]] = {
    "--reverse": ["--reverse"], "--follow": ["--follow"], "-p": ["-p", "-U", "1"], "--stat": ["--stat"], "--name-status": ["--name-status"],
    "--name-only": ["--name-only"], "PATH": ["one", "--", "/f"], "one@2": ["one@2"], "one:/f": ["one:/f"],
    "-S": ["-S", "x"],
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_honour_is_refused_by_name(family: Layerlog, name: str) -> None:
    done = family.run("log", "--graph", *REFUSED[name])
    assert (done.exit_code, done.stdout) == (2, "")
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert error.startswith(f"Error: --graph and {name.replace('one@2', 'the point one@2').replace('one:/f', 'PATH')} do not go together")


def test_every_option_of_log_is_tried_with_a_graph() -> None:
    """One that is added must be honoured or refused, and stand in a table here."""
    tried = {arg for args in (*SELECTING, *REFUSED.values(), ["--oneline", "--format", "--graph"]) for arg in args if arg.startswith("-")}
    options: list[Any] = [param for param in log.params if param.param_type_name == "option" and param.name != "help"]
    assert [param.name for param in options if not tried.intersection(param.opts)] == []


def test_a_long_line_of_forks_and_many_commits_are_drawn(ll: Layerlog) -> None:
    """Neither is a matter of recursion."""
    for number in range(40):
        ll("fork", "web" if not number else f"c{number - 1}", "--name", f"c{number}")
    lines = ll.lines("log", "--graph", "c39")
    assert len(lines) == 43
    assert lines[-1].startswith(" " * 3 * 41 + "`- container c39 (")


def test_a_graph_of_an_empty_store_says_so(ll: Layerlog, tmp_path: Any) -> None:
    empty = Layerlog(tmp_path / "empty")
    with empty.writer():
        pass
    assert ll.store != empty.store
    assert empty.nothing_found("log", "--graph") == "no image or container is here yet"
    assert empty.nothing_found("log", "--graph", "--author", "x") == "no commit or layer that was asked for"
