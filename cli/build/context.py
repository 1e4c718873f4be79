"""The context of a build: a folder of this machine, or a tar, without what .dockerignore leaves out."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from cli.hostfs.scan import Reading, Scan, single
from cli.streams.reader import Reader, pieces_of
from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.changes import Change
from eventstore.model.entries import Entry, Keeper
from eventstore.model.paths import join, shown
from projections.build.ignore import Ignored

if TYPE_CHECKING:
    from tarfile import TarInfo

STREAM = "-"
DOCKERFILE, IGNORE = "Dockerfile", ".dockerignore"
MAX_DOCKERFILE = 16 << 20


class Context(NamedTuple):
    """`root` is None where there is only a Dockerfile; `name` is how the user calls what holds it, for messages."""

    root: str | None
    dockerfile: str
    name: str
    ignored: Ignored

    @property
    def files(self) -> "HostFiles":
        if self.root is None:
            raise NotFoundError("there is no context: the Dockerfile alone was given; name a folder to copy from")
        return HostFiles(self.root, self.ignored)


@contextmanager
def opened(place: str, dockerfile: str | None) -> Iterator[Context]:
    """Open the context that *place* names: a folder, a tar, or "-" for a tar or a Dockerfile on standard input."""
    if "://" in place or place.startswith("git@"):
        raise InvalidError(f"{shown(place)}: contexts elsewhere are not fetched; clone or download it, and name the folder")
    if place == STREAM and dockerfile == STREAM:
        raise InvalidError("both the Dockerfile and the context are '-'; standard input can be one of them")
    if os.path.isdir(place):
        yield _in_folder(place, dockerfile)
        return
    if place != STREAM and not os.path.exists(place):
        raise NotFoundError(f"{shown(place)} is not there; name the folder that holds the Dockerfile and what it copies")
    with TemporaryDirectory(prefix="layerlog-context-") as folder:
        alone = _unpacked(place, folder)
        yield _in_folder(folder, dockerfile) if alone is None else Context(None, alone, "standard input", Ignored((), ""))


def _in_folder(root: str, dockerfile: str | None) -> Context:
    if dockerfile == STREAM:
        text = _text(sys.stdin.buffer.read(MAX_DOCKERFILE + 1), "standard input")
        return Context(root, text, "standard input", _ignored(root, None))
    path = _found(root, dockerfile)
    with open(path, "rb") as file:
        text = _text(file.read(MAX_DOCKERFILE + 1), path)
    return Context(root, text, os.path.basename(path), _ignored(root, path))


def _found(root: str, dockerfile: str | None) -> str:
    """Return the Dockerfile: as --file says it, from here or, as podman also takes it, in the context."""
    names = [os.path.join(root, DOCKERFILE), os.path.join(root, "Containerfile")] if dockerfile is None else [
        dockerfile, os.path.join(root, dockerfile),
    ]  # fmt: skip
    for path in names:
        if os.path.isfile(path):
            return path
    if os.path.isdir(names[0]):
        raise InvalidError(f"{shown(names[0])} is a folder; name the Dockerfile in it with -f")
    raise NotFoundError(f"{shown(names[0])} is not there; name the Dockerfile with -f, or the folder that holds it")


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_DOCKERFILE:
        raise InvalidError(f"{shown(what)}: over {MAX_DOCKERFILE >> 20} MiB, no Dockerfile is so long")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidError(f"{shown(what)} is not UTF-8, so it is no Dockerfile") from None
    if not text.strip():
        raise InvalidError(f"{shown(what)} is empty; begin it with FROM")
    return text


def _ignored(root: str, dockerfile: str | None) -> Ignored:
    """Return what the Dockerfile's own ignore file leaves out, else the context's."""
    own = [f"{dockerfile}.dockerignore"] if dockerfile else []
    for path in (*own, os.path.join(root, IGNORE)):
        try:
            with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                return Ignored(file.read().splitlines(), shown(path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise LayerlogError(f"cannot read {shown(path)}: {error.strerror}") from error
    return Ignored((), "")


# -- a context that comes as a tar


def _unpacked(place: str, folder: str) -> str | None:
    """Unpack a tar into *folder*; where the stream is no tar but a Dockerfile alone, return that."""
    import tarfile

    from cli.streams.compression import decompressed

    if place == STREAM and sys.stdin.isatty():
        raise InvalidError("'-' reads a tar or a Dockerfile from standard input, which is a terminal; pipe one in")
    with sys.stdin.buffer if place == STREAM else open(place, "rb") as stream:
        plain = decompressed(stream, what=shown(place))
        first = plain.read(tarfile.BLOCKSIZE)
        if not is_tar(first):
            if place != STREAM:
                raise InvalidError(f"{shown(place)} is neither a folder nor a tar; name a folder")
            return _text(first + plain.read(MAX_DOCKERFILE + 1), "standard input")
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", Reader(chain([first], pieces_of(plain)), stream)), mode="r|") as tar:
                tar.extractall(folder, filter=_plain)  # noqa: S202 - the filter lets nothing lead out
        except (tarfile.TarError, ValueError) as error:
            raise InvalidError(f"{shown(place)}: {shown(str(error)[:200])}; make the tar anew") from error
    return None


def is_tar(block: bytes) -> bool:
    """Whether a tar may begin with *block*, its first 512 bytes: by the checksum, since old ones have no magic."""
    if len(block) < 512 or not block.rstrip(b"\0"):
        return False
    try:
        stated = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    return sum(block[:148]) + 8 * 32 + sum(block[156:512]) == stated


def _plain(member: "TarInfo", path: str) -> "TarInfo | None":
    """As tarfile's `data` filter, which lets nothing lead out of the folder; modes and times stay."""
    import tarfile

    mode = member.mode
    safe = tarfile.data_filter(member, path)
    return safe.replace(mode=(mode & 0o7777) | 0o400, deep=False) if safe else None


# -- its files


class HostFiles:
    """The files of a folder that a build sees, as `copying.Files`; nothing leads out of it."""

    def __init__(self, root: str, ignored: Ignored) -> None:
        self.root, self.ignored = os.fsencode(root), ignored

    def lookup(self, path: bytes) -> Entry | None:
        try:
            status = os.lstat(join(self.root, path) if path else os.path.realpath(self.root))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LayerlogError(f"cannot read {shown(path)}: {error.strerror}") from error
        if path and self.ignored(path) and not (stat.S_ISDIR(status.st_mode) and self.ignored.passes(path)):
            return None
        target = os.readlink(join(self.root, path)) if stat.S_ISLNK(status.st_mode) else None
        return Entry(path, status.st_mode, 0, 0, status.st_mtime_ns, status.st_size, None, target, None, 0, 0)

    def children(self, path: bytes) -> Iterator[Entry]:
        for name in sorted(os.listdir(join(self.root, path) if path else self.root)):
            if (entry := self.lookup(join(path, name))) is not None:
                yield entry

    def changes(self, path: bytes, keeper: Keeper) -> Iterator[Change]:
        """Yield *path* and all below it that is seen, relative to it, as root's."""
        place = os.fsdecode(join(self.root, path) if path else self.root)
        is_dir = os.path.isdir(place)
        found = self._seen(_Seen(place, keeper, self.ignored, path), path) if is_dir else single(place, keeper)
        return (change._replace(uid=0, gid=0) for change in found)

    def _seen(self, scan: "_Seen", top: bytes) -> Iterator[Change]:
        """Directories that are left out come along where something in them is seen."""
        waiting: list[Change] = []
        for change in scan:
            waiting = [above for above in waiting if change.path.startswith(above.path + b"/")]
            if change.path and stat.S_ISDIR(change.mode) and self.ignored(join(top, change.path)):
                waiting.append(change)
                continue
            yield from waiting
            waiting = []
            yield change


class _Seen(Scan):
    """A scan that does not even look at what is left out."""

    def __init__(self, root: str, keeper: Keeper, ignored: Ignored, top: bytes) -> None:
        super().__init__(root, keeper, Counter(), None)
        self._ignored, self._top = ignored, top

    def _listing(self, fd: int) -> list[tuple[bytes, Reading]]:
        return [each for each in super()._listing(fd) if self._is_seen(*each)]

    def _is_seen(self, name: bytes, reading: Reading) -> bool:
        path = join(self._top, join(self.path, name))
        return not self._ignored(path) or (reading is Scan._directory and self._ignored.passes(path))  # noqa: SLF001
