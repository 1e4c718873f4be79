"""Archives of small images for the commands that read and write them, and what those commands print of an image."""

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.distribution import archive
from cli.distribution.receive import open_layer
from eventstore.model.digests import digest_of
from projections.oci.oci_image import OciImage
from tests import images
from tests.cli.invoking import Layerlog
from tests.images import TARS, image

ONE = image("gzip", names=("localhost/one:1",))
OTHER = image("", names=("localhost/other:1",), author="other")
SHARING = image("gzip", names=("localhost/sharing:1",), tars=(TARS[0], images.layer_tar({"new": b"x"})))


def archived(folder: Path, *found: OciImage, name: str = "images.tar") -> str:
    path = str(folder / name)
    with open(path, "wb") as out:
        archive.write(out, found)
    return path


def complete(found: OciImage) -> OciImage:
    """As it comes from an OCI layout: with a manifest of its own spelling."""
    return replace(found, manifest=images.manifest(found.config, found.layers))


def docker_archived(folder: Path, found: OciImage, tags: Sequence[str] | None) -> str:
    """What `docker save` wrote before it knew of OCI."""
    path = str(folder / "docker.tar")
    layers = {f"{layer.diff_id.hex()}/layer.tar": open_layer(layer).read() for layer in found.layers}
    config = digest_of(found.config).removeprefix("sha256:") + ".json"
    manifest = json.dumps([{"Config": config, "RepoTags": tags, "Layers": list(layers)}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in {**layers, config: found.config, "manifest.json": manifest}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def id_of(ll: Layerlog, ref: str) -> str:
    return str(inspected(ll, ref)["Id"])


def inspected(ll: Layerlog, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ll("inspect", ref))[0]
    return found


def committed(ll: Layerlog, text: str, *options: str) -> str:
    """Write a file in the container web and commit; return the image's id."""
    ll("write", "--text", text, "web:/srv/new")
    return ll("commit", "-m", text, "web", *options).strip()
