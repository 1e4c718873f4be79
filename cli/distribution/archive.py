"""Image archives as a source and a sink: oci-archive, docker-archive, and the one tar that is both.

Nothing is extracted: members are read where they lie in the tar.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, NoReturn

from cli.distribution import layout
from cli.distribution.layout import Holdings, about
from cli.streams import kinds
from cli.streams.compression import HEAD, MAX_SIZE, decompressed, stored_as
from cli.streams.files import Extent, OpenFile, unnamed_file
from cli.streams.reader import Readable, Reader, chunks_of, pieces_of, verified
from eventstore.errors import InvalidError, MismatchError, NotFoundError, StoreError
from eventstore.model.digests import named
from eventstore.model.paths import shown
from projections.oci import docker_archive, listing, oci_layout
from projections.oci.config import Platform, diff_ids, parse_config, wanted_platform
from projections.oci.docker_archive import Entry
from projections.oci.documents import MAX_CONFIG, MAX_DOCUMENT
from projections.oci.oci_image import (
    LAYER_TYPES,
    Descriptor,
    LayerBlob,
    OciImage,
    blobs_of,
    check,
    require_platform,
)
from projections.oci.oci_layout import Listed
from projections.tar.reader import TarEntry, members

MAX_MEMBERS = 100_000
_BLOCK = 512


def read(
    source: str | Readable,
    spool_dir: str,
    platform: str | None = None,
    *,
    ref: str | None = None,
    max_size: int = MAX_SIZE,
) -> list[OciImage]:
    """Return the images of a layout folder or an archive, as `survey` does."""
    return survey(source, spool_dir, platform, ref=ref, max_size=max_size).images


def survey(
    source: str | Readable,
    spool_dir: str,
    platform: str | None = None,
    *,
    ref: str | None = None,
    max_size: int = MAX_SIZE,
) -> Holdings:
    """Return what a layout folder or an archive holds: a path, or a stream such as standard input.

    A stream, or a compressed archive, is first written to an unnamed file in *spool_dir* (at most *max_size* bytes).
    *ref* chooses an image by one of its names, or by the beginning of a digest ("@sha256:..."), *platform*
    ("os/arch[/variant]") from an index, else this machine's does.  The images keep the file open.
    Cost: one seek for every member; compressed layers whose digest the archive does not say are read once.
    """
    if isinstance(source, str) and os.path.isdir(source):
        return layout.survey(source, ref, platform)
    wanted = wanted_platform(platform, os.uname().machine)
    where = source if isinstance(source, str) else "standard input"
    with about(where):
        archive = _Archive(where, _opened(source, spool_dir, max_size))
        found = archive.listed(ref, wanted, asked=wanted if platform else None)
        if platform:
            require_platform(found.images, wanted)
        return Holdings(found.images, found.aside, archive)


def write(out: BinaryIO, images: Sequence[OciImage]) -> None:
    """Write *images* to *out* (buffered) as one tar, OCI layout and docker-archive in one: equal images, equal bytes.

    Docker's part has no images that lack layers, which Docker could not load.

    MismatchError if a layer is not what its descriptor says; what was written by then is no archive.
    """
    _write_member(out, "oci-layout", oci_layout.MARKER)
    _write_member(out, "index.json", oci_layout.build_index(images))
    whole = [image for image in images if not image.without]
    if whole or not images:
        _write_member(out, "manifest.json", docker_archive.build(whole))
    out.writelines(_header(folder, 0, folder=True) for folder in ("blobs", "blobs/sha256"))
    for descriptor, opener in blobs_of(images):
        out.write(_header(f"blobs/sha256/{descriptor.hex}", descriptor.size))
        with verified(opener(), descriptor.digest, descriptor.size) as stream:
            out.writelines(chunks_of(stream))
        out.write(bytes(-descriptor.size % _BLOCK))
    out.write(bytes(2 * _BLOCK))


def _write_member(out: BinaryIO, name: str, data: bytes) -> None:
    out.write(_header(name, len(data)) + data + bytes(-len(data) % _BLOCK))


def _header(name: str, size: int, *, folder: bool = False) -> bytes:
    from tarfile import DIRTYPE, PAX_FORMAT, TarInfo

    info = TarInfo(name)
    info.size = size
    if folder:
        info.type, info.mode = DIRTYPE, 0o755
    return info.tobuf(PAX_FORMAT)


# getting at the tar


def _opened(source: str | Readable, spool_dir: str, max_size: int) -> OpenFile:
    """The plain tar as a seekable file."""
    if not isinstance(source, str):
        return _spooled(Reader(pieces_of(source)), spool_dir, max_size)
    file = _open_path(source)
    if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
        return _spooled(open(os.dup(file.descriptor), "rb"), spool_dir, max_size)
    if stored_as(os.pread(file.descriptor, HEAD, 0)):
        return _spooled(Extent(file, 0, file.size), spool_dir, max_size)
    return file


def _open_path(path: str) -> OpenFile:
    try:
        return OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        raise NotFoundError("no such file") from None
    except OSError as error:
        raise InvalidError(f"cannot be opened: {error.strerror}") from error


def _spooled(stream: Readable, spool_dir: str, max_size: int) -> OpenFile:
    with decompressed(stream, max_size=max_size, what="archive") as plain:
        try:
            spool = unnamed_file(spool_dir)
            with open(spool.descriptor, "wb", closefd=False) as file:
                file.writelines(chunks_of(plain))
            return spool
        except OSError as error:
            raise StoreError(f"cannot be copied to {spool_dir}: {error.strerror}; make room there") from error


# reading it


class _Member(NamedTuple):
    """`link` is the name of the member that this one stands for, "" for one with bytes of its own."""

    offset: int
    size: int
    link: str = ""
    symlink: bool = False


class _Archive:
    """The members of a tar, as blobs and documents."""

    def __init__(self, where: str, file: OpenFile) -> None:
        self._where = where
        self._file = file
        self._members = _indexed(file)
        self._hashed: dict[_Member, str] = {}

    def listed(self, ref: str | None, wanted: Platform, asked: Platform | None) -> Listed:
        is_layout = "oci-layout" in self._members and "index.json" in self._members
        if not is_layout and "manifest.json" not in self._members:
            raise InvalidError(_unknown(self._members))
        index = self._document("index.json") if is_layout else None
        if index is not None:
            oci_layout.check_marker(self._document("oci-layout"))
        if "manifest.json" not in self._members:
            return listing.of_layout(index or b"", self, ref, wanted)
        images = [self._docker_image(entry) for entry in docker_archive.parse(self._document("manifest.json"))]
        found = Listed(images, []) if index is None else listing.merged(images, index, self, wanted)
        return listing.chosen(found, ref, asked)

    def fetch(self, descriptor: Descriptor) -> bytes:
        return check(self._blob(descriptor).read(descriptor.size), descriptor, f"blob {descriptor.digest}")

    def open(self, descriptor: Descriptor) -> BinaryIO:
        with about(self._where):
            extent = self._blob(descriptor)
        return self._verified(extent, descriptor, f"blobs/sha256/{descriptor.hex}")

    def at_hand(self, descriptor: Descriptor) -> bool:
        return f"blobs/sha256/{descriptor.hex}" in self._members

    def _blob(self, descriptor: Descriptor) -> Extent:
        path = f"blobs/sha256/{descriptor.hex}"
        member = self._find(path)
        if member.size != descriptor.size:
            raise MismatchError(f"{path}: {member.size} bytes, {descriptor.size} were promised; get it again")
        return self._extent(member)

    def _docker_image(self, entry: Entry) -> OciImage:
        config = self._config(entry)
        ids = diff_ids(parse_config(config, entry.config, layers=len(entry.layers)))
        layers = (self._docker_layer(diff_id, path) for diff_id, path in zip(ids, entry.layers, strict=True))
        return OciImage(config, tuple(layers), names=entry.names, hub=True)

    def _docker_layer(self, diff_id: bytes, path: str) -> LayerBlob:
        if path not in self._members:
            return LayerBlob(diff_id, Descriptor(LAYER_TYPES[""], named(diff_id), 0), lambda: self._absent(path), at_hand=False)
        member = self._find(path, symlinks=True)
        how = stored_as(self._extent(member).read(HEAD))
        if how not in LAYER_TYPES:
            return self._unpacked_layer(diff_id, path, member)
        digest = (docker_archive.claimed(path) or self._hash(member)) if how else named(diff_id)
        descriptor = Descriptor(LAYER_TYPES[how], digest, member.size)
        return LayerBlob(diff_id, descriptor, lambda: self._verified(self._extent(member), descriptor, path))

    def _unpacked_layer(self, diff_id: bytes, path: str, member: _Member) -> LayerBlob:
        """A layer in xz or bzip2, which no manifest can name: it is taken plain, and read once for its size."""

        def unpacked() -> Reader:
            return decompressed(self._extent(member), what=path)

        with unpacked() as plain:
            descriptor = Descriptor(LAYER_TYPES[""], named(diff_id), sum(map(len, chunks_of(plain))))
        return LayerBlob(diff_id, descriptor, lambda: verified(unpacked(), descriptor.digest, descriptor.size, path))

    def _config(self, entry: Entry) -> bytes:
        """An image's id is the digest of these bytes, so a name that promises another one is refused."""
        config = self._document(entry.config, MAX_CONFIG)
        claim = docker_archive.claimed(entry.config)
        return check(config, Descriptor("", claim, len(config)), entry.config) if claim else config

    def _document(self, name: str, limit: int = MAX_DOCUMENT) -> bytes:
        member = self._find(name)
        if member.size > limit:
            raise InvalidError(f"{name}: {member.size} bytes, at most {limit} are read")
        return self._extent(member).read(member.size)

    def _find(self, name: str, *, symlinks: bool = False) -> _Member:
        path, passed = name, set[str]()
        while (member := self._members.get(path)) and member.link:
            if path in passed or (member.symlink and not symlinks):
                raise InvalidError(f"{shown(name)}: a symlink that has no place there; make or fetch the archive anew")
            passed.add(path)
            path = member.link
        if member is None:
            raise NotFoundError(f"{shown(name)}: the archive is not complete, it has no member {shown(path)}")
        return member

    def _absent(self, path: str) -> NoReturn:
        raise NotFoundError(f"{shown(self._where)}: {shown(path)}: the archive has no such layer")

    def _hash(self, member: _Member) -> str:
        if member not in self._hashed:
            seen = hashlib.sha256()
            for piece in pieces_of(self._extent(member)):
                seen.update(piece)
            self._hashed[member] = named(seen.digest())
        return self._hashed[member]

    def _verified(self, extent: Extent, descriptor: Descriptor, path: str) -> BinaryIO:
        return verified(extent, descriptor.digest, descriptor.size, shown(f"{self._where}: {path}"))

    def _extent(self, member: _Member) -> Extent:
        return Extent(self._file, member.offset, member.size)


def _indexed(file: OpenFile) -> dict[str, _Member]:
    found: dict[str, _Member] = {}
    try:
        with open(file.descriptor, "rb", closefd=False) as stream:
            stream.seek(0)
            for entry, offset in members(stream):
                _add(found, entry, offset, file.size)
    except InvalidError:
        head = os.pread(file.descriptor, kinds.HEAD, 0)
        if found or kinds.is_tar(head):
            raise
        raise InvalidError(f"no image archive, but {kinds.kind_of(head) if head else 'empty'}") from None
    return found


def _add(found: dict[str, _Member], entry: TarEntry, offset: int, end: int) -> None:
    name = docker_archive.member(entry.path.decode("utf-8", "surrogateescape"), "archive")
    if entry.type == b"5":
        return
    if name in found or len(found) == MAX_MEMBERS:
        raise InvalidError(f"{shown(name)}: twice in the archive, or more than {MAX_MEMBERS} members; make it anew")
    if entry.type not in (b"0", b"1", b"2"):
        raise InvalidError(f"{shown(name)}: a special file has no place in an image archive")
    if offset + entry.size > end:
        raise InvalidError(f"{shown(name)}: the archive ends in the middle of it; get it again")
    found[name] = _member(name, entry, offset)


def _member(name: str, entry: TarEntry, offset: int) -> _Member:
    target = entry.target.decode("utf-8", "surrogateescape")
    if entry.type == b"2":
        return _Member(0, 0, docker_archive.linked(name, target), symlink=True)
    return _Member(0, 0, docker_archive.member(target, name)) if entry.type == b"1" else _Member(offset, entry.size)


def _unknown(found: dict[str, _Member]) -> str:
    if "repositories" in found:
        return "an archive of a Docker before 1.10, whose images have no config; load and save it in one of 1.10 to 24"
    top, *others = {name.partition("/")[0] for name in found} or [""]
    if not others and not found.keys().isdisjoint((f"{top}/manifest.json", f"{top}/oci-layout")):
        return f"no image archive, but a tar of a folder {shown(top)} that holds one; make it with `tar c -C {shown(top)} .`"
    what = "neither an OCI one (oci-layout, index.json) nor Docker's (manifest.json)"
    return f"no image archive: {what}; a root filesystem's tar is for `import`" if found else "no image archive: an empty tar"
