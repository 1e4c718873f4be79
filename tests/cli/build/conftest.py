from pathlib import Path

import pytest

from tests.cli.build.building import Builder
from tests.cli.sandbox.conftest import ll
from tests.cli.sandbox.running import Runner

__all__ = ["ll"]


@pytest.fixture
def builder(ll: Runner) -> Builder:
    """Builds in a folder beside the store, as root and as an ordinary user."""
    folder = Path(ll.store).parent / "context"
    folder.mkdir()
    folder.chmod(0o755)
    return Builder(ll, folder)
