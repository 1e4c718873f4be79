"""A verb of one thing said of another: it is refused, and the right verb named."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.distribution import layout
from tests.cli.archived import ONE, OTHER, archived, docker_archived
from tests.cli.hosttrees import build
from tests.cli.invoking import Layerlog, write_and_commit

HEX = "0123456789abcdef" * 4


def tarred(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(info)
    return out.getvalue()


SAVED: dict[str, Callable[[Path], bytes]] = {
    "this store's": lambda folder: Path(archived(folder, ONE, OTHER)).read_bytes(),
    "docker's before OCI": lambda folder: Path(docker_archived(folder, ONE, ["a:1"])).read_bytes(),
    "packed": lambda folder: gzip.compress(Path(archived(folder, ONE)).read_bytes()),
    "an OCI archive": lambda _: tarred("./", "./blobs/", f"./blobs/sha256/{HEX}", "./index.json", "./oci-layout"),
    "podman's": lambda _: tarred(f"{HEX}.tar", f"{HEX[::-1]}.json", f"{HEX}/", f"{HEX}/layer.tar", "repositories", "manifest.json"),
    "Jib's": lambda _: tarred("config.json", f"{HEX}.tar.gz", "manifest.json"),
    "Kaniko's": lambda _: tarred(f"sha256:{HEX}", f"{HEX}.tar.gz", "manifest.json"),
    "docker's before 1.10": lambda _: tarred(f"{HEX}/", f"{HEX}/VERSION", f"{HEX}/json", f"{HEX}/layer.tar", "repositories"),
}


@pytest.mark.parametrize("whose", SAVED)
def test_a_saved_image_is_not_imported(ll: Layerlog, tmp_path: Path, whose: str) -> None:
    data = SAVED[whose](tmp_path)
    (tmp_path / "i.tar").write_bytes(data)
    path = f"{tmp_path}/i.tar"
    assert ll.refused("import", path, "x:1") == f"{path} is a saved image, not a root filesystem; `layerlog load -i {path}` brings it in"
    said = "standard input is a saved image, not a root filesystem; `layerlog load` brings it in"
    assert ll.refused("import", "-", "x:1", stdin=data) == said


def test_a_layout_and_an_unpacked_archive_are_not_imported(ll: Layerlog, tmp_path: Path) -> None:
    layout.write(str(tmp_path / "layout"), [ONE])
    assert f"`layerlog load -i {tmp_path}/layout` brings it in" in ll.refused("import", f"{tmp_path}/layout", "x:1")
    with tarfile.open(docker_archived(tmp_path, ONE, None)) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert f"`tar c -C {tmp_path}/unpacked . | layerlog load` brings it in" in ll.refused("import", f"{tmp_path}/unpacked", "x:1")


ROOTS: dict[str, dict[bytes, object]] = {
    "an application with a manifest": {b"manifest.json": b"{}", b"index.html": b"", b"app.js": b""},
    "one file": {b"manifest.json": b"[]"},
    "a root with a layout in it": {b"oci-layout": b"{}", b"index.json": b"{}", b"blobs": {}, b"etc": {}},
    "a layout below": {b"srv": {b"oci-layout": b"{}", b"index.json": b"{}"}},
    "data": {b"data.json": b"1", b"old.tar": b""},
    "a marker alone": {b"oci-layout": b"{}"},
    "an index alone": {b"index.json": b"{}", b"blobs": {}},
}


@pytest.mark.parametrize("what", ROOTS)
def test_what_only_looks_a_little_like_one_is_imported(ll: Layerlog, tmp_path: Path, what: str) -> None:
    folder = build(tmp_path / "root", ROOTS[what])
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.add(folder, ".")
    for source in (folder, f"{tmp_path}/root.tar"):
        ll("import", source, "x:1")
        assert sorted(ll.lines("ls", "x:1")) == sorted(name.decode() for name in ROOTS[what])


def test_a_root_filesystem_is_not_loaded(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(tarred("etc/", "etc/passwd"))
    assert "is for `import`" in ll.refused("load", "-q", "-i", f"{tmp_path}/root.tar")


# -- containers and images


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize("args", [("tag", "{}", "x:1"), ("revert", "{}"), ("rmi", "{}"), ("sign", "{}")])
def test_what_is_asked_of_images_says_that_this_is_a_container(ll: Layerlog, args: tuple[str, ...], *, by_id: bool) -> None:
    ref = str(ll.json("ps")[0]["id"])[:12] if by_id else "web"
    said = ll.run(*(arg.format(ref) for arg in args))
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith(f"layerlog: {ref} is a container, not an image; `layerlog ")


def test_a_container_with_commits_says_which_is_its_last(ll: Layerlog) -> None:
    made = write_and_commit(ll, "x", "web")
    assert ll.refused("tag", "web", "x:1") == f"web is a container, not an image; its last commit is {made[:12]}"
    ll("tag", made[:12], "x:1")


def test_a_point_is_made_an_image_by_a_fork(ll: Layerlog) -> None:
    said = ll.refused("tag", "web@1", "x:1")
    assert said == "web@1 is a point, not an image; `layerlog fork web@1`, then commit that"


@pytest.mark.parametrize(
    ("args", "step"),
    [
        (("rm", "base:1"), "`layerlog rmi base:1` removes it"),
        (("rmi", "web"), "`layerlog rm web` removes it"),
        (("status", "base:1"), "`layerlog create base:1`"),
        (("write", "--text", "x", "base:1:/x"), "`layerlog create base:1`"),
        (("diff", "base:1"), "`layerlog diff base:1 OTHER`"),
        (("save", "-o", "/dev/null", "web"), "as web@1 which is now"),
        (("history", "web"), "as web@1 which is now"),
    ],
)
def test_the_right_verb_is_named(ll: Layerlog, args: tuple[str, ...], step: str) -> None:
    done = ll.run(*args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert step in done.stderr


def test_a_name_that_both_have_is_taken_for_what_the_verb_takes(ll: Layerlog) -> None:
    ll("tag", "base:1", "web")
    ll("history", "web")
    ll("rmi", "web")
    assert [row["name"] for row in ll.json("ps")] == ["web"]
    ll("tag", "base:1", "web")
    ll("rm", "web")
    assert "web" in {row["repository"] for row in ll.json("images")}


def test_inspect_shows_what_it_finds_and_says_what_it_does_not(ll: Layerlog) -> None:
    for refs in (("base:1", "nope", "web"), ("nope", "base:1", "web", "nix")):
        done = ll.run("inspect", *refs)
        assert [one.get("Name") for one in json.loads(done.stdout)] == [None, "web"]
        assert (done.exit_code, done.stderr.count("no container or image")) == (1, len(refs) - 2)
        done = ll.run("inspect", "-f", "{{.Id}}", *refs)
        assert (done.exit_code, len(done.stdout.splitlines())) == (1, 2)
    done = ll.run("inspect", "nope")
    assert (done.exit_code, done.stdout) == (1, "")
