"""Moments: images and points of containers as they go out; layers made here are packed once and kept on disk within a bound."""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cli.distribution import send
from cli.streams.compression import PACKERS, packed_by
from cli.streams.files import Extent, OpenFile
from cli.streams.reader import Reader, pieces_of
from cli.streams.threads import Measured
from eventstore.disk.lock import undisturbed
from eventstore.errors import MismatchError
from eventstore.model.digests import digest_of, named
from eventstore.store.store import Store
from projections.images import oci_form
from projections.images.images import Image
from projections.layers.layers import ImportedLayer, Layer, SealedLayer
from projections.oci import oci_image as oci
from projections.oci.oci_image import Descriptor, LayerBlob, OciImage

COMPRESSION = "gzip"
"""As `push` packs by default: both give the same manifest, a client gets a third of the bytes, and they are made only once."""
FOLDER = "served"
"""The folder below cache/ for packed layers and what is known of them."""
REMEMBERED = 1000
_LEAST = 4096
_LOCKS = 64


class Form(NamedTuple):
    """A packed layer: the raw digest and size of its tar, the digest and size of the blob."""

    diff_id: bytes
    size: int
    digest: str
    stored: int


class Blob(NamedTuple):
    """A blob of a moment: `layer` is None for the config; one that is `kept` lies in the store as it came."""

    descriptor: Descriptor
    layer: Layer | None
    kept: bool = False


class Moment(NamedTuple):
    """What an image or a point is when it is `sent`, and its `blobs` by their digests."""

    image: Image
    sent: OciImage
    blobs: Mapping[str, Blob]

    @property
    def manifest(self) -> bytes:
        return oci.manifest_of(self.sent)


class Known(NamedTuple):
    """What is remembered of a moment."""

    image: Image
    blobs: Mapping[str, Blob]


class Moments:
    """Used by many threads at once, each with its own store."""

    def __init__(self, folder: str, bound: int) -> None:
        self._packed = {how: PackedLayers(folder, bound, how) for how in (COMPRESSION, "")}
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()

    def made(self, store: Store, image: Image) -> Moment:
        """Return the moment that *image* is; a layer that was never packed is encoded for it."""
        with undisturbed(store.path):
            exported, came = oci_form.exported_layers(store.log, image), send.blobs_that_came(store, image)
            kept = [send.kept_blob(store, layer, came) for layer in exported]
            plain = send.plain_in_manifest(store, image)
            pairs = zip(exported, kept, strict=True)
            layers = [
                original or self._packed["" if layer in plain else COMPRESSION].blob(store, layer) for layer, original in pairs
            ]
            known = {layer: blob.diff_id for layer, blob in zip(exported, layers, strict=True)}
            config = oci_form.config(store.log, store.content, image, known.__getitem__)
            sent = send.assembled(store, image, config, layers, ())
        found = Moment(image, sent, _blobs(config, exported, layers, kept))
        self._remember(digest_of(found.manifest), found)
        return found

    def opened(self, store: Store, layer: Layer, blob: Descriptor) -> OpenFile:
        """Return a layer that is not kept as it came, packed as *blob*; MismatchError where it is packed otherwise now."""
        how = "" if blob.media_type == oci.LAYER_TYPES[""] else COMPRESSION
        return self._packed[how].opened(store, layer, blob)

    def by_digest(self, digest: str) -> Image | None:
        """Return what was made into the manifest of this digest."""
        found = self._known.get(digest)
        return found.image if found else None

    def having(self, digest: str) -> list[tuple[Image, Blob]]:
        """Return the images that have the blob, of those that were made."""
        with self._lock:
            known = list(self._known.values())
        return [(one.image, one.blobs[digest]) for one in known if digest in one.blobs]

    def _remember(self, digest: str, moment: Moment) -> None:
        with self._lock:
            self._known[digest] = Known(moment.image, moment.blobs)
            self._known.move_to_end(digest)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def _blobs(
    config: bytes, exported: Sequence[Layer], layers: Sequence[LayerBlob], kept: Sequence[LayerBlob | None]
) -> dict[str, Blob]:
    own = Descriptor(oci.OCI_CONFIG, digest_of(config), len(config))
    rows = zip(exported, layers, kept, strict=True)
    return {
        own.digest: Blob(own, None),
        **{blob.descriptor.digest: Blob(blob.descriptor, layer, original is not None) for layer, blob, original in rows},
    }


class PackedLayers:
    """Layers packed as *compression* says, "" for not at all, in *folder*, whose files are of *bound* bytes together.

    Those that were asked for last stay.
    """

    def __init__(self, folder: str, bound: int, compression: str) -> None:
        self._folder = folder
        self._bound = bound
        self._compression = compression
        self._packer = packed_by(compression) if compression else ""
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._evicting = threading.Lock()

    def blob(self, store: Store, layer: Layer) -> LayerBlob:
        """Return the layer as it goes out; it is packed unless that is known."""
        with self._lock(layer):
            form = self._remembered(layer) or self._made(store, layer)[0]
        descriptor = Descriptor(oci.LAYER_TYPES[self._compression], form.digest, form.stored)
        return LayerBlob(form.diff_id, descriptor, partial(self._reader, store, layer, descriptor), at_hand=False)

    def opened(self, store: Store, layer: Layer, blob: Descriptor) -> OpenFile:
        """Return the layer packed as *blob*; MismatchError where it is packed otherwise now."""
        with self._lock(layer):
            with suppress(OSError):
                found = self._touched(blob.hex)
                if found.size == blob.size:
                    return found
            with undisturbed(store.path):
                form, file = self._made(store, layer)
        if form.digest != blob.digest:
            raise MismatchError(f"blob {blob.digest}: the layer is packed as {form.digest} now; get its manifest again")
        return file

    def _reader(self, store: Store, layer: Layer, blob: Descriptor) -> Reader:
        return Reader(pieces_of(Extent(self.opened(store, layer, blob), 0, blob.size)))

    def _lock(self, layer: Layer) -> threading.Lock:
        return self._locks[hash(layer) % _LOCKS]

    def _made(self, store: Store, layer: Layer) -> tuple[Form, OpenFile]:
        """Return the layer packed anew; its file stays readable, whoever takes its name away."""
        plain = Measured(send.layer_tar(store, layer))
        stored = Measured(PACKERS[self._compression](plain)) if self._compression else plain
        path = os.path.join(self._folder, f"{os.urandom(8).hex()}.new")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)  # an erasure empties cache/
        file = OpenFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        try:
            with open(file.descriptor, "wb", closefd=False) as out:
                out.writelines(stored)
            form = Form(plain.digest.digest(), plain.size, named(stored.digest.digest()), stored.size)
            if form.stored <= self._bound:
                with suppress(OSError):
                    os.replace(path, os.path.join(self._folder, form.digest.removeprefix("sha256:")))
        finally:
            with suppress(OSError):
                os.unlink(path)
        send.remember(store, layer, send.Encoded(form.diff_id, form.size))
        self._note(layer, form)
        self._evict()
        return form, file

    def _remembered(self, layer: Layer) -> Form | None:
        try:
            noted = self._touched(self._note_of(layer))
            stated = json.loads(Extent(noted, 0, noted.size).read(noted.size))
            known = Form(bytes.fromhex(stated["diff_id"]), stated["size"], stated["digest"], stated["stored"])
        except (OSError, ValueError, KeyError):
            return None
        return known if stated["by"] == self._packer else None

    def _note(self, layer: Layer, form: Form) -> None:
        stated = form._asdict() | {"diff_id": form.diff_id.hex(), "by": self._packer}
        path = os.path.join(self._folder, self._note_of(layer))
        with suppress(OSError):
            with open(f"{path}.new", "w", encoding="ascii") as file:
                json.dump(stated, file)
            os.replace(f"{path}.new", path)

    def _note_of(self, layer: Layer) -> str:
        return _key(layer) if self._compression else f"plain-{_key(layer)}"

    def _touched(self, name: str) -> OpenFile:
        """Return a file that is used once more."""
        file = OpenFile(os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        with suppress(OSError):
            os.utime(file.descriptor)
        return file

    def _evict(self) -> None:
        """Remove what was used least lately, until the rest is within the bound."""
        with self._evicting:
            found = sorted(self._files(), reverse=True)
            total = 0
            for _, size, path in found:
                total += max(size, _LEAST)
                if total > self._bound:
                    with suppress(OSError):
                        os.unlink(path)

    def _files(self) -> Iterator[tuple[int, int, str]]:
        """Yield (when it was used last, size, path) of each file that is complete."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime_ns, status.st_size, entry.path


def _key(layer: Layer) -> str:
    """Return the name of the file that says what a layer is packed as."""
    match layer:
        case ImportedLayer(diff_id):
            return f"{diff_id}.json"
        case SealedLayer(container, first, last, _, encoder):
            return f"{container}-{first}-{last}-v{encoder}.json"
    return f"{layer.name}-v{layer.encoder}.json"

