"""A tree written into a host folder that holds other things already: what `cp` does on its way out."""

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator

from cli.hostfs.checkout import Place, TreeWriter, identity
from cli.hostfs.nodes import OPEN_DIRECTORY, NodeWriter, Report
from eventstore.errors import ConflictError, LayerlogError, NotFoundError
from eventstore.model.entries import Entry, Read
from eventstore.model.events import Node
from eventstore.model.paths import shown


def merge(
    entries: Iterable[Entry], read: Read, folder: str, *, archive: bool = False, linked: Collection[int] = frozenset()
) -> Report:
    """Write *entries*, in tree order and with paths relative to *folder*, into that existing folder.

    A folder that is there is merged into and gets the entry's attributes; anything else that is there is replaced by
    one rename.  Unless *archive*, what is written is this user's, and devices, setuid bits and xattrs that grant rights
    are left out.  Raises ConflictError where a folder would have to replace something else, or the reverse,
    LayerlogError for what the host refuses; what was written till then stays.  See `checkout` for the rest.
    """
    fd, writer = _opened(folder, safe=not archive)
    work = _Merge(fd, read, writer, linked)
    try:
        for entry in entries:
            work.write(entry if archive else entry._replace(uid=writer.uid, gid=writer.gid))
        work.finish()
    except OSError as error:
        place = shown(os.path.join(os.fsencode(folder), work.current))
        raise LayerlogError(f"cannot write {place}: {error.strerror}; what was copied before it stays") from error
    finally:
        work.close()
    return writer.report


def _opened(folder: str, *, safe: bool) -> tuple[int, NodeWriter]:
    fd = -1
    try:
        fd = os.open(folder, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        return fd, NodeWriter(fd, safe=safe)
    except FileNotFoundError as error:
        raise NotFoundError(f"no such folder: {shown(folder)}; make it first") from error
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        reason = f"cannot write into {shown(folder)}: {error.strerror}"
        raise LayerlogError(f"{reason}; name a folder in which you may write") from error


class _Merge(TreeWriter):
    """As a checkout, but the root is not ours, and names may be taken."""

    def __init__(self, root: int, read: Read, writer: NodeWriter, linked: Collection[int]) -> None:
        super().__init__(root, read, writer, linked)
        self.places.append(Place(_NO_ENTRY, identity(self.fd)))

    def finish(self) -> None:
        while self.path:
            self._leave()

    def _make(self, name: bytes, entry: Entry) -> bool:
        there = self._mode(name)
        if there is None:
            return self._new(name, entry)
        if stat.S_ISDIR(there) != entry.is_dir:
            raise _mismatch(entry, folder=stat.S_ISDIR(there))
        return super()._make(name, entry) if entry.is_dir else self._replace(name, entry)

    def _new(self, name: bytes, entry: Entry) -> bool:
        """A file whose content cannot be read is not left behind, empty or half."""
        try:
            return super()._make(name, entry)
        except LayerlogError:
            if entry.is_file:
                with contextlib.suppress(FileNotFoundError):  # a content that is not there at all fails before the file is made
                    os.unlink(name, dir_fd=self.fd)
            raise

    def _replace(self, name: bytes, entry: Entry) -> bool:
        with self._aside(name) as aside:
            return super()._make(aside, entry)

    def _link(self, first: bytes, name: bytes) -> None:
        there = self._mode(name)
        if there is not None and stat.S_ISDIR(there):
            raise ConflictError(f"{shown(self.current)} is a folder here; remove it first")
        with self._aside(name) as aside:
            super()._link(first, aside)

    def _enter(self, name: bytes, entry: Entry) -> None:
        try:
            super()._enter(name, entry)
        except FileExistsError:
            self._go_down(os.open(name, OPEN_DIRECTORY, dir_fd=self.fd), entry.path)
            self.places.append(Place(self._opened_up(entry), identity(self.fd)))

    def _opened_up(self, entry: Entry) -> Entry:
        """Make a folder that was there writable; return what it shall become: as it is, where it is another user's."""
        return entry if self.writer.allowed("attributes", os.chmod, self.fd, self.writer.fillable(entry)) else _NO_ENTRY

    def _finish(self, fd: int, entry: Entry) -> None:
        if entry is not _NO_ENTRY:
            super()._finish(fd, entry)

    @contextlib.contextmanager
    def _aside(self, name: bytes) -> Iterator[bytes]:
        """Yield a free name; what is made under it takes *name* over in one step."""
        aside = b".layerlog-%b" % os.urandom(8).hex().encode()
        try:
            yield aside
            with contextlib.suppress(FileNotFoundError):  # a device that may not be made
                os.rename(aside, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        finally:
            with contextlib.suppress(FileNotFoundError):  # also where both were names of one file: then rename does nothing
                os.unlink(aside, dir_fd=self.fd)

    def _mode(self, name: bytes) -> int | None:
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None


_NO_ENTRY = Entry(b"", *Node(), 0, 0)


def _mismatch(entry: Entry, *, folder: bool) -> ConflictError:
    here, there = ("a folder", "none") if folder else ("no folder", "a folder")
    return ConflictError(f"{shown(entry.path)} is {here} here and {there} in the view; remove it first")
