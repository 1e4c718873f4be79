"""Images made anew by `erase --derive`: on the same layers below the first that held it; the others are told again."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.archived import inspected
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.peers import peer
from tests.upkeep import SECRET

SECRETS = ("/etc/key", "/one", "/dir/two", "/three", "/forked", "/last")
"""Where a secret lies: in what all stands on, then layer by layer, the lowest first."""


def loaded(ll: Layerlog, _: Path) -> str:
    with_loaded(ll, "far:1")
    ll("create", "--name", "below", "far:1")
    ll("write", "--text", SECRET + "0", "below:/etc/key")
    ll("commit", "-m", "bottom", "below", "bottom:1")
    return "bottom:1"


def born(ll: Layerlog, _: Path) -> str:
    ll("write", "--text", SECRET + "0", "web:/etc/key")
    ll("commit", "-m", "bottom", "web", "bottom:1")
    return "bottom:1"


def folder(ll: Layerlog, tmp_path: Path) -> str:
    (tmp_path / "folder" / "etc").mkdir(parents=True)
    (tmp_path / "folder" / "etc" / "key").write_text(SECRET + "0")
    (tmp_path / "folder" / "etc" / "hard").hardlink_to(tmp_path / "folder" / "etc" / "key")
    (tmp_path / "folder" / "etc" / "motd").write_text("hello\n")
    ll("import", "-m", "bottom", str(tmp_path / "folder"), "bottom:1")
    return "bottom:1"


def carried(ll: Layerlog, tmp_path: Path) -> str:
    """An image from elsewhere that has a layer with the secret above one without."""
    other = with_base(tmp_path / "other")
    born(other, tmp_path)
    other("save", "-o", str(tmp_path / "other.tar"), "bottom:1")
    ll("load", "-q", "-i", str(tmp_path / "other.tar"))
    return "bottom:1"


def stacked(ll: Layerlog, bottom: str) -> str:
    """top:1, of layers that write, change, link, move and delete, on one another's files too; on a fork of what was unsealed."""
    ll("create", "--name", "c", bottom)
    ll("write", "--text", SECRET + "1", "c:/one")
    ll("mkdir", "c:/dir")
    ll("write", "--text", "kept", "c:/dir/kept")
    ll("commit", "-m", "first", "-a", "Ada <ada@x>", "-c", "ENV A=1", "c")
    ll("write", "--text", SECRET + "2", "c:/dir/two")
    ll("link", "c:/dir/kept", "c:/linked")
    ll("chmod", "600", "c:/one")
    ll("commit", "-m", "second", "-a", "Bob <bob@x>", "c", "mid:1")
    ll("commit", "-m", "only config", "-a", "Cem <cem@x>", "-c", "LABEL l=1", "c")
    ll("write", "--text", SECRET + "3", "c:/three")
    ll("move", "c:/dir", "c:/moved")
    ll("delete", "c:/etc/motd")
    ll("commit", "-m", "third", "-a", "Dora <dora@x>", "c")
    ll("write", "--text", SECRET + "4", "c:/forked")
    ll("fork", "c", "--name", "d")
    ll("write", "--text", SECRET + "5", "d:/last")
    ll("chmod", "640", "d:/moved/kept")
    ll("link", "d:/moved/two", "d:/again")
    ll("commit", "-m", "on a fork", "-a", "Eve <eve@x>", "-c", 'CMD ["x"]', "d", "top:1")
    return str(ll.json("images", "top")[0]["id"])


@pytest.fixture(params=[loaded, born, folder, carried])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Layerlog:
    ll = with_base(tmp_path / "store")
    stacked(ll, request.param(ll, tmp_path))
    return ll


def tree(ll: Layerlog, ref: str) -> dict[str, list[str]]:
    kept = ("type", "mode", "uid", "gid", "mtime", "digest", "target", "xattrs")
    return {row["path"]: [str(row.get(key)) for key in kept] for row in ll.json("ls", "-R", f"{ref}:/")}


def digest_of(ll: Layerlog, ref: str, number: int) -> str:
    """Return the content that is the secret *number*, wherever it lies by now."""
    with_key = [str(row["digest"]) for row in ll.json("ls", "-R", f"{ref}:/") if row.get("size") == len(SECRET) + 1]
    return next(digest for digest in with_key if ll("cat", f"{ref}:{where(ll, ref, digest)}") == f"{SECRET}{number}")


def where(ll: Layerlog, ref: str, digest: str) -> str:
    return next(str(row["path"]) for row in ll.json("ls", "-R", f"{ref}:/") if row.get("digest") == digest)


def told(ll: Layerlog, ref: str) -> list[tuple[Any, ...]]:
    return [(row["message"], row["author"]) for row in ll.json("log", ref) if "message" in row]


def steps(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """What `history` tells but for what no seal dates: what was unsealed when it was forked."""
    return [(row["created_by"], row["comment"], row["created"]) for row in rows if row["created_by"] != "layerlog fork"]


def made_anew(ll: Layerlog, *digests: str) -> dict[str, str]:
    asked = [part for digest in digests for part in ("--content", digest)]
    return dict(line.split(" -> ") for line in ll.lines("erase", "--derive", "-y", "--reason", "x", *asked) if " -> " in line)


@pytest.mark.parametrize("number", [0, 1, 4, 5])
def test_what_lies_below_the_first_layer_that_held_it_stays(held: Layerlog, tmp_path: Path, number: int) -> None:
    old = str(held.json("images", "top")[0]["id"])
    before, story, digest = tree(held, old), told(held, old), digest_of(held, old, number)
    diff_ids, rows = inspected(held, old)["RootFS"]["Layers"], held.json("history", old)
    pairs = made_anew(held, digest)
    assert pairs[old] == held.json("images", "top")[0]["id"] != old
    assert tree(held, "top:1") == {path: said for path, said in before.items() if digest not in said}
    assert told(held, "top:1") == story
    new = inspected(held, "top:1")
    shared = [one == other for one, other in zip(diff_ids, new["RootFS"]["Layers"], strict=False)]
    if number:
        first = len(diff_ids) - len(SECRETS) + number
        assert shared[: first + 1] == [True] * first + [False]
    assert steps(held.json("history", "top:1")) == steps(rows)
    held("save", "-o", str(tmp_path / "out.tar"), "top:1")
    third = Layerlog(tmp_path / "third")
    third("load", "-q", "-i", str(tmp_path / "out.tar"))
    assert tree(third, "top:1") == tree(held, "top:1")
    held("verify")


def test_images_that_share_what_was_made_anew_share_it_again(held: Layerlog) -> None:
    made_anew(held, digest_of(held, "top:1", 2))
    ids = [[row["commit"] for row in held.json("log", ref) if "commit" in row] for ref in ("top:1", "mid:1")]
    assert ids[1] == ids[0][-len(ids[1]) :]
    assert {row["id"] for row in held.json("images", "mid")} == {f"sha256:{ids[1][0]}"}


def test_one_made_anew_is_made_anew_again_and_a_container_goes_on_from_it(held: Layerlog, tmp_path: Path) -> None:
    old = str(held.json("images", "top")[0]["id"])
    before, story = tree(held, old), told(held, old)
    gone = [digest_of(held, old, number) for number in (4, 1, 3)]
    for digest in gone:
        held("create", "--name", f"on{digest[-6:]}", "top:1")
        made_anew(held, digest)
    held("create", "--name", "above", "top:1")
    held("write", "--text", "mine", "above:/mine")
    held("commit", "-m", "above", "-a", "Fay <fay@x>", "above", "above:1")
    assert told(held, "above:1") == [("above", "Fay <fay@x>"), *story]
    kept = {path: said for path, said in before.items() if not set(gone).intersection(said)}
    assert {path: said for path, said in tree(held, "above:1").items() if path != "/mine"} == kept
    held("save", "-o", str(tmp_path / "out.tar"), "above:1")


def history(ll: Layerlog, *asked: str) -> list[tuple[Any, ...]]:
    """What `log` says of each step, whatever ids and layers it has by now."""
    return [(row["author"], row["message"], row["time"], row["actor"]) for row in ll.found("log", *asked) if row["commit"]]


def without_tags(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith("tags")}


@pytest.mark.parametrize("numbers", [(1,), (4, 2), (5, 0)])
def test_each_step_is_told_once_by_whom_and_when_it_was_made(held: Layerlog, numbers: tuple[int, ...]) -> None:
    """In the image, in the whole store, of an author, and since a time; by the newest first."""
    asked = (("top:1",), ("--all",), ("--all", "--author", "Cem|Eve"), ("top:1", "--author", "Bob"), ("mid:1..top:1",))
    before = {line: history(held, *line) for line in asked}
    adding_up = [(row["author"], row["commits"], row["events"]) for row in held.json("audit", "--by", "author")]
    old, sealed = str(held.json("images", "top")[0]["id"]), held.json("audit", "top:1", "--commits")
    for number in numbers:
        made_anew(held, digest_of(held, "top:1", number))
    assert {line: history(held, *line) for line in asked} == before
    rows = [row for row in held.json("log", "--all") if row["commit"]]
    assert rows[0]["made_of"] is not None
    assert f"sha256:{rows[0]['commit']}" == held.json("images", "top")[0]["id"] != old
    assert any("without what was erased" in line for line in held.lines("log", "top:1"))
    assert [(row["author"], row["commits"], row["events"]) for row in held.json("audit", "--by", "author")] == adding_up
    assert [without_tags(row) for row in held.json("audit", "top:1", "--commits")] == [without_tags(row) for row in sealed]
    made = [row for row in held.json("audit", "top:1") if row["what"] == "derive"]
    assert made[-1]["id"] == rows[0]["commit"]


@pytest.mark.parametrize("number", [1, 3])
def test_what_touched_a_path_anywhere_is_told_once(held: Layerlog, number: int) -> None:
    def told_anywhere(path: str) -> list[Any]:
        rows = [json.loads(line) for line in held.lines("log", "--all", "--format", "json", "--", path)]
        return [(row["time"], row["events"]) for row in rows]

    before = {path: told_anywhere(path) for path in ("/dir/kept", "/moved", "/linked", "/etc/motd")}
    made_anew(held, digest_of(held, "top:1", number))
    assert {path: told_anywhere(path) for path in before} == before


def test_a_layer_from_elsewhere_is_told_once_and_who_loaded_it(tmp_path: Path) -> None:
    """Twice made anew; under the names that it has now."""
    ll = with_base(tmp_path / "store")
    with_loaded(ll, "far:1", "far:2")
    kept = ("number", "author", "created", "comment", "created_by", "loaded", "loaded_by", "source", "time", "tags", "message")
    before = [[row[key] for key in kept] for row in ll.json("log")]
    for path in ("/bin/sh", "/etc/motd"):
        assert len(made_anew(ll, digest_in(ll, f"far:1:{path}"))) == 1
    assert [[row[key] for key in kept] for row in ll.json("log")] == before
    assert ll.json("images", "far")[0]["id"][7:] in {row["image"] for row in ll.json("log")}


def told_between(ll: Layerlog, path: str) -> list[Any]:
    done = ll.run("log", "--format", "json", "mid:1..top:1", "--", path)
    return [json.loads(line)["events"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", [1, 5])
def test_between_two_images_is_told_what_changed_between_them(held: Layerlog, number: int) -> None:
    before = {path: told_between(held, path) for path in ("/linked", "/moved", "/etc/motd", "/three", "/one")}
    assert [bool(rows) for rows in before.values()] == [True, True, True, True, False]
    made_anew(held, digest_of(held, "top:1", number))
    assert {path: told_between(held, path) for path in before} == before


@pytest.mark.parametrize("number", [1, 3])
def test_what_stood_on_an_image_stands_on_it_still(held: Layerlog, number: int) -> None:
    named = {row["repository"] for row in held.json("images", "--filter", "ancestor=bottom:1")}
    made_anew(held, digest_of(held, "top:1", number))
    assert {row["repository"] for row in held.json("images", "--filter", "ancestor=bottom:1")} - {None} == named - {None}


@pytest.mark.parametrize("numbers", [(1,), (4, 2)])
def test_commits_have_the_ids_of_now_whatever_is_asked(held: Layerlog, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        made_anew(held, digest_of(held, "top:1", number))
    ids = {row["message"]: row["commit"] for row in held.json("log", "top:1")}
    for path, message in (("/moved/kept", "on a fork"), ("/linked", "second"), ("/moved", "third")):
        rows = [json.loads(line) for line in held.lines("log", "--format", "json", "top:1", "--", path)]
        assert message in {row["message"] for row in rows}
        assert {row["commit"] for row in rows} <= set(ids.values())
    (row,) = held.json("blame", "top:1:/moved/kept")
    assert (row["content"]["commit"]["commit"], row["name"]["commit"]["commit"]) == (ids["first"], ids["third"])
    assert row["attributes"]["commit"]["commit"] == ids["on a fork"]
    assert row["attributes"]["commit"]["tags"] == ["top:1"]


def test_what_older_versions_made_anew_has_the_history_of_the_one_before(tmp_path: Path) -> None:
    """They made it of layers, and said of it that it was loaded from the erasure of another."""
    ll = with_base(tmp_path / "store")
    old = stacked(ll, born(ll, tmp_path))
    sealed, between = ll.json("audit", "top:1", "--commits"), {path: told_between(ll, path) for path in ("/linked", "/one", "/three")}
    with_loaded(ll, "top:1", source=f"erase: {old[7:]}")
    assert ll.json("images", "top")[0]["id"] != old
    assert ("top", "1") in {(row["repository"], row["tag"]) for row in ll.json("images", "--filter", "ancestor=bottom:1")}
    assert [without_tags(row) for row in ll.json("audit", "top:1", "--commits")] == [without_tags(row) for row in sealed]
    assert {path: told_between(ll, path) for path in between} == between


def test_what_no_layer_holds_any_more_is_not_made_anew(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    ll("write", "--text", SECRET, "web:/key")
    ll("delete", "web:/key")
    ll("write", "--text", "x", "web:/f")
    ll("commit", "-m", "it was gone before the seal", "web", "fine:1")
    before = ll.json("images", "fine")
    assert made_anew(ll, digest_in(ll, "web@2:/key")) == {}
    assert ll.json("images", "fine") == before
    ll("save", "-o", str(tmp_path / "out.tar"), "fine:1")


def digest_in(ll: Layerlog, place: str) -> str:
    return str(ll.entry(place)["digest"])


def test_which_signatures_do_not_hold_is_said(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    ll = with_base(tmp_path / "store")
    ll("write", "--text", "x", "web:/f")
    ll("commit", "-m", "below", "web", "below:1")
    ll("write", "--text", SECRET, "web:/key")
    ll("commit", "-m", "holds", "web", "holds:1")
    ll("commit", "-m", "above", "--allow-empty", "web", "above:1")
    for name in ("below", "holds", "above"):
        ll("sign", "--key", str(key), f"{name}:1")
    old = {name: str(ll.json("images", name)[0]["id"])[7:19] for name in ("below", "holds", "above")}
    done = ll.run("erase", "--derive", "-y", "--reason", "x", "--path", "holds:1:/key")
    new = {name: str(ll.json("images", name)[0]["id"])[7:19] for name in old}
    assert new["below"] == old["below"]
    assert sorted(done.stderr.splitlines()) == sorted(
        f"layerlog: commit {old[name]} is signed, and {new[name]}, made anew of it, is not; `layerlog sign {new[name]}` signs that one"
        for name in ("holds", "above")
    )
