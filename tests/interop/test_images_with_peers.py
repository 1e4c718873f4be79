"""Whole images, all attributes: what layerlog makes of them is what umoci, podman and the kernel make of them."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from cli.distribution import layout
from cli.distribution.receive import open_layer
from tests.cli.hosttrees import Link, Node, Special, Symlink, as_root, build
from tests.cli.invoking import Layerlog
from tests.interop.host import overlay, snapshot
from tests.peers import peer

pytestmark = as_root

CAPABILITY = b"\1\0\0\2\0\4\0\0" + bytes(12)  # cap_net_bind_service=ep, revision 2
ACL = bytes.fromhex("0200000001000700ffffffff020005000700000004000500ffffffff10000500ffffffff20000500ffffffff")
LOWEST = {
    b"etc": {b"passwd": b"root:x:0:0\n", b"motd": Node(b"hello\n", mtime=1_700_000_000_123_456_789)},
    b"usr": {
        b"bin": {
            b"su": Node(b"#!su", mode=0o4755),
            b"ping": Node(b"#!ping", mode=0o755, xattrs={"security.capability": CAPABILITY}),
            b"sh": b"#!sh",
            b"ash": Link(b"usr/bin/sh"),
            b"bash": Link(b"usr/bin/sh"),
        },
        b"share": {b"doc": {b"a": b"a", b"b": {b"c": b"c"}}, b"man": Node({b"1": b"1"}, mode=0o2775, gid=12)},
    },
    b"bin": Symlink(b"usr/bin"),
    b"srv": {b"\xff\xfe": b"not UTF-8", b"n" * 255: b"a long name", b"empty": b"", b"odd \n name": b"x"},
    b"dev": {b"null": Special(stat.S_IFCHR | 0o666, os.makedev(1, 3)), b"sda": Special(stat.S_IFBLK | 0o660, os.makedev(8, 0))},
    b"run": {b"fifo": Special(stat.S_IFIFO | 0o600)},
    b"var": Node({b"log": Node({b"x": b"x"}, xattrs={"user.note": b"\0\xff", "system.posix_acl_access": ACL})}, uid=7, gid=8, mode=0o1777),
    b"becomes": {b"file": {b"a": b"a"}, b"directory": b"x", b"link": b"x"},
    b"opaque": {b"old": b"old", b"deep": {b"old": b"old"}},
    b"big": bytes(range(256)) * 2000,
}
OPAQUE = {b"new": b"new", b"deep": {b"new": b"new"}}
NAME = "localhost/odd:1"


def run(tool: str, *args: str) -> str:
    done = subprocess.run([peer(tool), *args], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def change(root: Path) -> None:
    """Do in *root* what a second layer is about."""
    (root / "becomes/directory").unlink()
    (root / "becomes/directory").mkdir(mode=0o700)
    (root / "becomes/directory/f").write_bytes(b"f")
    (root / "becomes/link").unlink()
    (root / "becomes/link").symlink_to("/nowhere")
    shutil.rmtree(root / "usr/share/doc")
    os.unlink(os.fsencode(root) + b"/srv/\xff\xfe")
    os.unlink(root / "usr/bin/ash")
    os.chmod(root / "usr/bin/ping", 0o700)
    os.chown(root / "etc/passwd", 5, 6)
    os.utime(root / "etc/motd", ns=(0, 987_654_321))
    os.link(root / "usr/bin/su", root / "usr/bin/sudo")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout of three layers that umoci made: odd nodes, changes and deletions, an opaque directory."""
    folder = tmp_path_factory.mktemp("source")
    image = f"{folder}/layout:{NAME}"
    run("umoci", "init", "--layout", f"{folder}/layout")
    run("umoci", "new", "--image", image)
    run("umoci", "insert", "--image", image, build(folder / "lowest", LOWEST, mode=0o755), "/")
    run("umoci", "unpack", "--image", image, f"{folder}/bundle")
    change(folder / "bundle/rootfs")
    run("umoci", "repack", "--image", image, f"{folder}/bundle")
    run("umoci", "insert", "--image", image, "--opaque", build(folder / "opaque", OPAQUE), "/opaque")
    run("umoci", "config", "--image", image, "--config.cmd", "/bin/sh", "--config.env", "A=b", "--author", "Ada")
    return folder / "layout"


@pytest.fixture(scope="module")
def unpacked(source: Path) -> Path:
    """What umoci makes of the image."""
    run("umoci", "unpack", "--image", f"{source}:{NAME}", str(source.parent / "unpacked"))
    return source.parent / "unpacked/rootfs"


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return Layerlog(tmp_path / "store")


def checked_out(ll: Layerlog, ref: str, folder: Path) -> Path:
    ll.run("checkout", ref, str(folder))
    return folder


def whole(tar: bytes) -> bytes:
    """Return *tar* with the end that `umoci insert` leaves out and Python's tarfile wants."""
    return tar + bytes(-len(tar) % 512 + 1024)


def without_times(tree: Path) -> object:
    """Docker's archives of podman's making round times to seconds."""
    nodes, linked = snapshot(tree)
    return {path: (*node[:3], node[3] // 10**9, *node[4:]) for path, node in nodes.items()}, linked


def test_checkout_is_what_umoci_unpacks(ll: Layerlog, tmp_path: Path, source: Path, unpacked: Path) -> None:
    assert ll("load", "-i", str(source)) == f"Loaded image: {NAME}\n"
    assert snapshot(checked_out(ll, NAME, tmp_path / "out")) == snapshot(unpacked)


def test_the_merged_view_is_the_kernel_s_overlayfs(ll: Layerlog, tmp_path: Path, source: Path) -> None:
    ll("load", "-i", str(source))
    tars = []
    for number, layer in enumerate(layout.read(str(source))[0].layers):
        tars.append(tmp_path / f"{number}.tar")
        tars[-1].write_bytes(whole(open_layer(layer).read()))
    ours = snapshot(checked_out(ll, NAME, tmp_path / "out"))[0]
    with overlay(tars, tmp_path) as merged:
        kernels = snapshot(merged)[0]
    assert ours.keys() == kernels.keys()
    assert [(path, ours[path], kernels[path]) for path in ours if ours[path] != kernels[path]] == []


def test_a_directory_that_became_a_file_as_umoci_says_it(ll: Layerlog, tmp_path: Path, source: Path) -> None:
    """Its layer has the file, and below that whiteouts of what was in the directory, at which podman fails."""
    run("umoci", "unpack", "--image", f"{source}:{NAME}", f"{tmp_path}/bundle")
    shutil.rmtree(tmp_path / "bundle/rootfs/becomes/file")
    (tmp_path / "bundle/rootfs/becomes/file").write_bytes(b"a file now")
    shutil.copytree(source, tmp_path / "layout")
    run("umoci", "repack", "--image", f"{tmp_path}/layout:{NAME}", f"{tmp_path}/bundle")
    ll("load", "-i", f"{tmp_path}/layout")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:{NAME}", f"{tmp_path}/again")
    assert snapshot(checked_out(ll, NAME, tmp_path / "out")) == snapshot(tmp_path / "again/rootfs")


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "oci"])
def test_what_skopeo_copied_is_the_same_tree(ll: Layerlog, tmp_path: Path, source: Path, unpacked: Path, kind: str) -> None:
    run("skopeo", "copy", "-q", f"oci:{source}:{NAME}", f"{kind}:{tmp_path}/copy:{NAME}")
    assert ll("load", "-i", f"{tmp_path}/copy") == f"Loaded image: {NAME}\n"
    assert snapshot(checked_out(ll, NAME, tmp_path / "out")) == snapshot(unpacked)


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_what_podman_saved_is_the_same_tree(
    ll: Layerlog, tmp_path: Path, source: Path, unpacked: Path, podman: list[str], kind: str
) -> None:
    run("skopeo", "copy", "-q", f"oci:{source}:{NAME}", f"oci-archive:{tmp_path}/copy:{NAME}")
    run("podman", *podman, "load", "-q", "-i", f"{tmp_path}/copy")
    run("podman", *podman, "save", "-q", "--format", kind, "-o", f"{tmp_path}/saved", NAME)
    assert ll("load", "-i", f"{tmp_path}/saved") == f"Loaded image: {NAME}\n"
    assert without_times(checked_out(ll, NAME, tmp_path / "out")) == without_times(unpacked)


def test_what_came_goes_out_with_every_digest(ll: Layerlog, tmp_path: Path, source: Path) -> None:
    ll("load", "-i", str(source))
    ll("save", "-o", f"{tmp_path}/out.tar", NAME)
    raw = run("skopeo", "inspect", "--raw", f"oci-archive:{tmp_path}/out.tar:{NAME}")
    assert raw == run("skopeo", "inspect", "--raw", f"oci:{source}:{NAME}")
    other = Layerlog(tmp_path / "other")
    other("load", "-i", f"{tmp_path}/out.tar")
    other("save", "-o", f"{tmp_path}/again.tar", NAME)
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "out.tar").read_bytes()


@pytest.fixture
def made(ll: Layerlog, tmp_path: Path, source: Path) -> str:
    """A commit over the image, with all that a container can do."""
    ll("load", "-i", str(source))
    ll("create", "--name", "web", NAME)
    ll("write", "--text", "new", "web:/etc/new")
    ll("delete", "-r", "web:/usr/share/man")
    ll("move", "web:/var/log", "web:/var/logs")
    ll("chmod", "4711", "web:/usr/bin/ping")
    ll("link", "web:/big", "web:/srv/big")
    ll("cp", build(tmp_path / "more", {b"f": Node(b"f", uid=1, xattrs={"user.a": b"b"}), b"p": Special(stat.S_IFIFO | 0o600)}), "web:/more")
    ll("delete", "-r", "web:/becomes/directory")
    ll("write", "--text", "a file again", "web:/becomes/directory")
    ll("commit", "-m", "mine", "-c", 'CMD ["x"]', "web", "localhost/mine:1")
    return "localhost/mine:1"


@pytest.mark.parametrize("options", [[], ["--compress"]])
def test_umoci_unpacks_what_we_wrote_as_we_check_it_out(ll: Layerlog, tmp_path: Path, made: str, options: list[str]) -> None:
    ll("save", *options, "--format", "oci-dir", "-o", f"{tmp_path}/layout", made)
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:{made}", f"{tmp_path}/bundle")
    assert snapshot(tmp_path / "bundle/rootfs") == snapshot(checked_out(ll, made, tmp_path / "out"))


def test_podman_loads_what_we_wrote(ll: Layerlog, tmp_path: Path, made: str, podman: list[str]) -> None:
    ll("save", "-o", f"{tmp_path}/out.tar", made, NAME)
    assert run("podman", *podman, "load", "-q", "-i", f"{tmp_path}/out.tar").split("\n")[:2] == [
        f"Loaded image: {made}", f"Loaded image: {NAME}",
    ]  # fmt: skip
    ours = json.loads(ll("inspect", made))[0]
    theirs = json.loads(run("podman", *podman, "image", "inspect", made))[0]
    assert f"sha256:{theirs['Id']}" == ours["Layerlog"]["ConfigDigest"]
    assert (theirs["RootFS"]["Layers"], theirs["Config"]["Cmd"]) == (ours["RootFS"]["Layers"], ["x"])
    assert json.loads(run("podman", *podman, "history", "--format", "json", made))[0]["comment"] == "mine"
    mounted = Path(run("podman", *podman, "image", "mount", made).strip())
    assert snapshot(mounted)[0].keys() == snapshot(checked_out(ll, made, tmp_path / "out"))[0].keys()


def test_skopeo_reads_what_we_wrote_in_both_ways(ll: Layerlog, tmp_path: Path, made: str) -> None:
    ll("save", "-o", f"{tmp_path}/out.tar", made)
    ours = json.loads(ll("inspect", made))[0]
    for kind in ("oci-archive", "docker-archive"):
        run("skopeo", "copy", "-q", f"{kind}:{tmp_path}/out.tar:{made}", f"dir:{tmp_path}/{kind}")
        manifest = json.loads((tmp_path / kind / "manifest.json").read_bytes())
        assert manifest["config"]["digest"] == ours["Layerlog"]["ConfigDigest"]


def test_a_folder_that_was_imported_is_that_folder_elsewhere(ll: Layerlog, tmp_path: Path, unpacked: Path) -> None:
    ll("import", str(unpacked), "localhost/root:1")
    assert snapshot(checked_out(ll, "localhost/root:1", tmp_path / "out")) == snapshot(unpacked)
    ll("save", "--format", "oci-dir", "-o", f"{tmp_path}/layout", "localhost/root:1")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:localhost/root:1", f"{tmp_path}/bundle")
    assert snapshot(tmp_path / "bundle/rootfs") == snapshot(unpacked)
