"""Real tools to compare with.  LAYERLOG_REQUIRE_PEERS=1 makes a missing one a failure instead of a skip."""

import os
import shutil
from typing import NoReturn


def peer(name: str) -> str:
    """Return the path of the tool *name*, or skip the test, saying which tool it lacks."""
    return shutil.which(name) or lacking(f"{name} is not installed")


def lacking(what: str) -> NoReturn:
    """Skip the test, or fail it where peers are required, for *what* is not there to compare with."""
    import pytest  # not at the top: the bench takes tools from here too, and runs without it

    verdict = pytest.fail if os.environ.get("LAYERLOG_REQUIRE_PEERS") == "1" else pytest.skip
    verdict(what)
