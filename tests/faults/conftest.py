import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.commands import Commands


@pytest.fixture(scope="session")
def shimmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line with the shim between it and its disk."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed, so the shim cannot be built")
    folder = tmp_path_factory.mktemp("shim")
    source, library = Path(__file__).with_name("shim.c"), folder / "shim.so"
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", *warnings, "-o", library, source, "-ldl", "-lpthread"], check=True)
    server = Commands(folder, preload=str(library))
    yield server
    server.close()
