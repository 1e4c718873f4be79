from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sandbox.running import Runner, as_root, as_user


@pytest.fixture(params=["root", "user"])
def ll(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    """Layerlog with the image base:1, as root and as an ordinary user."""
    if request.param == "root":
        yield from as_root(tmp_path)
    else:
        yield from as_user(request.getfixturevalue("public"))
