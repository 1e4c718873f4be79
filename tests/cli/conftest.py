import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base
from tests.cli.sandbox.running import copy_packages


@pytest.fixture(scope="session")
def public() -> Iterator[Path]:
    """The packages, where every user may read them."""
    with tempfile.TemporaryDirectory(prefix="layerlog-public-") as folder:
        Path(folder).chmod(0o755)
        yield copy_packages(Path(folder))


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return with_base(tmp_path / "store")
