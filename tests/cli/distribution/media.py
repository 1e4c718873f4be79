"""The media that images are exchanged by, all asked in one way: a medium to come passes test_media.py once it stands in MEDIA."""

import io
import os
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cli.distribution import archive, layout
from projections.oci.oci_image import OciImage, manifest_of
from tests.cli.invoking import Layerlog
from tests.hostile import making


class Medium(Protocol):
    def put(self, images: Sequence[OciImage]) -> None:
        """Write *images*, the first and only ones."""

    def get(self, ref: str | None = None, platform: str | None = None) -> list[OciImage]:
        """Read all images, or those that *ref* names, for *platform*."""

    def kept(self, image: OciImage) -> OciImage:
        """Return what `get` gives for an *image* that was put: a docker-archive, for one, has no room for a manifest."""

    def load(self) -> list[str]:
        """Return the command line that brings all images into a store."""

    def save(self, ll: Layerlog, *refs: str) -> None:
        """Put images of a store, as the command line does."""

    def stored(self) -> dict[str, bytes]:
        """Return all that is written, by name; the last part of a blob's is its digest's hex."""

    def store(self, files: Mapping[str, bytes]) -> None:
        """Hold *files* instead."""


class Layout:
    """An OCI layout folder."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "layout")

    def put(self, images: Sequence[OciImage]) -> None:
        layout.write(self._path, images)

    def get(self, ref: str | None = None, platform: str | None = None) -> list[OciImage]:
        return layout.read(self._path, ref, platform)

    def kept(self, image: OciImage) -> OciImage:
        return replace(image, manifest=manifest_of(image))

    def load(self) -> list[str]:
        return ["load", "-i", self._path]

    def save(self, ll: Layerlog, *refs: str) -> None:
        ll("save", "--format", "oci-dir", "-o", self._path, *refs)

    def stored(self) -> dict[str, bytes]:
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self._path) for name in names]
        return {os.path.relpath(path, self._path): Path(path).read_bytes() for path in paths}

    def store(self, files: Mapping[str, bytes]) -> None:
        for name in self.stored():
            Path(self._path, name).unlink()
        for name, data in files.items():
            Path(self._path, name).write_bytes(data)


class Archive:
    """A tar that is an OCI layout and a docker-archive in one, or only one of them, *without* the members of the other."""

    def __init__(self, folder: Path, without: Collection[str] = ()) -> None:
        self._path, self._without = folder / "images.tar", without

    def put(self, images: Sequence[OciImage]) -> None:
        with open(self._path, "wb") as out:
            archive.write(out, images)
        self._leave_out()

    def get(self, ref: str | None = None, platform: str | None = None) -> list[OciImage]:
        return archive.read(str(self._path), str(self._path.parent), platform, ref=ref)

    def kept(self, image: OciImage) -> OciImage:
        return replace(image, manifest=None if "index.json" in self._without else manifest_of(image))

    def load(self) -> list[str]:
        return ["load", "-i", str(self._path)]

    def save(self, ll: Layerlog, *refs: str) -> None:
        ll("save", "-o", str(self._path), *refs)
        self._leave_out()

    def stored(self) -> dict[str, bytes]:
        return members_of(self._path.read_bytes())

    def store(self, files: Mapping[str, bytes]) -> None:
        self._path.write_bytes(making.archive(files))

    def _leave_out(self) -> None:
        if self._without:
            self.store({name: data for name, data in self.stored().items() if name not in self._without})


def members_of(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: (tar.extractfile(info) or io.BytesIO()).read() for info in tar if info.isfile()}


MEDIA: Mapping[str, Callable[[Path], Medium]] = {
    "layout": Layout,
    "archive": Archive,
    "oci-archive": lambda folder: Archive(folder, without=("manifest.json",)),
    "docker-archive": lambda folder: Archive(folder, without=("oci-layout", "index.json")),
}
