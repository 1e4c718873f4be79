"""log -S: the commits, and of paths the changes, that made a text occur more or less often."""

import json

import pytest

from tests.cli.invoking import Layerlog

STEPS: list[tuple[str, ...]] = [
    ("write", "-p", "--text", "key=1\n", "web:/a/f"),
    ("write", "--text", "key=1\nother\n", "web:/a/f"),
    ("write", "--text", "key=1\nkey=1\n", "web:/a/f"),
    ("write", "--text", "key=1\n", "web:/b"),
    ("chmod", "600", "web:/b"),
    ("delete", "-r", "web:/a"),
    ("link", "-s", "key=1", "web:/l"),
]


@pytest.fixture
def steps(ll: Layerlog) -> Layerlog:
    for number, args in enumerate(STEPS):
        ll(*args)
        ll("commit", "-m", str(number), "web", *(["app:1"] if number == 3 else []))
    return ll


def struck(ll: Layerlog, *args: str) -> list[str]:
    done = ll.run("log", "--format", "json", *args)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line)["message"] for line in done.stdout.splitlines()][::-1]


@pytest.mark.parametrize(("args", "messages"), [
    (["web"], "0 2 3 5 6"),
    ([], "0 2 3 5 6"),
    (["app:1"], "0 2 3"),
    (["web@5..web"], "2 3 5 6"),
    (["web", "--", "/a"], "0 2 5"),
    (["web", "--", "/a/f"], "0 2 5"),
    (["web", "--", "*f"], "0 2 5"),
    (["web", "--", "/b", "/l"], "3 6"),
    (["-n", "2", "web"], "5 6"),
    (["-n", "1", "web", "--", "/a/f"], "5"),
    (["--grep", "[03]", "web"], "0 3"),
    (["--follow", "web", "--", "/b"], "3"),
])  # fmt: skip
def test_what_made_a_text_occur_more_or_less_often(steps: Layerlog, args: list[str], messages: str) -> None:
    assert struck(steps, "-S", "key=1", *args) == messages.split()


def test_a_text_that_lies_across_pieces_is_counted(ll: Layerlog) -> None:
    data = bytes(range(256)) * 4096
    for number, middle in enumerate((b"", b"NEEDLE-NEEDLE", b"NEEDLE-NEEDLE, NEEDLE")):
        ll("write", "web:/large", stdin=data[: len(data) // 2] + middle + data[len(data) // 2 :])
        ll("commit", "-m", str(number), "web")
    assert struck(ll, "-S", "NEEDLE-NEEDLE", "web") == ["1"]
    assert struck(ll, "-S", "NEEDLE", "web") == ["1", "2"]


def test_what_is_erased_is_said_not_to_be_searched(ll: Layerlog) -> None:
    ll("write", "--text", "secret", "web:/f")
    ll("commit", "-m", "x", "web")
    ll("erase", "--path", "web:/f", "--reason", "x", "-y")
    assert "not searched: erased contents (1)" in ll.run("log", "-S", "secret", "web").stderr


def test_nonsense_is_refused(ll: Layerlog) -> None:
    assert ll.run("log", "-S", "", "web").exit_code == 2
    assert ll.run("log", "-S", "x", "--graph").exit_code == 2
    assert "name it in place of --all" in ll.refused("log", "-S", "x", "--all", "--", "/f")
    assert "no commit or layer that was asked for in web" in ll.nothing_found("log", "-S", "nowhere", "web")
