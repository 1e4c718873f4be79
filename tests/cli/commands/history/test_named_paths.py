"""Paths that lead through symlinks, and names that look like patterns: the same in every command that asks the history."""

import json
from collections.abc import Sequence

import pytest

from tests.cli.invoking import Layerlog

WAYS = {
    "a link beside it": ({"/l": "real/deep"}, "/l/f"),
    "an absolute one": ({"/l": "/real"}, "/l/deep/f"),
    "one through another": ({"/l": "/m", "/m": "real"}, "/l/deep/f"),
    "one that leads up": ({"/real/up": "../real/deep"}, "/real/up/f"),
    "one after dots": ({"/l": "real"}, "/srv/../l/deep/f"),
    "one twice": ({"/real/self": "."}, "/real/self/self/deep/f"),
}


@pytest.fixture(autouse=True)
def _made(ll: Layerlog) -> None:
    ll("create", "--name", "c", "scratch")
    ll("mkdir", "-p", "c:/real/deep")
    ll("write", "--text", "one", "c:/real/deep/f")
    ll("write", "--text", "other", "c:/f")


def linked(ll: Layerlog, links: dict[str, str]) -> None:
    for path, target in links.items():
        ll("link", "-s", target, f"c:{path}")
    ll("commit", "-m", "1", "c", "u:1")
    ll("write", "--text", "two", "c:/real/deep/f")


def asked(ll: Layerlog, path: str) -> list[tuple[Sequence[str], str, str]]:
    """What each command says of *path*: its words, its output, and what it says besides."""
    commands: list[list[str]] = [
        ["blame", f"c:{path}"], ["log", "--oneline", "c", "--", path], ["log", "--oneline", f"c:{path}"], ["log", "--all", "--", path],
        ["find", "--path", path], ["find", "--content", f"c:{path}"], ["events", "--filter", f"path={path}"],
        ["diff", "c", "--", path], ["diff", "u:1", f"c:{path}"], ["erase", "-n", "--path", f"c:{path}", "--reason", "x"],
    ]  # fmt: skip
    results = [(command, ll.run(*command)) for command in commands]
    assert all(result.exit_code == 0 and result.stdout for _, result in results), results
    return [(command, result.stdout, result.stderr) for command, result in results]


@pytest.mark.parametrize("way", WAYS)
def test_a_path_through_links_is_what_it_leads_to(ll: Layerlog, way: str) -> None:
    links, path = WAYS[way]
    linked(ll, links)
    meant = asked(ll, "/real/deep/f")
    for (command, output, said), (_, wanted, _) in zip(asked(ll, path), meant, strict=True):
        assert output == wanted, command
        assert " is /real/deep/f" in said, command
    assert ll.told("restore", "u:1:/real/deep/f", f"c:{path}")[0] == ["C /real/deep/f"]


def test_the_last_link_is_meant_itself_and_with_a_slash_what_it_leads_to(ll: Layerlog) -> None:
    linked(ll, {"/l": "real/deep"})
    for command in (["log", "--oneline", "c", "--", "/l"], ["events", "--filter", "path=/l"]):
        assert "/real" not in ll(*command).replace("real/deep", "")
    assert "/real/deep/f" in ll.run("log", "--oneline", "c", "--", "/l/").stdout


def test_what_was_there_before_the_link_is_found_too(ll: Layerlog) -> None:
    ll("mkdir", "c:/old")
    ll("write", "--text", "x", "c:/old/f")
    ll("move", "c:/old", "c:/kept")
    ll("link", "-s", "real/deep", "c:/old")
    shown = ll.run("log", "--oneline", "c", "--", "/old/f").stdout
    assert "/old/f" in shown
    assert "/real/deep/f" in shown


def test_links_that_lead_in_a_circle_are_said(ll: Layerlog) -> None:
    ll("link", "-s", "b", "c:/a")
    ll("link", "-s", "a", "c:/b")
    assert "circle" in ll.refused("log", "c", "--", "/a/x")
    assert ll.run("find", "--path", "/a/x").exit_code == 0


NAMED = {"/app/[id].tsx": "/app/i.tsx", "/a*b": "/axb", "/q?": "/qq", "/x\\[y": "/x[y", "/[!z]": "/k", "/[qlug]": "/q"}


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("name", NAMED)
def test_what_is_called_so_is_meant_and_nothing_else(ll: Layerlog, name: str, *, moved: bool) -> None:
    other, above = NAMED[name], "/made" if moved else ""
    ll("mkdir", "-p", f"c:{above}/app")
    for path in (name, other):
        ll("write", "--text", path, f"c:{above}{path}")
    if moved:
        ll("move", "c:/made", "c:/now")
        name, other = f"/now{name}", f"/now{other}"
    for path in (name, f":(literal){name}"):
        found = ll.run("find", "--format", "json", "--path", path)
        assert {json.loads(line)["path"] for line in found.stdout.splitlines()} == {name}
        assert "matches" not in found.stderr
        for command in (["log", "--oneline", "c", "--", path], ["diff", "--name-status", "c", "--", path]):
            assert other not in (line.split()[-1] for line in ll.lines(*command))
    if not moved:
        events = [json.loads(line) for line in ll.lines("events", "--filter", f"path={name}")]
        assert [event["path"] for event in events] == [name]


def test_a_pattern_that_could_be_a_name_says_what_it_matched(ll: Layerlog) -> None:
    ll("write", "--text", "x", "c:/i.tsx")
    for command in (["log", "c", "--", "/[id].tsx"], ["events", "--filter", "path=/[id].tsx"], ["find", "--path", "/[id].tsx"]):
        assert ll.run(*command).stderr == "layerlog: /[id].tsx matches /i.tsx\n"
