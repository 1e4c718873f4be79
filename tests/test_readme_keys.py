"""The README's table of JSON keys: each listing has those, and no others."""

import json
import re

import pytest

from tests.cli.invoking import Layerlog, with_base, with_loaded, write_and_commit
from tests.cli.running import ROOT

COMMANDS = {
    "images": ("images",), "history": ("history", "app:1"), "tags": ("tags", "base"), "reflog": ("reflog",), "layers": ("layers", "app:1"),
    "layers --largest": ("layers", "--largest", "3", "app:1"), "ps": ("ps", "-a"),
    "status": ("status", "web"), "ls": ("ls", "web:/etc"), "stat": ("stat", "web:/etc/motd"), "diff": ("diff", "web"),
    "log": ("log", "web"), "show": ("show", "app:1"), "blame": ("blame", "web:/f"), "blame --lines": ("blame", "--lines", "web:/f"),
    "events": ("events",), "audit": ("audit",), "audit --commits": ("audit", "--commits"), "find": ("find", "--path", "/f"),
    "df": ("df",), "verify": ("verify",),
}  # fmt: skip
"""As the README's table names each, and what is run for it."""


@pytest.fixture(scope="module")
def ll(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    ll = with_base(tmp_path_factory.mktemp("keys") / "store")
    with_loaded(ll, "localhost/loaded:1")
    write_and_commit(ll, "one\n", "-m", "x", "web", "app:1")
    ll("write", "--text", "two\n", "web:/f")
    return ll


def keys(ll: Layerlog, name: str) -> list[str]:
    """The keys of all that a listing prints, in the order in which they first appear."""
    done = ll.run(*COMMANDS[name], "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return list(dict.fromkeys(key for row in found for key in row))


def documented() -> dict[str, list[str]]:
    text = (ROOT / "README.md").read_text().partition("## For programs\n")[2].partition("\n## ")[0]
    return {name: re.findall(r"`([\w ]+)`", row) for name, row in re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_keys_are_those_that_the_readme_names(ll: Layerlog, name: str) -> None:
    assert documented()[name] == keys(ll, name)


def test_every_listing_is_in_the_table() -> None:
    assert documented().keys() == COMMANDS.keys()

