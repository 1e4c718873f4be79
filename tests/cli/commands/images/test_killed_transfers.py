"""A pull or a push that is killed leaves nothing half recorded, and the next try goes on."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.archived import id_of
from tests.cli.commands.images.test_pull import put
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT, clean
from tests.conftest import findings
from tests.images import image, layer_tar
from tests.registry.real import Registry

MANY = image("gzip", tars=[layer_tar({f"big{n}": random.Random(n).randbytes(3_000_000)}) for n in range(4)])


def killed(store: str, seconds: float, *args: str) -> int:
    """Run a command and kill it after so many seconds; return its exit code, negative where it did not come to its end."""
    program = [sys.executable, "-c", "from cli.main import main; main()", "--store", store, *args]
    with subprocess.Popen(program, cwd=ROOT, env=clean({}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()
        return process.wait()


@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_a_killed_pull(hub: Registry, tmp_path: Path, other: Layerlog, count: int) -> None:
    name = f"{hub.address}/killed/pull:1"
    put(hub, tmp_path, "killed/pull:1", MANY)
    began = time.monotonic()
    Layerlog(tmp_path / "timed")("pull", "-q", name)
    whole = time.monotonic() - began + 0.3  # and the start of a process
    for _ in range(count):
        code = killed(other.store, random.uniform(0.1, whole), "pull", "-q", name)
        if Path(other.store, "log.db").exists():
            images = other.json("images", "-a")
            assert len(images) <= 1
            assert images or code < 0
            assert findings(other.store) == []
    other("pull", "-q", name)
    assert other("ls", f"{name}:/").split() == ["big0", "big1", "big2", "big3"]


@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_a_killed_push(hub: Registry, tmp_path: Path, ll: Layerlog, other: Layerlog, count: int) -> None:
    for n in range(3):
        (tmp_path / "data").write_bytes(random.Random(n).randbytes(4_000_000))
        ll("cp", str(tmp_path / "data"), f"web:/data{n}")
        ll("commit", "-m", "data", "web", "data:1")
    for n in range(count):
        name = f"{hub.address}/killed/push{n}:1"
        killed(ll.store, random.uniform(0.1, 1.0), "push", "-q", "data:1", name)
        assert findings(ll.store) == []
        ll("push", "-q", "data:1", name)
        other("pull", "-q", name)
        assert other("stat", f"{name}:/data2")
        assert id_of(ll, "data:1") != id_of(other, name), "known there by its config's digest"
