"""A folder or a root filesystem's tar as a new image of one layer, in the manner of `docker import`."""

import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from cli.distribution import receive, send
from cli.hostfs.scan import scan
from cli.streams.compression import MAX_SIZE, decompressed
from cli.streams.kinds import HEAD, is_tar, kind_of
from cli.streams.reader import Readable, chunks_of
from cli.streams.tee import tee
from cli.streams.threads import in_background
from eventstore.errors import InvalidError
from eventstore.model.events import Kind
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.layers.layers import ImportedLayer
from projections.oci.config import History, Platform, build_config
from projections.oci.oci_image import OciImage

_OF_AN_IMAGE = re.compile(
    rb"blobs|oci-layout|index\.json|manifest\.json|repositories|VERSION|(?:sha256:)?[0-9a-f]{64}|.+\.(?:json|tar|tar\.gz|tgz)",
    re.DOTALL,
)
"""What lies at the top of archives and layouts of Docker, podman, skopeo, Jib, Kaniko and their like."""

Advance = Callable[[int], None]


class Making(NamedTuple):
    """What the new image is to say of itself; *source* is where it comes from, *tag* its full name, if any."""

    source: str
    tag: str | None
    message: str
    author: str | None
    change: ConfigChange | None
    platform: Platform


def folder(
    writer: Writer, path: str, making: Making, skipped: Counter[str], advance: Advance, *, max_size: int = MAX_SIZE
) -> str:  # fmt: skip
    """Record what the folder at *path* holds as an image born here, in one transaction; return its id (hex).

    *skipped* counts what was left out (`hostfs.scan`); *advance* is told of each entry; all files may have no more than
    *max_size* bytes together.  Memory is flat.
    """
    _refuse_saved_image(map(os.fsencode, os.listdir(path)), path)
    scanned = tee(scan(path, writer.content, skipped=skipped, limit=max_size), lambda _: advance(1))
    with closing(Staged(writer.store, scanned)) as changes:
        return commands.import_folder(
            writer, changes, platform=str(making.platform), author=making.author, message=making.message,
            config=making.change, tag=making.tag,
        ).hex()  # fmt: skip


def tar(writer: Writer, stream: Readable, making: Making, advance: Advance, *, max_size: int = MAX_SIZE) -> str:
    """Record a root filesystem's tar (plain, or in gzip, zstd, xz or bzip2), byte for byte, as an image; return its id (hex).

    *advance* is told of the bytes of the plain tar, which may be no more than *max_size*.
    """
    seen, head = hashlib.sha256(), bytearray()
    place = "standard input" if making.source == "-" else making.source

    def arrived(chunk: bytes) -> None:
        if len(head) < HEAD:
            head.extend(chunk[:HEAD])
        advance(len(chunk))

    plain = decompressed(stream, max_size=max_size, what="import")
    with _naming(place, head), plain, in_background(tee(chunks_of(plain), seen.update)) as unpacked:
        layer = receive.stage(writer, tee(unpacked, arrived), max_size)
    with closing(layer.changes), writer.transaction():
        if not layer.size:
            raise InvalidError(f"{shown(place)} is empty; a tar with the files of a root filesystem was expected")
        _refuse_saved_image((change.path.partition(b"/")[0] for change in layer.changes), making.source)
        diff_id = seen.digest()
        commands.import_layer(writer, diff_id, *layer)
        return receive.record(writer, _image(writer.store, diff_id, making), Kind.IMAGE_LOADED, making.source).id


@contextmanager
def _naming(place: str, head: bytearray) -> Iterator[None]:
    """Name the file in every error, and say what it is where it is no tar."""
    try:
        yield
    except InvalidError as error:
        problem = str(error).removeprefix("import: ")
        if head and not is_tar(bytes(head[:HEAD])):
            problem = f"is no tar, but {kind_of(bytes(head[:HEAD]))}"
            raise InvalidError(f"{shown(place)} {problem}") from None
        error.args = (f"{shown(place)}: {problem}",)
        raise


def _refuse_saved_image(names: Iterable[bytes], source: str) -> None:
    """Raise InvalidError where nothing but an image lies at the top of *source*: who imports that means `load`.

    Cost: up to the first name that no saved image has.
    """
    found = set[bytes]()
    for name in names:
        if name and not _OF_AN_IMAGE.fullmatch(name):
            return
        found.add(name)
    layout, packed = {b"oci-layout", b"index.json"} <= found, found & {b"manifest.json", b"repositories"}
    if not layout and not (packed and len(found - {b"", b"manifest.json", b"repositories"}) > 0):
        return
    place = shown(source)
    step = "layerlog load" if source == "-" else f"layerlog load -i {place}"
    if os.path.isdir(source) and not layout:
        step = f"tar c -C {place} . | layerlog load"
    what = "standard input" if source == "-" else place
    raise InvalidError(f"{what} is a saved image, not a root filesystem; `{step}` brings it in")


def _image(store: Store, diff_id: bytes, making: Making) -> OciImage:
    """Return the image of one layer that is in the store already."""
    step = History(
        created=rfc3339(time.time_ns()), created_by="layerlog import", author=making.author or "", comment=making.message
    )
    changes = [making.change] if making.change else []
    config = build_config(None, layers=[diff_id], added=[step], changes=changes, platform=making.platform)
    blob = send.layer_blob(store, ImportedLayer(diff_id.hex()), send.Spool(store))
    return OciImage(config, (blob,), names=(making.tag,) if making.tag else (), hub=True)
