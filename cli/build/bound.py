"""What RUN --mount binds: a part of a context or of a view, read once, and written where a process needs it."""

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from hashlib import sha256

from cli.build.context import HostFiles
from cli.hostfs.scan import CHUNK, READ
from cli.sandbox import lower_dirs
from cli.streams.reader import verify
from eventstore.errors import ConflictError, MismatchError, NotFoundError
from eventstore.model.changes import put
from eventstore.model.digests import named
from eventstore.model.entries import Entry, Read, node_of
from eventstore.model.paths import join, shown
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from projections.build import inputs
from projections.tree.subtree import as_changes, below
from projections.tree.symlinks import follow
from projections.tree.view import View

_FILE = b"file"
_NAME = 24


class Bound:
    """A folder with all below it, or a file; `name` is another one for whatever else its changes could be."""

    def __init__(self, changes: Staged, read: Read, *, is_dir: bool) -> None:
        self._changes, self._read, self.is_dir = changes, read, is_dir
        found = sha256()
        for change in changes:
            found.update(repr(change).encode())
        self.name = found.hexdigest()[:_NAME]

    def lines(self, target: str) -> Iterator[str]:
        """Yield what counts of it where it is shown at *target* (inputs.lines)."""
        top = os.fsencode(target.strip("/"))
        return inputs.lines(change._replace(path=join(top, change.path) if change.path else top) for change in self._changes)

    def has(self, path: bytes) -> bool:
        """Whether something is at *path*, relative to it: O(its files)."""
        return any(change.path == path for change in self._changes)

    def write(self, folder: str) -> None:
        """Write it into *folder*, which is made: a file as `place` says; raise ConflictError where it is another one by now."""
        first, *_ = self._changes
        top = first if self.is_dir else put(b"", stat.S_IFDIR | 0o700)
        found = self._changes if self.is_dir else [change._replace(path=_FILE) for change in self._changes]
        lower_dirs.write(found, Entry(b"", *node_of(top), 0, 0), self._read, folder)

    def place(self, folder: str) -> str:
        """Return where it lies once *folder* is written."""
        return folder if self.is_dir else os.path.join(folder, os.fsdecode(_FILE))


class _Hashing:
    """A Keeper that keeps nothing."""

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:  # noqa: ARG002
        return sha256(data).digest()

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        found = sha256()
        for chunk in chunks:
            found.update(chunk)
        return found.digest()


def bound(store: Store, files: HostFiles | View, source: str, stack: ExitStack) -> Bound:
    """Return what *source* is, links followed; it is held until *stack* ends.  Raise NotFoundError where nothing is."""
    path = follow(files, posixpath.normpath(posixpath.join("/", source)).lstrip("/").encode(errors="surrogateescape"))
    entry = files.lookup(path)
    if entry is None:
        raise NotFoundError(f"{shown(source)!r} is not there")
    if isinstance(files, HostFiles):
        found = files.changes(path, _Hashing())
        read: Read = partial(_read, join(files.root, path) if path else files.root, is_dir=entry.is_dir)
    else:
        found, read = as_changes(files, below(files, path)), files.read
    return Bound(stack.enter_context(closing(Staged(store, found))), read, is_dir=entry.is_dir)


def _read(top: bytes, entry: Entry, *, is_dir: bool) -> Iterator[bytes]:
    """Yield a file of the context once more, which is to be what it was when it was read for the step's key."""
    assert entry.content is not None
    place = join(top, entry.path) if is_dir else top
    try:
        with open(os.open(place, READ), "rb") as file:
            read: Callable[[], bytes] = partial(file.read, CHUNK)
            yield from verify(iter(read, b""), named(entry.content), entry.size, shown(place))
    except (OSError, MismatchError):
        raise ConflictError(f"{shown(place)} changed while it was read; build again") from None
