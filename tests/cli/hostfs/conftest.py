import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder in which everybody may write; removed by a tool that takes any depth."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)
        subprocess.run(f"chmod -R u+rwx {folder}/*; rm -rf {folder}/*", shell=True, check=True)


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd"))  # of earlier tests' some may be closed meanwhile
    yield
    assert set(os.listdir("/proc/self/fd")) <= before
