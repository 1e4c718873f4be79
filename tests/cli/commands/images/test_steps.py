"""~N of images and containers in every command that takes a point, and what is made on some layers of an image."""

import json
from pathlib import Path

import pytest

from tests import images
from tests.cli.invoking import Layerlog, with_loaded

LAYERS = [{"a": b"1"}, {"b": b"22", ".wh.a": b""}, {"c": b"333"}, {"a": b"4444", "d/e": b"5"}]
FILES = {0: ["a", "b", "c", "d"], 1: ["b", "c"], 2: ["b"], 3: ["a"]}
"""What lies in the root after so many steps down."""


@pytest.fixture
def far(ll: Layerlog) -> str:
    """The image far:1 of four layers, and the container top over it with two commits; the image's id."""
    image = with_loaded(ll, "docker.io/library/far:1", tars=[images.layer_tar(layer) for layer in LAYERS])
    ll("create", "--name", "top", "far:1")
    ll("write", "--text", "x", "top:/x")
    ll("commit", "top")
    ll("commit", "-c", "ENV A=1", "top")
    return image


@pytest.mark.parametrize("steps", range(4))
def test_every_command_takes_a_step_of_an_image(ll: Layerlog, far: str, tmp_path: Path, steps: int) -> None:
    for ref in (f"far:1~{steps}", f"top~{steps + 2}", f"{far[:12]}~{steps}", f"top@4~{2 - 1}~{steps + 1 - 1}"):
        assert ll.lines("ls", ref) == FILES[steps], ref
    ref = f"far:1~{steps}"
    last = FILES[steps][-1]
    ll("stat", f"{ref}:/{last}")
    ll("blame", f"{ref}:/{last}")
    ll("checkout", ref, str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES[steps]
    assert len(ll.json("log", ref)) == len(ll.json("history", ref)) == 4 - steps
    ll("show", ref)
    ll("prove", ref)
    config = json.loads(ll("inspect", ref))[0]
    assert len(config["RootFS"]["Layers"]) == 4 - steps
    assert config["Config"] == {"Env": ["PATH=/bin"]}
    assert ll.run("save", "-o", str(tmp_path / "out.tar"), ref).exit_code == 0
    ll("copy", ref, f"oci:{tmp_path / 'layout'}:x")
    other = Layerlog(tmp_path / "other")
    other("load", "-i", str(tmp_path / "out.tar"))
    (row,) = other.json("images")
    assert other.lines("ls", row["id"].removeprefix("sha256:")) == FILES[steps]
    assert row["id"] == config["Id"]
    assert ll.lines("verify")[-1:] != []


@pytest.mark.parametrize("steps", range(1, 4))
def test_a_container_stands_on_the_lowest_layers(ll: Layerlog, far: str, tmp_path: Path, steps: int) -> None:
    done = ll.run("create", "--name", "low", f"far:1~{steps}")
    told = f"the lowest {4 - steps} of 4 layers: the config is all of image {far[:12]}'s, its diff_ids and history cut"
    assert (done.exit_code, done.stderr) == (0, f"layerlog: {told}\n")
    assert ll.lines("ls", "low") == ll.lines("ls", "low~0") == FILES[steps]
    (row,) = [row for row in ll.json("ps") if row["name"] == "low"]
    assert (row["image"], row["base"]) == (f"far:1~{steps}", {"image": far, "layers": 4 - steps})
    assert [row["name"] for row in ll.json("ps", "--filter", "ancestor=far:1")] == ["top"]
    assert json.loads(ll("inspect", "low"))[0]["Image"] is None
    ll("write", "--text", "y", "low:/y")
    made = ll("commit", "low", "low:1").strip()
    found = json.loads(ll("inspect", "low:1"))[0]
    assert (found["Parent"], len(found["RootFS"]["Layers"])) == ("", 5 - steps)
    assert ll.lines("ls", "low~0") == sorted([*FILES[steps], "y"])
    assert ll.lines("ls", "low~1") == FILES[steps]
    assert len(ll.json("history", "low:1")) == 5 - steps
    assert ll.refused("ls", "low~9").endswith(f"; low~{4 - steps} is the lowest")
    ll("save", "-o", str(tmp_path / "low.tar"), "low:1")
    assert ll("verify")
    other = Layerlog(tmp_path / "other")
    other("load", "-i", str(tmp_path / "low.tar"))
    assert other.lines("ls", "low:1") == sorted([*FILES[steps], "y"])
    assert f"sha256:{json.loads(other('inspect', 'low:1'))[0]['Id'].removeprefix('sha256:')}" == found["Layerlog"]["ConfigDigest"]
    assert made


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("far:1~4", "far:1 has 4 layers; far:1~3 is the lowest"),
        ("top~6", "top has 2 commits and, below them, 4 layers; top~5 is the lowest"),
        ("far:1~3~1", "far:1~3 has 1 layer; far:1~3~0 is the lowest"),
        ("base:1~1", "base:1 has 1 commit; base:1~0 is the lowest"),
        ("web~2", "web has 1 commit; web~0 is the lowest"),
        ("bare~0", "bare has no commits, and stands on no image's layers"),
    ],
)
def test_below_the_lowest_is_refused(ll: Layerlog, far: str, ref: str, said: str) -> None:
    assert far
    ll("create", "--name", "bare", "scratch")
    assert ll.refused("ls", ref) == f"{ref}: {said}"
    assert ll.refused("create", ref) == f"{ref}: {said}"
    assert ll.refused("save", ref) == f"{ref}: {said}"


@pytest.mark.parametrize("command", [["tag", "{}", "x:1"], ["rmi", "{}"]])
def test_a_step_is_no_image(ll: Layerlog, far: str, command: list[str]) -> None:
    assert far
    refused = ll.refused(*(word.format("far:1~1") for word in command))
    assert "far:1~1" in refused


def test_a_layer_alone_is_shown_and_no_tree(ll: Layerlog, far: str) -> None:
    for place, (row, files) in enumerate(zip(ll.json("layers", "far:1"), (["a"], ["b"], ["c"], ["a", "d"]), strict=True)):
        whole = row["layer"].removeprefix("sha256:")
        for ref in (whole, f"sha256:{whole}", whole[:12]):
            assert ll.lines("ls", ref) == files
            assert ll("cat", f"{ref}:/{files[0]}") == LAYERS[place][files[0]].decode()
            for command in (["create", ref], ["save", ref], ["export", ref], ["diff", ref, "web"]):
                assert f"far:1~{3 - place}" in ll.refused(*command) if command[0] != "save" else ll.refused(*command)
    assert far


def test_a_layer_alone_says_what_it_is_and_what_it_changes(ll: Layerlog, far: str) -> None:
    with_loaded(ll, "docker.io/library/near:1", tars=[images.layer_tar(layer) for layer in LAYERS[:2]])
    changed = [["A /a"], ["D /a", "A /b"], ["A /c"], ["A /a", "A /d", "A /d/e"]]
    for place, (row, lines) in enumerate(zip(ll.json("layers", "far:1"), changed, strict=True)):
        whole = row["layer"].removeprefix("sha256:")
        for ref in (whole, f"sha256:{whole}", whole[:12]):
            assert ll.lines("diff", ref) == lines
            assert ll.lines("show", ref) == ll.lines("show", f"far:1~{3 - place}") == ll.lines("show", f"top~{5 - place}")
        told = ll.lines("show", whole)
        assert told[:2] == [f"layer {whole}" + " (far:1)" * (place == 3), f"Image:  {far[:12]}, layer {place + 1} of 4"]
        assert told[2].split() == ["Trees:", f"far:1~{3 - place}"]
        assert (f"        near:1~{1 - place}" in told) == (place < 2)
        assert told[-len(lines) :] == lines
        (found,) = ll.json("show", whole)
        trees = [f"far:1~{3 - place}", *([f"near:1~{1 - place}"] if place < 2 else [])]
        assert (found["layer"], found["image"], found["number"], found["trees"]) == (whole, far, place + 1, trees)
        assert [f"{one['change']} {one['path']}" for one in found["changes"]][: len(lines)] == lines
        assert ll.json("diff", whole) == found["changes"]
        assert ll.run("diff", "--exit-code", whole).exit_code == 1


def test_a_folder_s_layer_is_the_commit_that_made_it(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "f").write_text("x")
    ll.run("import", str(tmp_path / "folder"), "made:1")
    (layer,) = {row["name"] for row in ll.json("events") if row["stream"] == "layer"}
    assert ll.lines("show", layer) == ll.lines("show", "made:1")
    assert ll.lines("ls", layer) == ["f"]
    ll("diff", layer)


def test_a_position_is_no_layer_s_beginning(ll: Layerlog, far: str) -> None:
    assert far
    for position in range(1, ll.head()[0] + 1):
        assert ll.lines("show", str(position))[0].startswith("event ")
