"""A store of every released schema still opens, verifies and says what it said."""

import json
import tarfile
from pathlib import Path

import pytest

from eventstore.store import Store
from tests.cli.invoking import Layerlog
from tests.golden.made import told

HERE = Path(__file__).parent


@pytest.mark.parametrize("schema", sorted(path.name.removesuffix(".json") for path in HERE.glob("schema-*.json")))
def test_a_released_schema_is_replayed(schema: str, tmp_path: Path) -> None:
    """Every tree at every version, the tags and the hashes are those that were written down when the schema came out."""
    with tarfile.open(HERE / f"{schema}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with Store.open(str(tmp_path / "store")) as store:
        assert told(store) == json.loads((HERE / f"{schema}.json").read_text())
    Layerlog(tmp_path / "store")("verify")
