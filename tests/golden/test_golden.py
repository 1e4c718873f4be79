"""A store of every released schema still opens, verifies and says what it said; what left it once leaves it again, byte for byte."""

import json
import tarfile
from pathlib import Path

import pytest

from eventstore.store import Store
from tests.cli.invoking import Layerlog
from tests.golden import images
from tests.golden.made import told

HERE = Path(__file__).parent


def kept(what: str) -> list[str]:
    """The names of the golden stores of *what* that were kept, of every schema."""
    return sorted(path.name.removesuffix(".json") for path in HERE.glob(f"{what}-*.json"))


def unpacked(name: str, folder: Path) -> Path:
    with tarfile.open(HERE / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "store"


@pytest.mark.parametrize("schema", kept("schema"))
def test_a_released_schema_is_replayed(schema: str, tmp_path: Path) -> None:
    """Every tree at every version, the tags and the hashes are those that were written down when the schema came out."""
    with Store.open(str(unpacked(schema, tmp_path))) as store:
        assert told(store) == json.loads((HERE / f"{schema}.json").read_text())
    Layerlog(tmp_path / "store")("verify")


@pytest.mark.parametrize("name", kept("images"))
def test_what_left_a_store_leaves_it_again(name: str, tmp_path: Path) -> None:
    """Configs, diff_ids and archives are those of the layerlog that sealed the images, whatever has become of encoders since."""
    ll = Layerlog(unpacked(name, tmp_path))
    ll("verify")
    written_down = json.loads((HERE / f"{name}.json").read_text())
    assert images.told(ll.store, tmp_path / "saved.tar") == written_down
    ll("verify")
