from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return with_base(tmp_path / "store")
