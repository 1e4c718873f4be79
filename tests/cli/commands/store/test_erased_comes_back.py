"""What was erased comes back by its name alone: whoever brings it back is told, and nobody seals it unawares."""

from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base
from tests.upkeep import SECRET

TOLD = "layerlog: {} came without {} bytes, which were erased; `layerlog blame` says by whom and why\n"


@pytest.fixture
def held(tmp_path: Path) -> Layerlog:
    """k:1 and k:2 have two secrets in different directories, and a file beside them; c has deleted all of it, in a commit."""
    ll = with_base(tmp_path / "store")
    ll("create", "--name", "c", "scratch")
    ll("write", "-p", "--text", SECRET, "c:/a/deep/key")
    ll("write", "--text", "plain", "c:/a/file")
    ll("commit", "-m", "one", "c", "k:1")
    ll("write", "-p", "--text", SECRET, "c:/b/copy\n")
    ll("commit", "-m", "two", "c", "k:2")
    ll("save", "-o", str(tmp_path / "k.tar"), "k:2")
    ll("delete", "-r", "c:/a", "c:/b")
    ll("commit", "-m", "gone", "c", "k:3")
    ll("erase", "-y", "--path", "k:1:/a/deep/key", "--reason", "x")
    return ll


def stderr(ll: Layerlog, *line: str) -> str:
    result = ll.run(*line)
    assert result.exit_code == 0, result.stderr
    return result.stderr


BACK = {
    "restore k:1:/a/deep c:/deep": ["/deep/key"],
    "restore k:2:/a/deep/key c:/key": ["/key"],
    "restore k:2:/ c:/": ["/a/deep/key", "/b/copy\\n"],
    "restore c@9:/a c:/a": ["/a/deep/key"],
    "restore k:1:/a/file c:/file": [],
    "undo c": ["/a/deep/key", "/b/copy\\n"],
    "revert k:3": ["/a/deep/key", "/b/copy\\n"],
    "cp k:2:/b c:/": ["/b/copy\\n"],
    "cp k:2:/b/. c:/": ["/copy\\n"],
    "cp k:2:/a/file c:/": [],
}
"""What brings something back -> where the erased files are then."""


@pytest.mark.parametrize(("line", "paths"), BACK.items())
def test_who_brings_back_what_was_erased_is_told(held: Layerlog, line: str, paths: list[str]) -> None:
    said = "".join(line for line in stderr(held, *line.split()).splitlines(keepends=True) if "erased" in line)
    assert said == (TOLD.format(", ".join(paths), "its" if len(paths) == 1 else "their") if paths else "")
    assert all(held.json("stat", f"c:{path}".replace("\\n", "\n"))[0]["erased"] for path in paths)


def test_a_container_that_stands_on_nothing_erased_commits(held: Layerlog, tmp_path: Path) -> None:
    held("create", "--name", "free", "scratch")
    held("write", "--text", "x", "free:/f")
    assert stderr(held, "commit", "-m", "x", "free", "free:1") == ""
    held("save", "-o", str(tmp_path / "out.tar"), "free:1")
    stderr(held, "cp", "k:1:/a/deep/key", "free:/key")
    said = held.refused("commit", "free", "free:2")
    assert said == (
        "/key of free was erased, so that its image can never be saved; delete it, or seal it all the same with --allow-erased"
    )
    held("delete", "free:/key")
    held("write", "--text", "y", "free:/f")
    assert stderr(held, "commit", "free", "free:2") == "", "what was deleted before the seal is in no layer"
    held("save", "-o", str(tmp_path / "out2.tar"), "free:2")


def test_what_stands_on_erased_layers_is_sealed_only_on_request(held: Layerlog, tmp_path: Path) -> None:
    """A lower layer has to be saved with the image, whatever is deleted above it."""
    held("write", "--text", "x", "c:/f")
    said = held.refused("commit", "-m", "x", "c", "k:4")
    assert said.startswith("/a/deep/key, /b/copy\\n of c was erased, so that its image can never be saved; go on in a container of")
    assert "k:4" not in held("images")
    assert "can never be saved" in stderr(held, "commit", "--allow-erased", "-m", "x", "c", "k:4")
    assert "was erased" in held.refused("save", "-o", str(tmp_path / "out.tar"), "k:4")
    digest = held.entry("k:1:/a/deep/key")["digest"]
    held("erase", "-y", "--derive", "--content", digest, "--reason", "x")
    held("create", "--name", "anew", "k:4")
    held("write", "--text", "x", "anew:/g")
    assert stderr(held, "commit", "anew", "k:5") == "", "the way out that is named"
    held("save", "-o", str(tmp_path / "out.tar"), "k:5")


def test_load_says_what_stays_missing_and_how_it_comes_back(held: Layerlog, tmp_path: Path) -> None:
    archive = str(tmp_path / "k.tar")
    said = stderr(held, "load", "-i", archive)
    digest = held.entry("k:1:/a/deep/key")["digest"]
    let = f"layerlog erase --let-return --content {digest} --reason TEXT"
    assert "k:2 lacks what was erased here: /a/deep/key, /b/copy\\n; " in said
    assert f"`{let}`" in said
    held(*let.split()[1:])
    assert "lacks what was erased here" in stderr(held, "load", "-i", archive), "let in, and not here yet"
    held("repair", "--from", archive)
    assert stderr(held, "load", "-i", archive) == ""
    assert held("cat", "k:2:/b/copy\n") == SECRET


def test_load_of_a_foreign_image_says_so_too(tmp_path: Path, held: Layerlog) -> None:
    other = Layerlog(tmp_path / "other")
    other("load", "-i", str(tmp_path / "k.tar"))
    other("erase", "-y", "--path", "k:2:/b/copy\n", "--reason", "x")
    assert "k:2 lacks what was erased here: /a/deep/key, /b/copy\\n; " in stderr(other, "load", "-i", str(tmp_path / "k.tar"))


STANDING = {
    "tag": (["tag", "{}", "again:1"], True),
    "tag of a point of a tag": (["tag", "{}@{{0}}", "again:1"], True),
    "create": (["create", "{}"], True),
    "fork": (["fork", "{}"], True),
    "a path in it": (["ls", "{}:/"], False),
    "layers below": (["create", "{}~1"], True),
}


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize(("words", "told"), STANDING.values(), ids=STANDING)
def test_who_stands_on_what_lacks_contents_is_told_and_of_the_image_that_does_not(held: Layerlog, words: list[str], *, told: bool, anew: bool) -> None:
    """A tag that goes back to such an image, or a container on it, can be neither run nor saved."""
    old = held("inspect", "-f", "{{.Id}}", "k:2").strip()
    digest = held.entry("k:1:/a/deep/key")["digest"]
    stderr(held, "tag", "k:2", "before:1")
    if anew:
        held("erase", "-y", "--derive", "--content", digest, "--reason", "x")
        stderr(held, "tag", old, "before:1")
    name = "before:1"
    said = stderr(held, *(word.format(name) for word in words))
    lacks = [line for line in said.splitlines() if "lacks what was erased here: /a/deep/key" in line]
    assert len(lacks) == told
    if told and "~1" not in words[-1]:
        new = held("inspect", "-f", "{{.Id}}", "k:2").strip().removeprefix("sha256:")
        assert lacks[0].endswith(f"; {new[:12]} was made of it without that" if anew else "brings that back")
    assert "lacks" not in stderr(held, "tag", "base:1", "sound:1")
    assert "lacks" not in stderr(held, "create", "base:1")
