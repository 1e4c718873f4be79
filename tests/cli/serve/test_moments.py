"""Packed layers on disk: made once, within a bound, and made anew where they are gone."""

import os
import shutil
from pathlib import Path

import pytest

from cli.serve.moments import PackedLayers
from cli.streams.files import Extent
from eventstore.model.digests import digest_of
from eventstore.store.store import Store
from projections.images import images, oci_form
from projections.layers.layers import Layer
from projections.oci.oci_image import Descriptor
from tests.cli.invoking import Layerlog
from tests.cli.serve.running import serving

SIZE = 100_000


@pytest.fixture
def layers(ll: Layerlog, tmp_path: Path) -> list[Layer]:
    """Four layers whose contents cannot be packed to less than SIZE bytes each."""
    for number in range(4):
        (tmp_path / "noise").write_bytes(os.urandom(SIZE))
        ll("cp", str(tmp_path / "noise"), f"web:/noise{number}")
        ll("commit", "web")
    with Store.open(ll.store) as store:
        container = ll.json("ps")[0]
        return oci_form.exported_layers(store.log, images.at(store.log, container["id"], container["version"]))[-4:]


def packed(ll: Layerlog, layer: Layer, folder: Path, bound: int = 1 << 30) -> tuple[Descriptor, bytes]:
    with Store.open(ll.store) as store:
        found = PackedLayers(str(folder), bound, "gzip")
        blob = found.blob(store, layer).descriptor
        file = found.opened(store, layer, blob)
        return blob, Extent(file, 0, file.size).read(file.size)


def test_a_layer_is_made_once(ll: Layerlog, layers: list[Layer], tmp_path: Path) -> None:
    blob, data = packed(ll, layers[0], tmp_path / "cache")
    assert (digest_of(data), len(data)) == (blob.digest, blob.size)
    (tmp_path / "cache" / blob.hex).write_bytes(bytes(blob.size))  # what is there is not made again
    assert packed(ll, layers[0], tmp_path / "cache") == (blob, bytes(blob.size))


@pytest.mark.parametrize("harm", ["gone", "cut", "link", "note", "all"])
def test_it_is_made_anew_where_it_is_not_whole(ll: Layerlog, layers: list[Layer], tmp_path: Path, harm: str) -> None:
    blob, data = packed(ll, layers[0], tmp_path / "cache")
    path = tmp_path / "cache" / blob.hex
    [note] = (tmp_path / "cache").glob("*.json")
    if harm == "cut":
        path.write_bytes(data[:-1])
    elif harm == "note":
        note.write_bytes(b"{")
    elif harm == "all":
        shutil.rmtree(tmp_path / "cache")
    else:
        path.unlink()
    if harm == "link":
        path.symlink_to("/etc/passwd")
    assert packed(ll, layers[0], tmp_path / "cache") == (blob, data)


def test_what_was_asked_for_last_stays(ll: Layerlog, layers: list[Layer], tmp_path: Path) -> None:
    bound = 2 * SIZE + 50_000
    first, second, third, _ = [packed(ll, layers[number], tmp_path / "cache", bound)[0] for number in (0, 1, 0, 2)]
    assert first == third
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert first.hex in names
    assert second.hex not in names
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= bound


def test_what_is_larger_than_the_bound_is_served_all_the_same(ll: Layerlog, layers: list[Layer]) -> None:
    assert layers
    with serving(ll, "--no-record", "--cache-size", "10k") as served:
        _, manifest = served.manifest("web", "latest")
        for layer in manifest["layers"]:
            assert digest_of(served.ask(f"/v2/web/blobs/{layer['digest']}").body) == layer["digest"]
    assert sum(path.stat().st_size for path in (Path(ll.store) / "cache/served").iterdir()) < 10_000


def test_gc_may_empty_the_cache_meanwhile(ll: Layerlog) -> None:
    with serving(ll) as served:
        before = served.manifest("web", "v6")
        ll("gc")
        assert served.manifest("web", "v6") == before
        for layer in before[1]["layers"]:
            assert digest_of(served.ask(f"/v2/web/blobs/{layer['digest']}").body) == layer["digest"]
