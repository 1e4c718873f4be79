import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture
def podman() -> Iterator[list[str]]:
    """Options for a storage of its own; podman takes no run root of more than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="pod", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
