"""Real tools to compare with.  LAYERLOG_REQUIRE_PEERS=1 makes a missing one a failure instead of a skip."""

import os
import shutil

import pytest


def peer(name: str) -> str:
    """Return the path of the tool *name*, or skip the test, saying which tool it lacks."""
    path = shutil.which(name)
    if path is None:
        verdict = pytest.fail if os.environ.get("LAYERLOG_REQUIRE_PEERS") == "1" else pytest.skip
        verdict(f"{name} is not installed")
    return path
