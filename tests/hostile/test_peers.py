"""What umoci and podman make of every odd-but-legal layer is what layerlog makes of it, but where the case says why not."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import totals
from tests.faults.commands import Commands
from tests.hostile.legal_layers import LEGAL, Legal
from tests.hostile.making import NAME, docker_archive
from tests.hostile.trees import tree
from tests.peers import peer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root can unpack devices and owners")]


def compared(tool: str) -> list[str]:
    return [name for name, case in LEGAL.items() if tool not in case.differs]


def written(case: Legal, path: Path) -> Path:
    tars = (case.lower, case.tar) if case.lower else (case.tar,)
    stored = (*tars[:-1], case.tar if case.stored is None else case.stored)
    path.write_bytes(docker_archive(*tars, stored=stored))
    return path


@pytest.fixture
def ours(commands: Commands, tmp_path: Path, request: pytest.FixtureRequest) -> dict[bytes, str]:
    """What layerlog makes of the case, the root itself left out: the peers give it attributes of their own."""
    archive = written(LEGAL[request.node.callspec.params["name"]], tmp_path / "image.tar")
    commands.ok(tmp_path / "store", ["load", "-i", str(archive)], ["checkout", NAME, str(tmp_path / "out")])
    return without_root(tree(tmp_path / "out"))


def without_root(found: dict[bytes, str]) -> dict[bytes, str]:
    return {path: said for path, said in found.items() if path}


@pytest.mark.parametrize("name", compared("umoci"))
def test_umoci_unpacks_the_same_tree(name: str, ours: dict[bytes, str], tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    subprocess.run([peer("skopeo"), "copy", "-q", f"docker-archive:{tmp_path}/image.tar", f"oci:{layout}:x"], check=True)
    done = subprocess.run(
        [peer("umoci"), "unpack", "--image", f"{layout}:x", tmp_path / "bundle"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert without_root(tree(tmp_path / "bundle/rootfs")) == ours
    totals.count("odd layers that are the same in umoci and podman", 1, 1)


@pytest.fixture(scope="module")
def podman() -> Iterator[list[str]]:
    """Podman with a storage of its own; it takes no run root of more than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="pod", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = [peer("podman"), "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        yield command
        subprocess.run([*command, "rmi", "-af"], capture_output=True, check=False)


@pytest.mark.parametrize("name", compared("podman"))
def test_podman_mounts_the_same_tree(name: str, ours: dict[bytes, str], podman: list[str], tmp_path: Path) -> None:
    loaded = subprocess.run([*podman, "load", "-q", "-i", tmp_path / "image.tar"], capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
    mounted = subprocess.run([*podman, "image", "mount", NAME], capture_output=True, text=True, check=True)
    try:
        assert without_root(tree(Path(mounted.stdout.strip()))) == ours
        totals.count("odd layers that are the same in umoci and podman", 1, 1)
    finally:
        subprocess.run([*podman, "image", "umount", NAME], capture_output=True, check=True)
        subprocess.run([*podman, "rmi", "-f", NAME], capture_output=True, check=True)
