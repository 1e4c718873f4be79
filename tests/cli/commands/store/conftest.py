from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog
from tests.mangling import Damage, copied, story


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    return story(tmp_path_factory.mktemp("told") / "store")


@pytest.fixture
def ll(told: Layerlog, tmp_path: Path) -> Layerlog:
    return copied(told, tmp_path / "store")


@pytest.fixture
def damage(told: Layerlog, tmp_path: Path) -> Damage:
    return Damage(copied(told, tmp_path / "copy"))
