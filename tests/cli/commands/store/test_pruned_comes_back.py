"""What was pruned to make room is no secret: it comes back with whoever puts it again, and is told of in few words."""

import re
from pathlib import Path
from typing import Any

import pytest

from cli.display.integrity import MOST_NOTES
from cli.maintenance import erasure
from eventstore.content.reader import Content
from eventstore.retention import reachability
from tests.cli.archived import ONE, archived
from tests.cli.invoking import Layerlog, with_base


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    """The image localhost/one:1, loaded from one.tar, whose contents only it holds, removed and pruned."""
    ll = with_base(tmp_path / "store")
    ll("load", "-i", archived(tmp_path, ONE, name="one.tar"))
    ll("rmi", "localhost/one:1")
    assert "would erase 4 contents" in ll("prune", "-n")
    ll("prune", "-y")
    return ll


def files(ll: Layerlog) -> dict[str, Any]:
    return {row["path"]: row["digest"] for row in ll.json("ls", "-R", "localhost/one:1:/") if row["digest"]}


@pytest.mark.parametrize("how", ["load", "undelete, load", "undelete, repair"])
def test_an_image_that_is_loaded_anew_is_whole_again(ll: Layerlog, tmp_path: Path, how: str) -> None:
    if how.startswith("undelete"):
        ll("undelete", "localhost/one:1")
    archive = str(tmp_path / "one.tar")
    done = ll.run("repair", "--from", archive) if how.endswith("repair") else ll.run("load", "-i", archive)
    assert "lacks" not in done.stderr
    for path in files(ll):
        ll.raw("cat", f"localhost/one:1:{path}")
    ll("save", "-o", str(tmp_path / "out.tar"), "localhost/one:1")
    assert "erased" not in ll("verify")


def test_what_is_not_here_yet_needs_no_leave(ll: Layerlog, tmp_path: Path) -> None:
    """What was erased must be let return by name; what was pruned comes with any copy."""
    ll("undelete", "localhost/one:1")
    said = ll.run("create", "localhost/one:1").stderr
    assert "lacks what was erased here" in said
    assert "; `layerlog repair --from FILE` brings that back" in said
    assert "--let-return" not in said
    ll("repair", "--from", str(tmp_path / "one.tar"))
    assert ll.run("create", "localhost/one:1").stderr == ""


def test_what_was_pruned_may_be_written(ll: Layerlog) -> None:
    ll("undelete", "localhost/one:1")
    ll("create", "--name", "gone", "scratch")
    ll("write", "--text", "some words", "gone:/x")
    ll("rm", "gone")
    ll("prune", "-y")
    ll("write", "--text", "some words", "web:/y")
    assert ll("cat", "web:/y") == "some words"


def test_what_was_erased_beside_stays_out(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    archive = archived(tmp_path, ONE)
    ll("load", "-i", archive)
    path, digest = next(iter(files(ll).items()))
    ll("erase", "-y", "--content", digest, "--reason", "a secret")
    ll("rmi", "localhost/one:1")
    ll("prune", "-y")
    assert "lacks what was erased here" in ll.run("load", "-i", archive).stderr
    assert "a secret" in ll.refused("cat", f"localhost/one:1:{path}")


def test_pruning_reads_no_content(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for each content in each layer's framing, as erasing a secret does, took minutes of a large image."""
    def refuse(*_: object) -> None:
        raise AssertionError("read")

    with ll.writer() as writer:
        monkeypatch.setattr(Content, "read", refuse)
        assert erasure.plan_pruning(writer.store, {digest for digest, _ in reachability.stored_contents(writer.log)}).extent.sizes


def test_verify_tells_of_many_erasures_in_few_lines(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    ll("create", "--name", "gone", "scratch")
    for number in range(MOST_NOTES + 3):
        ll("write", "--text", f"text {number}", f"gone:/{number}")
    ll("rm", "gone")
    ll("prune", "-y")
    lines = ll.lines("verify")
    assert sum(line.startswith("content ") for line in lines) == MOST_NOTES
    assert lines[-2] == "and 3 more notes of such; `layerlog verify --format json` prints them all"
    assert sum(row["check"] == "content" for row in ll.json("verify")) == MOST_NOTES + 3


def test_there_is_nothing_to_erase_of_no_bytes(ll: Layerlog) -> None:
    ll("write", "--text", "", "web:/empty")
    assert "has no bytes to erase" in ll.refused("erase", "-y", "--path", "web:/empty", "--reason", "x")


def test_audit_tells_of_many_contents_in_one_row(ll: Layerlog, tmp_path: Path) -> None:
    ll("load", "-i", str(tmp_path / "one.tar"))
    rows = [line for line in ll.lines("audit") if "  erase  " in line or "  readmit  " in line]
    assert [re.search(r"\d contents: \w+", row) is not None for row in rows] == [True, True]
    assert [row["what"] for row in ll.json("audit")].count("erase") == 4
