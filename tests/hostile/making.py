"""How a layer's tar becomes something to load: a docker-archive or an OCI layout, right in all that the case leaves alone."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eventstore.model.digests import digest_of
from projections.oci.oci_image import LAYER_TYPES, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, REF_NAME
from tests.projections.tar_blocks import END, entry

NAME = "localhost/case:1"
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
LAYER = entry(b"etc/motd", b"hello\n") + END

Documents = Mapping[str, bytes]


class Refused(NamedTuple):
    """The one line must match `says`, a regular expression that names the entry."""

    says: str


class Tree(NamedTuple):
    """`paths` maps a path to what `summary` says of it; those that are not listed do not matter."""

    paths: Mapping[bytes, str]


Must = Refused | Tree


def config(*diff_ids: str, **more: Any) -> bytes:
    base = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps({**base, **more}).encode()


def archive(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar with *members* in their order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


def docker_members(tars: Sequence[bytes], stored: Sequence[bytes], name: str = NAME, **more: Any) -> dict[str, bytes]:
    """The members of a docker-archive whose layers are *tars*, each kept as the bytes *stored*."""
    conf = config(*map(digest_of, tars), **more)
    config_name = digest_of(conf).removeprefix("sha256:") + ".json"
    layers = {f"{number}/layer.tar": data for number, data in enumerate(stored)}
    listed = [{"Config": config_name, "RepoTags": [name], "Layers": list(layers)}]
    return {config_name: conf, **layers, "manifest.json": json.dumps(listed).encode()}


def docker_archive(*tars: bytes, stored: Sequence[bytes] = (), name: str = NAME) -> bytes:
    return archive(docker_members(tars, stored or tars, name))


def described(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data), **more}


class Layout:
    """An OCI layout in memory; every part can be replaced before it is written."""

    def __init__(self, *tars: bytes, how: str = "gzip", names: Sequence[str] = (NAME,)) -> None:
        pack: Callable[[bytes], bytes] = {"gzip": lambda data: gzip.compress(data, mtime=0), "": bytes}[how]
        self.blobs: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {"oci-layout": MARKER}
        tars = tars or (LAYER,)
        self.layers = [described(LAYER_TYPES[how], self.add(pack(tar))) for tar in tars]
        self.config = config(*map(digest_of, tars))
        self.names = names

    def add(self, data: bytes) -> bytes:
        self.blobs[digest_of(data)] = data
        return data

    def manifest(self, **more: Any) -> bytes:
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": self.layers}
        return json.dumps({**document, "config": described(OCI_CONFIG, self.add(self.config)), **more}).encode()

    def finish(self, manifest: bytes | None = None, *, kind: str = OCI_MANIFEST, index: bytes | None = None, **more: Any) -> "Layout":
        """Close it with index.json; *manifest*, *index* and what stands in the index's entry may be given."""
        manifest = self.add(self.manifest() if manifest is None else manifest)
        entries = [{**described(kind, manifest, annotations={REF_NAME: name}), **more} for name in self.names]
        self.files["index.json"] = index if index is not None else index_of(*entries)
        return self

    def members(self) -> dict[str, bytes]:
        return {**self.files, **{f"blobs/sha256/{d.removeprefix('sha256:')}": data for d, data in self.blobs.items()}}

    def write(self, folder: Path) -> Path:
        for name, data in self.members().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def index_of(*entries: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries), **more}).encode()
