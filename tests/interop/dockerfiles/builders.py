"""The two builders: rows become images, or what is said where nothing becomes of them."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.hosttrees import Node, build
from tests.cli.invoking import Layerlog
from tests.interop.dockerfiles.images import Image, image, read_json
from tests.interop.dockerfiles.row import Context, Row
from tests.peers import peer


class Made(NamedTuple):
    """`image` is None where there is none; then `said` tells why."""

    image: Image | None
    said: str


def write(folder: Path, row: Row) -> None:
    """Write the context of a row, files of 0644 and folders of 0755 where it says no other."""
    build(folder, _nodes({**row.context, **({} if "-f" in row.args else {"Dockerfile": row.dockerfile})}), mode=0o755)


def _nodes(context: Context) -> dict[bytes, Any]:
    return {name.encode(): _node(what) for name, what in context.items()}


def _node(what: Any) -> Any:
    if isinstance(what, dict):
        return Node(_nodes(what), mode=0o755)
    if isinstance(what, (str, bytes)):
        return Node(what.encode() if isinstance(what, str) else what, mode=0o644)
    if isinstance(what, Node) and isinstance(what.node, (str, dict)):
        return Node(_node(what.node).node, what.mode, xattrs=what.xattrs)
    return what


# -- ours


def ours(ll: Layerlog, name: str, folder: Path, args: Iterable[str], checkout: Path) -> Made:
    """Build the context in *folder*, and check the image out to *checkout*."""
    done = ll.run("build", "-q", "-t", name, *args, str(folder))
    if done.exit_code:
        return Made(None, done.stderr)
    ll.run("checkout", name, str(checkout))
    [found] = json.loads(ll("inspect", name))
    return Made(image(checkout, found["Config"], found["Author"]), "")


# -- buildah's


Contexts = Mapping[str, tuple[Path, Iterable[str]]]
"""Folders and options of builds, by the names that the images get."""
STORAGES = 8


def theirs(folder: Path, archive: Path, contexts: Contexts) -> dict[str, Made]:
    """Build each context, in several storages at a time: buildah holds its lock until the second is over in which it sealed."""
    count = min(STORAGES, len(contexts))
    storages = [Buildah(folder / f"b{number}") for number in range(count)]
    parts = [dict(list(contexts.items())[number::count]) for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        built = pool.map(lambda storage, part: storage.build_all(archive, part), storages, parts)
        return {name: made for part in built for name, made in part.items()}


class Buildah(NamedTuple):
    """A storage of its own, whose driver keeps each image as a plain folder: nothing has to be mounted to look at it."""

    storage: Path

    def command(self, *args: str) -> list[str]:
        return [peer("buildah"), "--root", f"{self.storage}/root", "--runroot", f"{self.storage}/run", "--storage-driver", "vfs", *args]

    def build(self, name: str, folder: Path, args: Iterable[str]) -> str:
        """Build the context in *folder*, and return what is said on stderr."""
        options = ["--isolation", "chroot", "--format", "docker", "--identity-label=false", "--pull-never", "-q", "-t", name]
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = self.command("build", *options, *args, str(folder))
        return subprocess.run(
            done, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment,
        ).stderr  # fmt: skip

    def build_all(self, archive: Path, contexts: Contexts) -> dict[str, Made]:
        """Build each context on the images of *archive*."""
        subprocess.run(self.command("pull", "-q", f"docker-archive:{archive}"), check=True, capture_output=True)
        said = {name: self.build(name, *context) for name, context in contexts.items()}
        images = self.images()
        return {name: Made(images.get(name), text) for name, text in said.items()}

    def images(self) -> dict[str, Image]:
        """Return the images of the storage by the last part of their names, read from its files."""
        root = self.storage / "root"
        layers = {layer["id"]: layer for layer in read_json(root / "vfs-layers/layers.json")}
        found = {}
        for each in read_json(root / "vfs-images/images.json"):
            digest = next(name for name in each["big-data-names"] if name.startswith("sha256:"))
            config = read_json(root / "vfs-images" / each["id"] / f"={base64.b64encode(digest.encode()).decode()}")
            top = root / "vfs/dir" / layers[each["layer"]]["id"] if each.get("layer") else self.storage / "nothing"
            top.mkdir(exist_ok=True)
            for name in each.get("names", []):
                found[name.rpartition("/")[2].partition(":")[0]] = image(top, config["config"], config.get("author", ""))
        return found
