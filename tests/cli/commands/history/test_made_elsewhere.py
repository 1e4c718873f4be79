"""What came with an image: one person made it, another brought it in, and nobody takes the one for the other."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.archived import archived
from tests.cli.invoking import Layerlog
from tests.images import image, layer_tar

STEPS = (("Cy <c@x>", "2026-01-02T03:04:05Z"), ("", "2026-02-01T00:00:00Z"), ("Di\x1b[31m <d@x>", "not a time"))


@pytest.fixture
def far(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An image of three layers (by Cy, by nobody named, by Di), as a whole by Em, which Bo loaded; a container of Ada's is on it."""
    steps = [{"created_by": f"step {n}", "author": who, "created": when} for n, (who, when) in enumerate(STEPS, 1)]
    tars = [layer_tar({f"f{n}": b"%d\n" % n, "all": b"1\n2\n3\n"[: 2 * n]}) for n in (1, 2, 3)]
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Bo <b@x>")
    ll("load", "-i", archived(tmp_path, image(tars=tars, names=("far:1",), author="Em <e@x>", history=steps)))
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Ada <ada@example.org>")
    ll("create", "--name", "one", "far:1")
    ll("write", "--text", "1\n2\n3\n4\n", "one:/all")
    ll("commit", "-m", "mine", "one", "one:1")
    return str(ll.json("log", "far:1")[0]["image"])


MADE = {1: "Cy <c@x>", 2: "Em <e@x>", 3: "Di\x1b[31m <d@x>"}


@pytest.mark.parametrize("ref", ["far:1", "one", "one:1", "one@1"])
def test_log_shows_both(ll: Layerlog, far: str, ref: str) -> None:
    rows = [row for row in ll.json("log", ref) if row["layer"]]
    assert [(row["number"], row["author"], row["loaded_by"], row["image"]) for row in rows] == [(n, MADE[n], "Bo <b@x>", far) for n in (3, 2, 1)]
    text = ll("log", ref)
    assert "Author: Cy <c@x> (the image's word)" in text
    assert "Author: Em <e@x> (the image's word, of all of it)" in text
    assert "Author: Di\\x1b[31m <d@x> (the image's word)" in text
    assert len(re.findall(r"^Loader: Bo <b@x> \(claimed\), \S+@\S+ \(uid \d+.*\) \(observed\)$", text, re.MULTILINE)) == 3


def test_blame_shows_both(ll: Layerlog, far: str) -> None:
    for n, who in MADE.items():
        cause = ll.json("blame", f"one:/f{n}")[0]["content"]
        assert (cause["layer"]["author"], cause["layer"]["loaded_by"], cause["layer"]["image"]) == (who, "Bo <b@x>", far)
        lines = ll.lines("blame", f"one:/f{n}")
        assert next(line for line in lines if line.startswith(("  author ", "  loader "))).startswith(f"  author   {who[:2]}")
        assert [line.split()[1] for line in lines if line.startswith("  loader ")] == ["Bo"]
        assert "nobody named" not in "\n".join(lines)
    rows = ll.json("blame", "--lines", "one:/all")
    assert [(row["author"], row["loaded_by"]) for row in rows] == [*((who, "Bo <b@x>") for who in MADE.values()), ("Ada <ada@example.org>", None)]
    shown = [re.findall(r"\((\S+) +\d{4}-", line) for line in ll.lines("blame", "--lines", "one:/all")]
    assert shown == [["Cy"], ["Em"], ["Di\\x1b[31m"], ["Ada"]]


def test_where_the_image_names_nobody_that_is_said(ll: Layerlog, tmp_path: Path) -> None:
    ll("load", "-i", archived(tmp_path, image(names=("far:2",))))
    assert "Author: nobody named (the image's word)" in ll("log", "far:2")
    assert "  author   nobody named (the image's word)" in ll("blame", "far:2:/etc/motd")
    assert "(loaded by Ada " in ll("blame", "--lines", "far:2:/etc/motd")
    assert {row["author"] for row in ll.json("log", "far:2")} == {None}


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [("^Cy", [1]), ("Em", [2]), ("^Di", [3]), ("c@x|e@x", [2, 1]), ("Bo", []), ("^Ada", []), ("Zoe", [])],
)
def test_author_finds_a_person_s_layers_wherever_they_were_loaded(ll: Layerlog, far: str, pattern: str, numbers: list[int]) -> None:
    """In the image, in what stands on it, and in the whole store, that of a removed image too."""
    def found(*ref: str) -> list[int]:
        return [row["number"] for row in ll.found("log", "--author", pattern, *ref) if row["layer"]]

    for ref in ((), ("--all",), ("far:1",), ("one",), ("one:1",)):
        assert found(*ref) == numbers
    ll("create", "--name", "holds", "scratch")
    ll("rmi", "-f", "far:1")
    assert found() == found(far) == numbers


@pytest.mark.parametrize(
    ("options", "numbers"),
    [(("--since", "2026-01-15"), [3, 2]), (("--until", "2026-01-15"), [1]), (("--since", "2026-01-02T03:04:05Z"), [3, 2, 1]),
     (("--since", "2026-01-03", "--until", "2026-03-01"), [2]), (("--since", "1 day ago"), [3])],
)  # fmt: skip
def test_a_layer_s_time_is_when_it_was_made(ll: Layerlog, far: str, options: tuple[str, ...], numbers: list[int]) -> None:
    """As its image says; where that says none, when it came."""
    assert far
    for ref in ((), ("one",)):
        assert [row["number"] for row in ll.found("log", *options, *ref) if row["layer"]] == numbers


def test_what_claims_to_be_made_after_it_came_was_made_by_then(ll: Layerlog, tmp_path: Path) -> None:
    steps = [{"created": "2999-01-01T00:00:00Z"}, {"created": "0001-01-01T00:00:00+14:00"}]
    ll("load", "-i", archived(tmp_path, image(names=("far:3",), history=steps)))
    old, late = ll.json("log", "far:3")
    assert (late["time"], late["created"], old["created"]) == (late["loaded"], "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00")
    assert old["time"] < "1700"
    assert len(ll.found("log", "--since", "2998-01-01", "far:3")) == 0


def test_every_row_of_log_has_the_same_keys(ll: Layerlog, far: str) -> None:
    """A commit, a layer, what is not yet sealed; of the store, of an image, of paths."""
    assert far
    ll("chmod", "600", "one:/all")
    found: list[dict[str, Any]] = [*ll.json("log"), *ll.json("log", "one"), *ll.json("show", "one:1")]
    paths: list[dict[str, Any]] = [json.loads(line) for line in ll.lines("log", "--format", "json", "one", "--", "/")]
    assert [bool(row["commit"]) + 2 * bool(row["layer"]) for row in paths] == [0, 1, 2, 2, 2]
    keys = [set(row) - {"events", "config", "config_changes", "changes", "trees"} for row in (*found, *paths)]
    assert all(row == keys[0] for row in keys)
    assert {"commit", "layer", "author", "time", "message", "loaded", "loaded_by", "source", "created", "position"} <= keys[0]


def test_the_whole_store_is_listed_as_it_came(ll: Layerlog, far: str) -> None:
    rows = ll.json("log")
    assert [row["position"] for row in rows] == sorted((row["position"] for row in rows), reverse=True)
    assert [row["layer"] and (row["image"], row["number"]) for row in rows] == [None, (far, 3), (far, 2), (far, 1), None]


def test_log_says_so_where_it_finds_nothing(ll: Layerlog, far: str) -> None:
    """Whatever was asked for."""
    assert far
    for asked in (("--author", "Zoe"), ("--grep", "zzz"), ("--actor", "^zzz"), ("--since", "2999-01-01"), ("--until", "1970-01-02")):
        assert ll.nothing_found("log", *asked) == "no commit or layer that was asked for"
        assert ll.nothing_found("log", *asked, "--oneline", "one") == "no commit or layer that was asked for in one"
    ll("create", "--name", "empty", "scratch")
    assert ll.nothing_found("log", "empty") == "no commit or layer that was asked for in empty"


@pytest.mark.parametrize(
    ("words", "count", "where"),
    [
        (("--author", "Cy"), 1, "--all"), (("--author", "<[de]@x>", "--commits"), 2, "--all"), (("--author", "^(Cy|Ada)", "--by", "author"), 1, "--all"),
        (("--author", "Di", "one"), 1, "one"), (("--author", "Em", "far:1"), 1, "far:1"), (("--author", "x"), 3, "--all"), (("--author", "Cy", "base:1"), 0, ""),
        (("--author", "Bo"), 0, ""), (("--author", "Ada"), 0, ""), (("--author", "Cy", "--since", "2026-01-03"), 0, ""), (("--author", "Cy", "--actor", "nobody"), 0, ""),
        ((), 0, ""), (("--commits",), 0, ""), (("--author", "Cy", "--path", "/f1"), 0, ""),
    ],
)  # fmt: skip
def test_audit_says_what_its_authors_made_elsewhere(ll: Layerlog, far: str, words: tuple[str, ...], count: int, where: str) -> None:
    """What came by load is no commit here, and `log` lists it: the audit of one author must not seem to be all."""
    ll("tag", far, "again:1")
    told = ll.told("audit", *words)[1]
    assert len(told) == (count > 0)
    if told:
        assert told[0].startswith(f"not listed: {count} layer{'s' * (count > 1)} by {words[1]} came from elsewhere, ")
        command = shlex.split(told[0].partition("`")[2].partition("`")[0])
        assert command[:3] == ["layerlog", "log", where]
        assert len({row["layer"] for row in ll.json(*command[1:]) if row["layer"]}) == count


@pytest.mark.parametrize(("claimed", "named"), [("Cy Twombly <c@x>", "Cy Twombly"), ("<c@x>", "<c@x>"), ("cy", "cy"), ("\x1b[31mCy <c@x>", "\\x1b[31mCy"), (None, None)])
def test_who_did_it_is_said_by_one_rule_wherever_it_is_one_word(ll: Layerlog, monkeypatch: pytest.MonkeyPatch, claimed: str | None, named: str | None) -> None:
    """The claimed author; where nobody is claimed, who was seen."""
    monkeypatch.delenv("LAYERLOG_AUTHOR", raising=False)
    if claimed is None:
        monkeypatch.setenv("HOME", ll.store)  # where git knows nobody
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    ll("write", *(("--author", claimed) if claimed else ()), "--text", "x\n", "web:/f")
    who = named or str(ll.json("events")[-1]["actor"]["login"])
    assert (ll.json("events")[-1]["author"] is None) is (claimed is None)
    lines = [*ll.lines("log", "--oneline", "web", "--", "/f"), *ll.lines("events", "--format", "table"), *ll.lines("undo", "web")]
    said = [line.partition("  FileWritten /f")[0].rpartition(":00  ")[2] for line in lines if "  FileWritten /f" in line]
    assert said == [who] * 3


def test_who_loaded_a_layer_is_not_said_to_have_written_what_is_in_it(ll: Layerlog, far: str) -> None:
    del far
    for line in (ll.lines("log", "--oneline", "one@1", "--", "/f1")[-1], next(line for line in ll.lines("events", "--format", "table") if line.endswith("/f1 0644 0:0 2B"))):
        assert "  loaded by Bo  FileWritten /f1" in line
