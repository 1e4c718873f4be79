"""An OCI layout folder as a source and a sink of images (image-spec, image-layout.md)."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from cli.streams.files import Extent, OpenFile
from cli.streams.reader import chunks_of, pieces_of, verified
from eventstore.disk.atomic import replacing
from eventstore.disk.lock import acquire
from eventstore.errors import InvalidError, LayerlogError, MismatchError, NotFoundError
from eventstore.model.paths import shown
from projections.oci import listing, oci_layout
from projections.oci.config import wanted_platform
from projections.oci.documents import MAX_DOCUMENT
from projections.oci.oci_image import Blobs, Descriptor, OciImage, blobs_of, check, require_platform
from projections.oci.oci_layout import Aside

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Holdings(NamedTuple):
    """The images of a layout or an archive, what of it was left `aside`, and its `blobs`."""

    images: list[OciImage]
    aside: list[Aside]
    blobs: Blobs


def read(path: str, ref: str | None = None, platform: str | None = None) -> list[OciImage]:
    """Return the image named *ref* in the layout at *path*, or all; layers are opened when they are read.

    *platform* ("os/arch[/variant]") chooses from an index; without it this machine's is taken.
    """
    return survey(path, ref, platform).images


def survey(path: str, ref: str | None = None, platform: str | None = None) -> Holdings:
    """As `read`, with what else there is."""
    wanted = wanted_platform(platform, os.uname().machine)
    with about(path):
        folder = _Folder(path)
        _require_layout(set(os.listdir(folder.root.descriptor)), path)
        oci_layout.check_marker(folder.document("oci-layout"))
        found = listing.of_layout(folder.document("index.json"), folder, ref, wanted)
        if platform:
            require_platform(found.images, wanted)
        return Holdings(found.images, found.aside, folder)


def write(path: str, images: Sequence[OciImage]) -> None:
    """Add *images* to the layout at *path*, made where there is none; on disk when this returns.

    Blobs come first and index.json, replaced in one step, last: whatever fails, the layout is as it was, but for blobs
    that nothing names.  Names that the layout has already are moved.  MismatchError if a blob is not what it says.
    """
    os.makedirs(path, exist_ok=True)
    with about(path):
        folder = _Folder(path)
        acquire(folder.root.descriptor, fcntl.LOCK_EX, f"the layout {shown(path)}")
        old = _prepare(folder)
        for descriptor, opener in blobs_of(images):
            if not folder.holds(descriptor):
                folder.add(descriptor, opener)
        folder.replace("index.json", iter([oci_layout.build_index(images, old)]))


@contextmanager
def about(path: str) -> Iterator[None]:
    """Put *path* before the message of every LayerlogError."""
    try:
        yield
    except LayerlogError as error:
        error.args = (f"{shown(path)}: {error}",)
        raise


class _Folder:
    """The files of a layout; below its root no symlink is ever followed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.root = OpenFile(_open_folder(path))

    def document(self, name: str) -> bytes:
        file = _regular(self.root, name)
        if file.size > MAX_DOCUMENT:
            raise InvalidError(f"{name}: {file.size} bytes, at most {MAX_DOCUMENT} are read")
        return b"".join(pieces_of(Extent(file, 0, file.size)))

    def fetch(self, descriptor: Descriptor) -> bytes:
        return check(self._blob(descriptor).read(descriptor.size), descriptor, f"blob {descriptor.digest}")

    def open(self, descriptor: Descriptor) -> BinaryIO:
        with about(self._path):
            extent = self._blob(descriptor)
        return verified(extent, descriptor.digest, descriptor.size, shown(f"{self._path}: blob {descriptor.digest}"))

    def at_hand(self, descriptor: Descriptor) -> bool:
        try:
            self._blob(descriptor)
        except NotFoundError:
            return False
        return True

    def _blob(self, descriptor: Descriptor) -> Extent:
        file = _regular(self.blobs(), descriptor.hex)
        if file.size != descriptor.size:
            raise MismatchError(f"blob {descriptor.digest}: {file.size} bytes, {descriptor.size} were promised; get it again")
        return Extent(file, 0, file.size)

    def blobs(self) -> OpenFile:
        return _folder(_folder(self.root, "blobs"), "sha256")

    def holds(self, descriptor: Descriptor) -> bool:
        """Whether the blob is there, whole; costs reading it."""
        try:
            with self.open(descriptor) as stream:
                for _ in chunks_of(stream):
                    pass
                return True
        except (NotFoundError, MismatchError):
            return False

    def add(self, descriptor: Descriptor, opener: Callable[[], BinaryIO]) -> None:
        with verified(opener(), descriptor.digest, descriptor.size) as stream:
            self.replace(descriptor.hex, chunks_of(stream), self.blobs())

    def replace(self, name: str, chunks: Iterator[bytes], folder: OpenFile | None = None) -> None:
        """Write *chunks* to *name* in *folder* (else the root) in one step, durably; nothing is left if they fail."""
        into = (folder or self.root).descriptor
        with replacing(name, 0o644, durable=True, folder=into) as fd, open(fd, "wb", closefd=False) as file:
            file.writelines(chunks)


def _require_layout(names: set[str], path: str) -> None:
    """Raise InvalidError, saying what the folder is, where nothing of a layout is in it."""
    if names & {"oci-layout", "index.json", "blobs"}:
        return
    if {"manifest.json", "version"} <= names:
        raise InvalidError(f"a folder of the transport dir:; `skopeo copy dir:{shown(path)} oci:LAYOUT` makes a layout of it")
    if names & {"manifest.json", "repositories"}:
        raise InvalidError(f"an archive that was unpacked; `tar c -C {shown(path)} . | layerlog load` brings it in")
    raise InvalidError("no OCI layout; a root filesystem's folder is for `import`")


def _prepare(folder: _Folder) -> bytes | None:
    """Make what a layout needs; return its index.json, if it has one."""
    root = folder.root.descriptor
    there = set(os.listdir(root))
    if "oci-layout" in there:
        oci_layout.check_marker(folder.document("oci-layout"))
    elif there - {"blobs"}:
        raise InvalidError("holds files, but is no OCI layout; choose an empty folder")
    for name in ("blobs", "blobs/sha256"):
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=root)
    folder.blobs()
    if "oci-layout" not in there:
        folder.replace("oci-layout", iter([oci_layout.MARKER]))
    return folder.document("index.json") if "index.json" in there else None


def _open_folder(path: str) -> int:
    try:
        return os.open(path, _FOLDER)
    except FileNotFoundError:
        raise NotFoundError("no such folder") from None
    except OSError as error:
        raise InvalidError(f"cannot be read as a folder: {error.strerror}") from error


def _folder(parent: OpenFile, name: str) -> OpenFile:
    return OpenFile(_open(parent, name, _FOLDER | os.O_NOFOLLOW))


def _regular(parent: OpenFile, name: str) -> OpenFile:
    file = OpenFile(_open(parent, name, _READ))
    if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
        raise InvalidError(f"{name}: not a regular file")
    return file


def _open(parent: OpenFile, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=parent.descriptor)
    except FileNotFoundError:
        raise NotFoundError(f"{name}: missing, the OCI layout is not complete") from None
    except OSError as error:
        raise InvalidError(f"{name}: a symlink or special file has no place in an OCI layout") from error
