from collections.abc import Iterator

import pytest

from tests.cli.invoking import Layerlog
from tests.registry.counting import Proxy, counting
from tests.registry.real import Registry, registry


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The real registry, which asks nobody who they are; each test uses repositories of its own."""
    with registry(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def proxy(hub: Registry) -> Iterator[Proxy]:
    """What stands before it and counts."""
    with counting(hub.address) as found:
        yield found


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    """A store that is not there yet."""
    return Layerlog(tmp_path_factory.mktemp("other") / "store")
