"""What layerlog writes, skopeo, umoci and podman read; what they write, layerlog reads: with equal digests."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.distribution import archive, layout
from cli.distribution.receive import open_layer
from eventstore.model.digests import digest_of, named
from projections.oci import oci_image
from projections.oci.oci_image import OciImage
from tests import images
from tests.images import TARS
from tests.peers import peer

NAME = "docker.io/library/one:1"
WAYS = [("gzip",), ("",), ("gzip", "")]


def run(tool: str, *args: str) -> str:
    done = subprocess.run([peer(tool), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(folder: Path, *found: OciImage) -> str:
    path = str(folder / "saved.tar")
    with open(path, "wb") as out:
        archive.write(out, found)
    return path


def diff_ids(image: OciImage) -> list[str]:
    return [named(layer.diff_id) for layer in image.layers]


def unpacked(image: OciImage) -> list[bytes]:
    return [open_layer(layer).read() for layer in image.layers]


@pytest.mark.parametrize("how", [*WAYS, ("zstd",)])
def test_skopeo_reads_our_archive_as_an_oci_archive(tmp_path: Path, how: tuple[str, ...]) -> None:
    image = images.image(*how, names=(NAME,))
    found = json.loads(run("skopeo", "inspect", f"oci-archive:{saved(tmp_path, image)}:{NAME}"))
    assert found["Digest"] == digest_of(oci_image.manifest_of(image))
    assert found["Layers"] == [layer.descriptor.digest for layer in image.layers]


@pytest.mark.parametrize("how", WAYS)
def test_skopeo_reads_our_archive_as_a_docker_archive(tmp_path: Path, how: tuple[str, ...]) -> None:
    image = images.image(*how, names=(NAME, "localhost/two:2"), tars=(*TARS, TARS[0]))
    path = saved(tmp_path, image, images.image(names=("localhost/other:1",), author="other"))
    for name in image.names:
        run("skopeo", "copy", "-q", f"docker-archive:{path}:{name}", f"dir:{tmp_path}/copied")
        manifest = json.loads((tmp_path / "copied/manifest.json").read_bytes())
        assert manifest["config"]["digest"] == oci_image.config_digest(image)
        assert [layer["digest"] for layer in manifest["layers"]] == diff_ids(image)


def test_an_image_with_docker_s_own_manifest_stays_readable(tmp_path: Path) -> None:
    image = images.image(names=(NAME,))
    kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    layers = [oci_image.describe(layer.descriptor._replace(media_type=kind)) for layer in image.layers]
    config = images.describe(oci_image.DOCKER_CONFIG, image.config)
    document = {"schemaVersion": 2, "mediaType": oci_image.DOCKER_MANIFEST, "config": config, "layers": layers}
    image = replace(image, manifest=json.dumps(document).encode(), manifest_type=oci_image.DOCKER_MANIFEST)
    path = saved(tmp_path, image)
    assert archive.read(path, str(tmp_path))[0].manifest == image.manifest
    run("skopeo", "inspect", f"docker-archive:{path}:{NAME}")
    layout.write(str(tmp_path / "layout"), [oci_image.as_oci_image(image)])
    run("skopeo", "inspect", f"oci:{tmp_path}/layout:{NAME}")


def test_podman_loads_our_archive(tmp_path: Path, podman: list[str]) -> None:
    one, other = images.image(names=(NAME, "localhost/two:2")), images.image("", names=("localhost/other:1",), author="x")
    run("podman", *podman, "load", "-q", "-i", saved(tmp_path, one, other))
    found = json.loads(run("podman", *podman, "images", "--format", "json"))
    assert {name: image["Id"] for image in found for name in image["Names"]} == {
        name: oci_image.config_digest(image).removeprefix("sha256:") for image in (one, other) for name in image.names
    }


@pytest.mark.parametrize("how", WAYS)
def test_umoci_unpacks_our_layout(tmp_path: Path, how: tuple[str, ...]) -> None:
    image = images.image(*how, names=(NAME,))
    layout.write(str(tmp_path / "layout"), [image])
    assert run("umoci", "ls", "--layout", f"{tmp_path}/layout").split() == [NAME]
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:{NAME}", f"{tmp_path}/bundle")
    assert (tmp_path / "bundle/rootfs/etc/motd").read_bytes() == b"bye\n"


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "oci"])
def test_what_skopeo_writes_is_read(tmp_path: Path, kind: str) -> None:
    image = images.image(names=(NAME,))
    layout.write(str(tmp_path / "layout"), [image])
    run("skopeo", "copy", "-q", f"oci:{tmp_path}/layout:{NAME}", f"{kind}:{tmp_path}/copy:{NAME}")
    (found,) = archive.read(str(tmp_path / "copy"), str(tmp_path))
    assert (found.config, diff_ids(found), found.names) == (image.config, diff_ids(image), image.names)
    assert unpacked(found) == list(TARS)
    if kind != "docker-archive":
        assert found.manifest == oci_image.manifest_of(image)


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_what_podman_saves_is_read(tmp_path: Path, podman: list[str], kind: str) -> None:
    image = images.image(names=(NAME,))
    run("podman", *podman, "load", "-q", "-i", saved(tmp_path, image))
    run("podman", *podman, "save", "-q", "--format", kind, "-o", f"{tmp_path}/copy", NAME)
    (found,) = archive.read(str(tmp_path / "copy"), str(tmp_path))
    assert (oci_image.config_digest(found), diff_ids(found)) == (oci_image.config_digest(image), diff_ids(image))
    assert found.names == (NAME,)
    assert unpacked(found) == list(TARS)


def test_what_umoci_writes_is_read(tmp_path: Path) -> None:
    run("umoci", "init", "--layout", f"{tmp_path}/layout")
    run("umoci", "new", "--image", f"{tmp_path}/layout:empty")
    (found,) = layout.read(f"{tmp_path}/layout")
    assert (found.names, found.layers) == (("empty",), ())


def test_a_missing_tool_is_a_skip_or_where_asked_a_failure(monkeypatch: Any) -> None:
    monkeypatch.delenv("LAYERLOG_REQUIRE_PEERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is not installed"):
        peer("no-such-tool")
    monkeypatch.setenv("LAYERLOG_REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool is not installed"):
        peer("no-such-tool")
    assert os.environ["LAYERLOG_REQUIRE_PEERS"] == "1"
