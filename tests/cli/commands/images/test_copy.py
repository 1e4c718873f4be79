"""copy and thin save: the same image through every medium, and only what the other side lacks."""

import json
from pathlib import Path

import pytest

from tests.cli.archived import ONE, archived, id_of
from tests.cli.distribution.media import members_of
from tests.cli.invoking import Layerlog
from tests.registry.real import Registry


@pytest.mark.parametrize("place", ["oci:{}/layout:1", "oci-archive:{}/a.tar", "docker-archive:{}/d.tar:localhost/b:1", "docker://{hub}/copy/one:1"])
def test_an_image_goes_and_comes_back_the_same(ll: Layerlog, other: Layerlog, hub: Registry, tmp_path: Path, place: str) -> None:
    where = place.format(tmp_path, hub=hub.address)
    ll("copy", "-q", "base:1", where)
    other("copy", "-q", where, "came:1")
    assert other("cat", "came:1:/etc/motd") == "hello\n"
    other("copy", "-q", "came:1", f"docker-archive:{tmp_path}/again.tar")
    ll("load", "-q", "-i", f"{tmp_path}/again.tar")
    assert id_of(ll, "came:1") == id_of(ll, "base:1"), "it is that commit again"


def test_a_point_is_copied(ll: Layerlog, other: Layerlog, tmp_path: Path) -> None:
    ll("write", "--text", "then", "web:/f")
    ll("write", "--text", "now", "web:/f")
    ll("copy", "-q", "web@2", f"oci-archive:{tmp_path}/point.tar")
    other("copy", "-q", f"oci-archive:{tmp_path}/point.tar", "point:1")
    assert other("cat", "point:1:/f") == "then"


def test_copy_refuses(ll: Layerlog, tmp_path: Path) -> None:
    assert "one of the two is of this store" in ll.refused("copy", "base:1", "base:2")
    assert "one of the two is of this store" in ll.refused("copy", "docker://a/b", "oci:x")
    assert "dir: is skopeo's alone" in ll.refused("copy", "base:1", "dir:/tmp/x")
    assert "a path stands behind oci:" in ll.refused("copy", "base:1", "oci:")
    assert "no such file" in ll.refused("copy", f"docker-archive:{tmp_path}/nope.tar", "x:1")


# -- only what the other side lacks


def thin(ll: Layerlog, other: Layerlog, tmp_path: Path, *names: str) -> str:
    (tmp_path / "have.json").write_text(other("inventory"))
    ll("save", "-q", "--have", str(tmp_path / "have.json"), "-o", str(tmp_path / "thin.tar"), *names)
    return str(tmp_path / "thin.tar")


@pytest.fixture
def shared(ll: Layerlog, other: Layerlog, tmp_path: Path) -> Layerlog:
    """A store that has the layers of one:1, on which ll made more:1."""
    archive = archived(tmp_path, ONE)
    for store in (ll, other):
        store("load", "-q", "-i", archive)
    ll("create", "--name", "c", "one:1")
    ll("write", "--text", "new", "c:/new")
    ll("commit", "-m", "more", "c", "more:1")
    return other


def test_the_round_trip_of_a_thin_image(ll: Layerlog, shared: Layerlog, tmp_path: Path) -> None:
    path = thin(ll, shared, tmp_path, "more:1")
    members = members_of(Path(path).read_bytes())
    assert len([name for name in members if name.startswith("blobs/")]) == 3, "a layer, the config, the manifest"
    assert "manifest.json" not in members, "Docker could not load it"
    assert shared("load", "-q", "-i", path) == "Loaded image: more:1\n"
    assert shared("cat", "more:1:/new") == "new"
    assert [row["what"] for row in ll.json("audit", "--distribution", "more:1")] == ["save"]


def test_since_another_image(ll: Layerlog, shared: Layerlog, tmp_path: Path) -> None:
    ll("save", "-q", "--since", "one:1", "-o", str(tmp_path / "since.tar"), "more:1")
    assert (tmp_path / "since.tar").read_bytes() == Path(thin(ll, shared, tmp_path, "more:1")).read_bytes()


def test_who_lacks_layers_is_told_which_and_nothing_is_recorded(ll: Layerlog, shared: Layerlog, tmp_path: Path) -> None:
    path = thin(ll, shared, tmp_path, "more:1")
    third = Layerlog(tmp_path / "third")
    with third.writer():
        pass
    said = third.refused("load", "-q", "-i", path)
    assert "more:1: 2 of its 3 layers are missing in it and here" in said
    assert all(layer.diff_id.hex() in said for layer in ONE.layers)


def test_what_is_here_in_another_compression_completes_it_and_that_is_said(
    ll: Layerlog, other: Layerlog, tmp_path: Path
) -> None:
    ll("load", "-q", "-i", archived(tmp_path, ONE))
    unpacked = [layer.diff_id.hex() for layer in ONE.layers]
    other("create", "--name", "x", "scratch")
    (tmp_path / "have.json").write_text(json.dumps({"layers": [f"sha256:{digest}" for digest in unpacked]}))
    ll("save", "-q", "--have", str(tmp_path / "have.json"), "-o", str(tmp_path / "thin.tar"), "one:1")
    from tests import images

    other("load", "-q", "-i", archived(tmp_path, images.image("", names=("localhost/plain:1",), author="plain"), name="plain.tar"))
    done = other.run("load", "-q", "-i", str(tmp_path / "thin.tar"))
    assert done.exit_code == 0
    assert "2 layers came from this store, packed otherwise; it leaves under a new manifest" in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"layers": 1}', '{"layers": ["sha256:12"]}', '{"layers": [1]}'])
def test_an_inventory_that_is_none(ll: Layerlog, tmp_path: Path, text: str) -> None:
    (tmp_path / "have.json").write_text(text)
    assert "have.json" in ll.refused("save", "-q", "--have", str(tmp_path / "have.json"), "-o", str(tmp_path / "x"), "base:1")
    assert not (tmp_path / "x").exists()


def test_tag_expects(ll: Layerlog) -> None:
    ll("tag", "--expect", "none", "base:1", "prod:1")
    assert "names" in ll.refused("tag", "--expect", "none", "base:1", "prod:1")
    ll("tag", "--expect", "base:1", "base:1", "prod:1")
