"""load and import: what they bring in, what they call it, and of what nothing is kept."""

import bz2
import gzip
import lzma
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cli.distribution import archive, layout
from cli.distribution.receive import open_layer
from eventstore.model.digests import digest_of, named
from projections.oci.oci_image import config_digest, manifest_of
from tests.cli.archived import ONE, OTHER, SHARING, archived, complete, docker_archived, id_of, inspected
from tests.cli.hosttrees import Link, Symlink, build
from tests.cli.invoking import Layerlog, with_loaded
from tests.cli.running import on_terminal
from tests.images import TARS, image

# -- load


def test_load_names_what_it_brought_as_docker_does(ll: Layerlog, tmp_path: Path) -> None:
    assert ll("load", "-q", "-i", archived(tmp_path, ONE, OTHER)) == "Loaded image: localhost/one:1\nLoaded image: localhost/other:1\n"
    assert id_of(ll, "one:1") == config_digest(ONE)
    assert ll("cat", "one:1:/etc/motd") == "bye\n"


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (["tomcat:10"], "Loaded image: tomcat:10\n"),
        (["ada/app:1", "quay.io/x/y:2"], "Loaded image: ada/app:1\nLoaded image: quay.io/x/y:2\n"),
        (["localhost/tomcat:latest"], "Loaded image: localhost/tomcat:latest\n"),
        (None, f"Loaded image ID: {config_digest(ONE)}\n"),
    ],
)
def test_names_of_a_docker_archive_are_read_as_docker_reads_them(
    ll: Layerlog, tmp_path: Path, tags: list[str] | None, says: str
) -> None:
    assert ll("load", "-i", docker_archived(tmp_path, ONE, tags)) == says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tomcat", "localhost/tomcat:latest"),
        ("tomcat:1.0", "localhost/tomcat:1.0"),
        ("ada/app", "localhost/ada/app:latest"),
        ("docker.io/library/foo:2", "foo:2"),
        ("quay.io/a/b:3", "quay.io/a/b:3"),
    ],
)
def test_names_of_a_layout_are_read_as_podman_reads_them(ll: Layerlog, tmp_path: Path, name: str, says: str) -> None:
    layout.write(str(tmp_path / "layout"), [replace(ONE, names=(name,))])
    assert ll("load", "-i", str(tmp_path / "layout")) == f"Loaded image: {says}\n"


def test_load_reads_standard_input_and_compressed_archives(ll: Layerlog, tmp_path: Path) -> None:
    data = Path(archived(tmp_path, ONE)).read_bytes()
    assert ll("load", stdin=gzip.compress(data)) == "Loaded image: localhost/one:1\n"
    assert ll("load", "-i", "-", stdin=data) == "Loaded image: localhost/one:1\n"


def test_load_takes_one_image_by_its_name(ll: Layerlog, tmp_path: Path) -> None:
    path = archived(tmp_path, ONE, OTHER)
    assert ll("load", "-i", path, "--ref", "localhost/other:1") == "Loaded image: localhost/other:1\n"
    assert "no image 'nosuch'; there is localhost/one:1, localhost/other:1" in ll.refused("load", "-i", path, "--ref", "nosuch")


def test_load_takes_the_nameless_one_by_its_digest(ll: Layerlog, tmp_path: Path) -> None:
    nameless = replace(ONE, names=())
    path = archived(tmp_path, nameless, OTHER)
    ref = f"@{digest_of(manifest_of(nameless))[:15]}"
    assert ll("load", "-i", path, "--ref", ref) == f"Loaded image ID: {config_digest(ONE)}\n"
    assert ll.run("cat", "other:1:/etc/motd").exit_code == 1


@pytest.mark.parametrize("names", [("localhost/one:1",), ("localhost/one:1", "localhost/new:1"), ("localhost/new:1",)])
def test_load_says_of_a_name_that_moves_what_it_named_before(ll: Layerlog, tmp_path: Path, names: tuple[str, ...]) -> None:
    ll("load", "-i", archived(tmp_path, ONE))
    done = ll.run("load", "-q", "-i", archived(tmp_path, replace(OTHER, names=names)))
    short = config_digest(ONE).removeprefix("sha256:")[:12]
    new = id_of(ll, names[0]).removeprefix("sha256:")[:12]
    said = f"layerlog: localhost/one:1 moved from {short} (now localhost/one:1@{{1}}) to {new}\n"
    assert done.stderr == (said if "localhost/one:1" in names else "")
    assert ll.run("load", "-q", "-i", str(tmp_path / "images.tar")).stderr == ""
    if said == done.stderr:
        assert id_of(ll, "one:1@{1}") == config_digest(ONE)


def test_a_docker_archive_without_the_layers_that_are_here_is_completed(ll: Layerlog, tmp_path: Path) -> None:
    """A foreign image: one on layers of another that came before; it leaves whole."""
    path = docker_archived(tmp_path, replace(SHARING, names=()), ["sharing:1"])
    shared = f"{SHARING.layers[0].diff_id.hex()}/layer.tar"
    partial = tmp_path / "partial.tar"
    with tarfile.open(path) as whole, tarfile.open(partial, "w") as tar:
        for info in whole:
            if info.name != shared:
                tar.addfile(info, whole.extractfile(info))
    assert f"1 of its 2 layers are missing in it and here: {named(SHARING.layers[0].diff_id)}" in ll.refused("load", "-i", str(partial))
    ll("load", "-i", archived(tmp_path, ONE))
    assert ll("load", "-i", str(partial)) == "Loaded image: sharing:1\n"
    ll("save", "-o", str(tmp_path / "out.tar"), "sharing:1")
    (saved,) = archive.read(str(tmp_path / "out.tar"), str(tmp_path))
    assert [open_layer(layer).read() for layer in saved.layers] == [open_layer(layer).read() for layer in SHARING.layers]
    assert ll.run("verify").exit_code == 0


def test_load_takes_the_platform_that_is_asked_for(ll: Layerlog, tmp_path: Path) -> None:
    layout.write(str(tmp_path / "layout"), [ONE])
    assert "is for linux/amd64, not for linux/s390x" in ll.refused("load", "-i", str(tmp_path / "layout"), "--platform", "linux/s390x")


def test_load_reads_no_layer_that_is_here(ll: Layerlog, tmp_path: Path) -> None:
    """The second image's shared layer is not what its digest says, and nobody finds out."""
    with_loaded(ll, "localhost/one:1")
    path = Path(archived(tmp_path, SHARING))
    shared = SHARING.layers[0].open().read()
    path.write_bytes(path.read_bytes().replace(shared, bytes(len(shared))))
    assert ll("load", "-i", str(path)) == "Loaded image: localhost/sharing:1\n"


def test_a_layer_in_another_compression_is_kept_too(ll: Layerlog, tmp_path: Path) -> None:
    """So what came compressed goes out as it came, though its files were here before."""
    plain, packed = replace(ONE, layers=image("").layers, names=()), complete(ONE)
    ll("load", "-i", archived(tmp_path, plain))
    ll("load", "-i", archived(tmp_path, packed))
    ll("save", "-o", str(tmp_path / "out.tar"), "one:1")
    (found,) = archive.read(str(tmp_path / "out.tar"), str(tmp_path))
    assert found.manifest == packed.manifest


def test_a_diff_id_that_belongs_to_another_blob_is_refused(ll: Layerlog, tmp_path: Path) -> None:
    """The layer is here, the blob is new: it may not be recorded as that layer unread."""
    with_loaded(ll, "localhost/one:1")
    liar = replace(ONE.layers[0], descriptor=OTHER.layers[1].descriptor, open=OTHER.layers[1].open)
    path = archived(tmp_path, complete(replace(ONE, layers=(liar, ONE.layers[1]))))
    assert "unpacked: the bytes are sha256:" in ll.refused("load", "-i", path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_of_a_truncated_archive_nothing_is_kept(ll: Layerlog, tmp_path: Path, cut: float) -> None:
    data = Path(archived(tmp_path, OTHER, ONE)).read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data) * cut)])
    assert ll.refused("load", "-i", str(tmp_path / "cut.tar")).startswith(f"{tmp_path}/cut.tar: ")
    assert ll.lines("images", "-aq") == ll.lines("images", "-q") == [id_of(ll, "base:1").removeprefix("sha256:")[:12]]


def test_load_of_a_folder_or_file_that_is_none_says_so(ll: Layerlog, tmp_path: Path) -> None:
    assert "no such file" in ll.refused("load", "-i", str(tmp_path / "nosuch"))
    (tmp_path / "text").write_text("text")
    assert "no image archive" in ll.refused("load", "-i", str(tmp_path / "text"))
    assert "standard input: no image archive" in ll.refused("load", stdin=b"")


def test_loading_again_brings_a_removed_image_back(ll: Layerlog, tmp_path: Path) -> None:
    path = archived(tmp_path, ONE)
    ll("load", "-i", path)
    ll("rmi", "one:1")
    ll("load", "-i", path)
    assert [row["repository"] for row in ll.json("images")] == ["localhost/one", "base"]


def test_load_refuses_a_terminal(tmp_path: Path) -> None:
    said = on_terminal([sys.executable, "-c", "import sys, os; os.dup2(1, 0); from cli.main import main; main()", "--store", str(tmp_path / "s"), "load"])
    assert b"Standard input is a terminal; name a file with -i" in said


# -- import


def test_import_of_a_folder(ll: Layerlog, tmp_path: Path) -> None:
    tree = {b"etc": {b"motd": b"hi\n"}, b"bin": {b"sh": b"#!", b"ash": Link(b"bin/sh")}, b"lib": Symlink(b"usr/lib"), b"\xff": b""}
    folder = build(tmp_path / "root", tree)
    made = ll("import", "-m", "a root", "-c", 'CMD ["sh"]', folder, "rootfs:1").strip()
    assert made == id_of(ll, "rootfs:1")
    assert (ll("cat", "rootfs:1:/bin/ash"), ll.lines("ls", "rootfs:1:/")) == ("#!", ["bin", "etc", "lib", r"\xff"])
    found = inspected(ll, "rootfs:1")
    assert (found["Comment"], found["Config"]["Cmd"], len(found["RootFS"]["Layers"])) == ("a root", ["sh"], 1)
    assert "import-" not in ll("ps")


def test_import_of_a_folder_says_what_it_leaves_out(ll: Layerlog, tmp_path: Path) -> None:
    import socket

    build(tmp_path / "root", {b"f": b""})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "root/socket"))
        done = ll.run("import", str(tmp_path / "root"))
    assert (done.exit_code, done.stderr) == (0, "layerlog: left out: 1 sockets\n")


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data), lzma.compress, bz2.compress]
)
def test_import_of_a_tar_is_lossless(ll: Layerlog, tmp_path: Path, pack: Callable[..., Any] | type[bytes]) -> None:
    (tmp_path / "root.tar").write_bytes(pack(TARS[0]))
    ll("import", str(tmp_path / "root.tar"), "rootfs:1")
    found = inspected(ll, "rootfs:1")
    assert found["RootFS"]["Layers"] == [digest_of(TARS[0])]
    assert found["Comment"] == f"Imported from {tmp_path}/root.tar"
    ll("save", "-o", str(tmp_path / "out.tar"), "rootfs:1")
    (saved,) = archive.read(str(tmp_path / "out.tar"), str(tmp_path))
    assert open_layer(saved.layers[0]).read() == TARS[0]


def test_import_of_standard_input_needs_no_name(ll: Layerlog) -> None:
    made = ll("import", "-", stdin=TARS[0]).strip()
    assert ll("cat", f"{made}:/etc/motd") == "hello\n"
    assert inspected(ll, made)["Comment"] == "Imported from -"


@pytest.mark.parametrize("source", ["folder", "tar"])
def test_import_records_the_platform(ll: Layerlog, tmp_path: Path, source: str) -> None:
    path = build(tmp_path / "folder", {})
    (tmp_path / "tar").write_bytes(TARS[0])
    ll("import", "--platform", "linux/arm/v7", path if source == "folder" else str(tmp_path / "tar"), "rootfs:1")
    found = inspected(ll, "rootfs:1")
    assert [found[key] for key in ("Os", "Architecture", "Variant")] == ["linux", "arm", "v7"]


def test_import_refuses_what_is_no_tar_and_keeps_nothing(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text\n" * 200)
    assert ll.refused("import", str(tmp_path / "text"), "x:1") == f"{tmp_path}/text is no tar, but text"
    assert "is empty" in ll.refused("import", "-", stdin=b"")
    assert "no such file" in ll.refused("import", str(tmp_path / "nosuch"))
    assert "RUN does not change the config" in ll.refused("import", "-c", "RUN x", str(tmp_path), "x:1")
    assert "holds a digest" in ll.refused("import", str(tmp_path), f"x:1@{digest_of(b'')}")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
NO_TAR = {
    "a pointer of Git LFS": (LFS, "a pointer of Git LFS; `git lfs pull`"),
    "a long text": ("Grüße\n".encode() * 200, "text"),
    "a short text": (b"hello", "text"),
    "a text that is cut in a character": ("é".encode() * 255 + b"x" + "é".encode() * 9, "text"),
    "a web page": (b"\n<!DOCTYPE html><html>" + b"x" * 900, "a web page"),
    "a zip file": (b"PK\x03\x04" + bytes(900), "a zip file"),
    "a program": (b"\x7fELF" + bytes(900), "a program (ELF)"),
    "packed twice": (gzip.compress(gzip.compress(TARS[0])), "gzip data, packed twice; unpack it once"),
    "junk": (bytes(range(1, 256)) * 5, "something else, or damaged"),
    "packed junk": (lzma.compress(bytes(range(1, 256)) * 5), "something else, or damaged"),
}


@pytest.mark.parametrize("name", NO_TAR)
def test_what_is_no_tar_is_told_by_what_it_is(ll: Layerlog, tmp_path: Path, name: str) -> None:
    data, says = NO_TAR[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    for done in (ll.refused("import", str(path), "x:1"), ll.refused("import", "-", "x:1", stdin=data)):
        assert done.startswith((f"{path} is no tar, but {says}", f"standard input is no tar, but {says}"))
        assert "checksum" not in done
    assert f"{path}: no image archive, but {says}" in ll.refused("load", "-i", str(path))


def test_what_is_wrong_in_a_tar_is_said_with_the_file(ll: Layerlog, tmp_path: Path) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(TARS[0][:3000])
    assert ll.refused("import", str(path)).startswith(f"{path}: tar entry 'bin/sh': the archive ends in the middle")
    path.write_bytes(gzip.compress(TARS[0])[:-20])
    assert ll.refused("import", str(path)).startswith(f"{path}: the gzip data is cut off")
    assert "allow more with --max-layer-size" in ll.refused("import", "--max-layer-size", "1KiB", "-", stdin=TARS[0])


def test_a_tar_of_the_folder_of_an_archive_is_told(ll: Layerlog, tmp_path: Path) -> None:
    layout.write(str(tmp_path / "out"), [ONE])
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "out", "out")
    assert "a tar of a folder out that holds one; make it with `tar c -C out .`" in ll.refused("load", "-i", str(tmp_path / "x.tar"))


@pytest.mark.parametrize(("limit", "fits"), [("299B", False), ("300B", True)])
def test_a_folder_is_held_to_the_limit_too(ll: Layerlog, tmp_path: Path, limit: str, fits: bool) -> None:
    """A hard link's bytes count once."""
    path = build(tmp_path / "root", {b"a": b"x" * 100, b"d": {b"b": b"y" * 200}, b"e": Link(b"a")})
    done = ll.run("import", "--max-layer-size", limit, path, "x:1")
    assert (done.exit_code == 0) == fits
    if not fits:
        assert done.stderr == f"layerlog: {path}/d/b: with it, the files hold over 299 bytes; allow more with --max-layer-size\n"
        assert ll("images", "-q") == ll("images", "-q", "base:1")


@pytest.mark.parametrize("way", [("tag", "base:1"), ("import",)])
def test_nothing_can_be_called_scratch(ll: Layerlog, tmp_path: Path, way: tuple[str, ...]) -> None:
    source = [str(build(tmp_path / "root", {}))] if way == ("import",) else []
    for name in ("scratch", "scratch:latest", "docker.io/library/scratch"):
        assert "scratch is the empty image" in ll.refused(*way, *source, name)
    ll(*way, *source, "scratch:1")
    ll(*way, *source, "localhost/scratch")
