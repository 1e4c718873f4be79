"""Layers sealed here, in the storage of others: podman's overlay driver mounts, and umoci unpacks, the tree that we check out.

A layer that leaves a directory out looks right in umoci, which unpacks one over the other, and wrong in overlay drivers.
"""

import random
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.errors import LayerlogError
from eventstore.model.changes import Change, attributes, delete, link, move, put
from eventstore.model.entries import Entry
from eventstore.store import commands
from projections.refs.containers import live_view
from projections.tree.walk import walk
from tests.cli.hosttrees import as_root
from tests.cli.invoking import Layerlog
from tests.interop.host import snapshot
from tests.peers import lacking, peer

pytestmark = as_root

NAMES = (b"a", b"b", b"tmp", b"home", b"\xff")
MODES = (0o755, 0o700, 0o1777, 0o2770, 0o750, 0o555, 0o000, 0o6711)
ROUNDS = 6
COMMITS = 4


@pytest.fixture(scope="module")
def podman() -> Iterator[list[str]]:
    """Podman on a storage of its own with the overlay driver, really mounted; no run root of more than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="pod", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = [peer("podman"), "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "overlay"]
        driver = subprocess.run([*command, "info", "-f", "{{.Store.GraphDriverName}}"], capture_output=True, text=True, check=False)
        if driver.stdout.strip() != "overlay":
            lacking(f"podman has no overlay driver here ({driver.stderr.strip()[-100:]})")
        yield command
        subprocess.run([*command, "umount", "-a"], capture_output=True, check=True)
        subprocess.run([*command, "rm", "-a", "-f"], capture_output=True, check=True)
        subprocess.run(["umount", f"{folder}/root/overlay"], capture_output=True, check=False)


def some_change(chance: random.Random, tree: list[Entry], content: bytes) -> Change:
    """Return a change that the rules may allow, of any kind, with attributes of every kind."""
    directories = [entry.path for entry in tree if entry.is_dir]
    paths = [entry for entry in tree if entry.path]
    parent, name = chance.choice(directories), chance.choice(NAMES)
    path = parent + b"/" + name if parent else name
    mode, uid, gid = chance.choice(MODES), chance.choice((0, 5, 1000)), chance.choice((0, 7))
    mtime = chance.randrange(10**9, 10**18)
    match chance.randrange(9) if paths else chance.randrange(4):
        case 0 | 1:
            return put(path, stat.S_IFDIR | mode, mtime=mtime, uid=uid, gid=gid)
        case 2 | 3:
            return put(path, stat.S_IFREG | mode, size=1, content=content, mtime=mtime, uid=uid, gid=gid)
        case 4:
            return delete(chance.choice(paths).path)
        case 5:
            return move(chance.choice(paths).path, path)
        case 6:
            return link(path, chance.choice(paths).path)
        case _:
            found = chance.choice(paths)
            return attributes(found.path, stat.S_IFMT(found.mode) | mode, mtime=mtime, uid=uid, gid=gid)


def grow(ll: Layerlog, chance: random.Random, container: str, steps: int) -> None:
    """Make *steps* random changes, each in the container's own history."""
    with ll.writer() as writer:
        content = writer.content.put(b"x")
        view = live_view(writer.store, container)
        for _ in range(steps):
            change = some_change(chance, list(walk(view)), content)
            try:
                commands.record(writer, container, [change], view)
            except LayerlogError:
                continue  # the rules said no, and nothing is appended


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    """A store with images r0:1, r0:2, ... of random histories, one upon the other, all tagged."""
    ll = Layerlog(tmp_path_factory.mktemp("histories") / "store")
    for number in range(ROUNDS):
        chance = random.Random(number)
        with ll.writer() as writer:
            container = commands.create_container(writer, f"c{number}", None)
        for commit in range(1, COMMITS + 1):
            grow(ll, chance, container, 25)
            ll("commit", "--allow-empty", f"c{number}", f"r{number}:{commit}")
    return ll


def nodes(root: Path) -> dict[bytes, object]:
    """What is in *root*, without the root itself: podman's overlay makes that 0555 whatever a layer says."""
    found = snapshot(root)[0]
    return {path: node for path, node in found.items() if path != b"."}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_podman_mounts_and_umoci_unpacks_the_tree_that_we_check_out(
    histories: Layerlog, podman: list[str], tmp_path: Path, number: int
) -> None:
    """Type, mode, owner, content and extended attributes of every path, at the last of several commits and at an earlier one."""
    for commit in (2, COMMITS):
        name, folder = f"r{number}:{commit}", tmp_path / str(commit)
        folder.mkdir()
        histories("checkout", name, str(folder / "ours"))
        ours = nodes(folder / "ours")
        histories("save", "-q", "-o", f"{folder}/saved.tar", name)
        subprocess.run([*podman, "load", "-q", "-i", f"{folder}/saved.tar"], check=True, capture_output=True)
        made = subprocess.run([*podman, "create", "--pull=never", name, "x"], check=True, capture_output=True, text=True).stdout.strip()
        mounted = subprocess.run([*podman, "mount", made], check=True, capture_output=True, text=True).stdout.strip()
        podmans = nodes(Path(mounted))
        assert podmans == ours
        histories("save", "-q", "--format", "oci-dir", "-o", f"{folder}/layout", name)
        subprocess.run([peer("umoci"), "unpack", "--image", f"{folder}/layout:docker.io/library/{name}", f"{folder}/bundle"], check=True, capture_output=True)
        assert nodes(folder / "bundle/rootfs") == ours


def test_another_machine_has_the_same_tree_and_digests(histories: Layerlog, tmp_path: Path) -> None:
    """What comes back from elsewhere is a layer taken from elsewhere: same tree, same bytes, and it says whose changes they are."""
    other = Layerlog(tmp_path / "store")
    for number in range(ROUNDS):
        name = f"r{number}:{COMMITS}"
        histories("save", "-q", "-o", f"{tmp_path}/saved.tar", name)
        other("load", "-q", "-i", f"{tmp_path}/saved.tar")
        other("save", "-q", "-o", f"{tmp_path}/again.tar", name)
        assert Path(tmp_path, "again.tar").read_bytes() == Path(tmp_path, "saved.tar").read_bytes()
        for ll, folder in ((histories, "one"), (other, "other")):
            ll("checkout", name, f"{tmp_path}/{folder}{number}")
        assert snapshot(tmp_path / f"one{number}") == snapshot(tmp_path / f"other{number}")
