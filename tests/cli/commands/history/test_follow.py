"""log -p --follow: over a move and a hard link the changed lines alone, as git says it and takes it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog

OLD, NEW = "one\ntwo\nthree\nfour\n", "one\n2\nthree\nfour\n"


def patches(ll: Layerlog, *args: str) -> list[str]:
    """The patches of the followed path, oldest first, without what stands around them."""
    raw = ll("log", "-p", "--follow", "--reverse", *args)
    return ["diff --git " + part.partition("\n\n")[0] + "\n" for part in raw.split("diff --git ")[1:]]


@pytest.mark.parametrize(("changes", "name", "verb"), [
    ([("move", "web:/a/f", "web:/a/g")], "a/g", "rename"),
    ([("move", "web:/a", "web:/b")], "b/f", "rename"),
    ([("move", "web:/a/f", "web:/a/x"), ("move", "web:/a", "web:/c")], "c/x", "rename"),
    ([("link", "web:/a/f", "web:/a/l")], "a/l", "copy"),
])  # fmt: skip
@pytest.mark.parametrize("edit", [True, False])
def test_git_takes_what_a_moved_file_became(
    ll: Layerlog, tmp_path: Path, changes: list[tuple[str, ...]], name: str, verb: str, *, edit: bool
) -> None:
    ll("write", "-p", "--text", OLD, "web:/a/f")
    ll("commit", "-m", "one", "web")
    for args in changes:
        ll(*args)
    if edit:
        ll("write", "--text", NEW, f"web:/{name}")
    ll("commit", "-m", "two", "web")
    made, moved = patches(ll, "web", "--", name)
    assert f"{verb} from a/f\n{verb} to {name}\n" in moved
    signs = [line for line in moved.splitlines() if line[:1] in "+-"]
    assert signs == (["--- a/a/f", f"+++ b/{name}", "-two", "+2"] if edit else [])
    for patch in (made, moved):
        done = subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, capture_output=True, check=False)
        assert done.returncode == 0, (patch, done.stderr)
    assert (tmp_path / name).read_text() == (NEW if edit else OLD)
    assert (tmp_path / "a/f").exists() is (verb == "copy")


def test_what_replaced_another_file_is_no_rename(ll: Layerlog) -> None:
    ll("write", "-p", "--text", OLD, "web:/a/f")
    ll("write", "--text", "other\n", "web:/a/g")
    ll("commit", "-m", "one", "web")
    ll("delete", "web:/a/g")
    ll("move", "web:/a/f", "web:/a/g")
    ll("commit", "-m", "two", "web")
    assert "rename" not in "".join(patches(ll, "web", "--", "a/g"))


def test_a_move_and_a_removal_in_other_commits(ll: Layerlog) -> None:
    ll("write", "-p", "--text", OLD, "web:/a/f")
    ll("commit", "-m", "one", "web")
    ll("move", "web:/a/f", "web:/g")
    ll("commit", "-m", "two", "web")
    ll("write", "--text", NEW, "web:/g")
    ll("commit", "-m", "three", "web")
    ll("delete", "web:/g")
    found = patches(ll, "web", "--", "g")
    assert ["rename from a/f" in patch for patch in found] == [False, True, False, False]
    assert "deleted file" in found[-1]
    rows = map(json.loads, ll.lines("log", "-p", "--format", "json", "--follow", "-n", "3", "web", "--", "g"))
    assert [row["changes"][0]["before"]["path"] for row in rows] == ["/g", "/g", "/a/f"]
