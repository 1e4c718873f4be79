"""Images for tests, made of a few bytes: an OciImage, its blobs and its documents."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any, BinaryIO

import zstandard

from eventstore.model.digests import digest_of
from projections.oci.oci_image import LAYER_TYPES, OCI_CONFIG, OCI_MANIFEST, Descriptor, LayerBlob, OciImage

PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """A layer's tar with *files*, all of them root's and of 1970."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def config(tars: Sequence[bytes], **more: Any) -> bytes:
    """The config of an image with these layer tars."""
    ids = [digest_of(tar) for tar in tars]
    steps = [{"created": "2026-11-24T10:00:00Z", "created_by": f"step {n}"} for n, _ in enumerate(tars, 1)]
    base = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]}, "history": steps}
    return json.dumps({**base, "rootfs": {"type": "layers", "diff_ids": ids}, **more}).encode()


def layer(tar: bytes, how: str = "gzip") -> LayerBlob:
    """A layer that is stored as *how* says."""
    stored = PACK[how](tar)
    described = Descriptor(LAYER_TYPES[how], digest_of(stored), len(stored))
    return LayerBlob(hashlib.sha256(tar).digest(), described, lambda: io.BytesIO(stored))


TARS = (layer_tar({"etc/motd": b"hello\n", "bin/sh": b"#!" * 3000}), layer_tar({"etc/motd": b"bye\n"}))


def image(*how: str, names: Sequence[str] = (), tars: Sequence[bytes] = TARS, **more: Any) -> OciImage:
    """An image without a manifest, its layers stored as *how* says in turn."""
    layers = tuple(map(layer, tars, cycle(how or ("gzip",))))
    return OciImage(config(tars, **more), layers, names=tuple(names))


def describe(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def manifest(conf: bytes, layers: Sequence[LayerBlob], **more: Any) -> bytes:
    """An OCI manifest in another spelling than ours: spaces, an order and fields of its own."""
    listed = [
        {"mediaType": d.media_type, "digest": d.digest, "size": d.size, "annotations": {"kept": "yes"}}
        for d in (blob.descriptor for blob in layers)
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(OCI_CONFIG, conf), "layers": listed}
    return json.dumps({**document, **more}, indent=1).encode()


class Blobs(dict[str, bytes]):
    """Blobs in memory, by digest."""

    def add(self, data: bytes) -> bytes:
        self[digest_of(data)] = data
        return data

    def fetch(self, descriptor: Descriptor) -> bytes:
        return self[descriptor.digest]

    def at_hand(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self

    def open(self, descriptor: Descriptor) -> BinaryIO:
        return io.BytesIO(self[descriptor.digest])
