"""The id that podman shows is an id here: of a commit, whose own is another, and of a point that left."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base
from tests.peers import peer

NOWHERE = "is known here once its image was saved, pushed or served"
LINES = [
    ["inspect", "{}"], ["history", "{}"], ["log", "{}"], ["show", "{}"], ["ls", "{}:/etc"], ["cat", "{}:/etc/motd"], ["stat", "{}:/etc/motd"],
    ["blame", "{}:/etc/motd"], ["diff", "base:1", "{}"], ["layers", "{}"], ["find", "--in", "{}", "motd"], ["audit", "--distribution", "{}:/etc/motd"],
    ["create", "{}"], ["fork", "{}"], ["save", "-q", "-o", "x.tar", "{}"], ["export", "-o", "x.tar", "{}"], ["checkout", "{}", "{}-out"],
    ["copy", "-q", "{}", "oci:layout:1"], ["restore", "{}:/etc/motd", "web:/etc/motd"], ["cp", "{}:/etc/motd", "web:/etc/other"], ["log", "base:1..{}"],
    ["build", "-q", "--build-arg", "BASE={}", "."],
]  # fmt: skip
OF_IMAGES = [["tag", "{}", "more:1"], ["images", "--filter", "since={}"], ["images", "--filter", "ancestor={}"], ["ps", "--filter", "ancestor={}"],
             ["save", "-q", "-o", "x.tar", "--since", "{}", "base:1"], ["tag", "base:1", "app:1", "--expect", "{}"], ["tag", "{}", "app:1"]]  # fmt: skip


@pytest.fixture
def ll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    found = with_base(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    Path("Dockerfile").write_text("ARG BASE\nFROM $BASE\nLABEL a=b\n")
    found("write", "--text", "mine\n", "web:/etc/motd")
    found("commit", "-m", "mine", "web", "app:1")
    return found


def shown_by(podman: list[str], archive: str) -> str:
    """Load an archive; return the id that podman shows of the image, in full."""
    run = [peer("podman"), *podman]
    subprocess.run([*run, "load", "-q", "-i", archive], check=True, capture_output=True)
    listed = subprocess.run([*run, "images", "--no-trunc", "--format", "json"], check=True, capture_output=True).stdout
    (one,) = json.loads(listed)
    return str(one["Id"])


def spellings(shown: str) -> list[str]:
    """As podman shows it in full, in an inspection, and in a listing."""
    return [f"sha256:{shown}", shown, shown[:12]]


def test_what_podman_shows_of_an_image_made_here_is_that_image(ll: Layerlog, podman: list[str]) -> None:
    ll("save", "-q", "-o", "app.tar", "app:1")
    shown = shown_by(podman, "app.tar")
    known = json.loads(ll("inspect", "app:1"))[0]
    assert known["Layerlog"]["ConfigDigest"] == f"sha256:{shown}"
    assert known["Id"] != f"sha256:{shown}"
    ll("rebuild")
    for spelled in spellings(shown):
        assert json.loads(ll("inspect", spelled))[0]["Id"] == known["Id"]
        for line in (*LINES, *OF_IMAGES):
            done = ll.run(*(word.format(spelled) for word in line))
            assert done.exit_code == 0, (line, done.stderr)
    ll("commit", "--allow-empty", "web", "top:1")
    ll("save", "-q", "-o", "top.tar", "top:1")
    top = json.loads(ll("inspect", "top:1"))[0]
    assert top["Id"] in ll("rmi", top["Layerlog"]["ConfigDigest"])


def test_what_podman_shows_of_a_point_is_that_point(ll: Layerlog, podman: list[str]) -> None:
    ll("write", "--text", "later\n", "web:/etc/motd")
    ll("save", "-q", "-o", "point.tar", "web@2")
    shown = shown_by(podman, "point.tar")
    for spelled in spellings(shown):
        assert ll("cat", f"{spelled}:/etc/motd") == "mine\n"
        assert json.loads(ll("inspect", spelled))[0]["State"]["Version"] == 2
        for line in (line for line in LINES if line[0] != "show"):  # shows a commit, or the event of web@2
            done = ll.run(*(word.format(spelled) for word in line))
            assert done.exit_code == 0, (line, done.stderr)
        assert f"{spelled} is a point that left, not an image; `layerlog fork" in ll.refused("tag", spelled, "more:1")
    ll("save", "-q", "-o", "again.tar", shown)
    assert Path("again.tar").read_bytes() == Path("point.tar").read_bytes()
    ll("load", "-q", "-i", "point.tar")
    assert json.loads(ll("inspect", shown))[0]["Id"] == f"sha256:{shown}", "it is an image now"


def test_an_id_that_nothing_here_has_says_when_it_would(ll: Layerlog) -> None:
    unsaved = json.loads(ll("inspect", "app:1"))[0]["Layerlog"]["ConfigDigest"].removeprefix("sha256:")
    for spelled in spellings(unsaved):
        for line in (["inspect", "{}"], ["log", "{}"], ["save", "{}"], ["tag", "{}", "x:1"], ["fork", "{}"]):
            assert NOWHERE in ll.refused(*(word.format(spelled) for word in line))
    assert NOWHERE not in ll.refused("inspect", "abc")
    ll("save", "-q", "-o", "app.tar", "app:1")
    assert json.loads(ll("inspect", unsaved[:12]))[0]["Id"] == json.loads(ll("inspect", "app:1"))[0]["Id"]


@pytest.mark.parametrize("command", ["images", "inspect", "commit"])
def test_the_help_says_that_there_are_two(ll: Layerlog, command: str) -> None:
    assert "podman show" in " ".join(ll(command, "--help").split())
