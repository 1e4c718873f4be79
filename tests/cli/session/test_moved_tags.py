"""Whatever takes a name over from another image says so on stderr, in one line that has the way back."""

import tarfile
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog

WAYS = {
    "commit": ("commit", "--allow-empty", "web", "shop:1"),
    "tag": ("tag", "other:1", "shop:1"),
    "import": ("import", "root", "shop:1"),
    "import of a tar": ("import", "root.tar", "shop:1"),
    "load": ("load", "-q", "shop.tar"),
    "build": ("build", "-q", "-t", "shop:1", "-t", "new:1", "context"),
    "copy": ("copy", "-q", "oci-archive:shop.tar", "shop:1"),
}


@pytest.fixture
def shop(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of the image that shop:1 names; everything that can take the name over lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("root", "context"):
        Path(name).mkdir()
    Path("root/f").write_text("f")
    Path("context/Dockerfile").write_text("FROM base:1\nLABEL a=b\n")
    with tarfile.open("root.tar", "w") as tar:
        tar.add("root/f", "f")
    ll("write", "--text", "1", "web:/f")
    ll("commit", "web", "other:1")
    ll("tag", "other:1", "shop:1")
    ll("save", "-q", "-o", "shop.tar", "shop:1")
    ll("tag", "-q", "base:1", "shop:1")
    return image(ll, "shop:1")


def image(ll: Layerlog, name: str) -> str:
    return ll("inspect", "-f", "{{.Id}}", name).strip().removeprefix("sha256:")


@pytest.mark.parametrize("way", WAYS)
def test_who_takes_a_name_over_is_told(ll: Layerlog, shop: str, way: str) -> None:
    said = ll.told(*WAYS[way])[1]
    now = image(ll, "shop:1")
    assert now != shop
    assert [line for line in said if "moved" in line] == [f"shop:1 moved from {shop[:12]} (now shop:1@{{1}}) to {now[:12]}"]
    assert image(ll, "shop:1@{1}") == shop


@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_told_of_a_name_that_nothing_had(ll: Layerlog, shop: str, way: str) -> None:
    ll("tag", shop, "kept:1")
    ll("rmi", "shop:1")
    assert "moved" not in " ".join(ll.told(*WAYS[way])[1])


def test_nothing_is_told_of_what_was_refused(ll: Layerlog, shop: str) -> None:
    assert "moved" not in ll.refused("tag", "--expect", "none", "other:1", "shop:1")
    assert "moved" not in ll.refused("commit", "--guard", "message", "web", "shop:1")
    assert image(ll, "shop:1") == shop
