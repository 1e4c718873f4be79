"""What a process changed: an overlay's upper directory, read as the changes that make the recorded tree the mounted one."""

import json
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from cli.hostfs.nodes import PIN
from cli.hostfs.scan import READ, Scan, pieces
from cli.hostfs.scan import node as node_change
from eventstore.disk.atomic import replacing
from eventstore.errors import ConflictError
from eventstore.index.stream_paths import touched_between
from eventstore.model.changes import Change, attributes, delete, extras, link, move, put
from eventstore.model.entries import Entry, Keeper, same_node
from eventstore.model.events import Kind
from eventstore.model.paths import MAX_PATH, ancestors, is_marker, join, order, path_of, split
from eventstore.model.times import SECOND
from projections.tree.hard_links import linked_among
from projections.tree.subtree import as_changes, below, beneath
from projections.tree.view import View

ROOTS, USERS = b"trusted.overlay.", b"user.overlay."
"""What the names of overlayfs's own attributes begin with, where root mounted it and in a user namespace."""
AGAIN = 3
"""Times that a file is read which changed meanwhile."""

LARGE = 128 << 10
"""From so many bytes on a file is remembered: smaller ones are read as fast as they are looked up."""
SETTLED = 2 * SECOND
"""Times of files change with the kernel's tick, on some filesystems with the second: two changes in one look like one."""

Move = tuple[bytes, bytes]
"""(where a directory is now, where the lower layers have it)"""


class Seen:
    """What large files held when an earlier pass read them, by inode, size and times: only those that changed are read again.

    Nobody can set a ctime.  A page that a program has mapped and written to changes it no more until it was on disk, so a
    file is sent there before it is read; in memory alone (tmpfs) that never shows, and nothing is remembered.
    """

    def __init__(self, path: str, is_kept: Callable[[bytes], bool]) -> None:
        self._path = path
        self._is_kept = is_kept
        self._before, self._now = dict[str, str](), dict[str, str]()
        try:
            with open(path, "rb") as file:
                self._before = {mark: bytes.fromhex(digest).hex() for mark, digest in json.load(file).items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            pass

    def content(self, status: os.stat_result) -> bytes | None:
        """Return the digest of what a file holds, None where that has to be read."""
        found = bytes.fromhex(self._before.get(_mark(status), ""))
        return found if found and self._is_kept(found) else None

    def settled(self, fd: int, status: os.stat_result) -> bool:
        """Whether every later change of an open file than one that is read from now on will be known by its times."""
        if os.major(status.st_dev) == 0 or status.st_ctime_ns > time.time_ns() - SETTLED:
            return False
        os.fdatasync(fd)
        return True

    def add(self, status: os.stat_result, content: bytes) -> None:
        self._now[_mark(status)] = content.hex()

    def write(self) -> None:
        """Remember for the next pass what this one saw."""
        if self._now != self._before:
            with replacing(self._path) as fd, open(fd, "wb", closefd=False) as file:
                file.write(json.dumps(self._now).encode())


def _mark(status: os.stat_result) -> str:
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


class UpperScan(Scan):
    """A walk of an upper directory; a file that goes on changing is `unstable`, and taken as it is.

    `refused` are paths that no layer can hold; what is below them is left out, too.  What large files held is looked up in
    *seen*, and noted there unless the pass *is_last*.
    """

    def __init__(self, root: str, keeper: Keeper, seen: Seen, *, is_last: bool) -> None:
        super().__init__(root, keeper, Counter(), None)
        self._seen = seen
        self._is_last = is_last
        self.unstable: list[bytes] = []
        self.refused: list[bytes] = []

    def _directory(self, name: bytes, path: bytes) -> Change | None:
        return None if self._is_refused(path) else super()._directory(name, path)

    def _other(self, name: bytes, path: bytes) -> Change | None:
        return None if self._is_refused(path) else super()._other(name, path)

    def _file(self, name: bytes, path: bytes) -> Change | None:
        if self._is_refused(path):
            return None
        for _ in range(AGAIN):
            with suppress(ConflictError):
                return super()._file(name, path)
        self.unstable.append(path)
        return self._torn(name, path)

    def _content(self, fd: int, path: bytes, status: os.stat_result) -> bytes:
        if status.st_size < LARGE:
            return super()._content(fd, path, status)
        content = self._seen.content(status)
        is_settled = content is not None or (not self._is_last and self._seen.settled(fd, status))
        content = content or super()._content(fd, path, status)
        if is_settled:
            self._seen.add(status, content)
        return content

    def _is_refused(self, path: bytes) -> bool:
        if _can_be_held(path):
            return False
        self.refused.append(path)
        return True

    def _open(self, name: bytes, flags: int) -> int:
        """A device that has just taken a file's place is not opened: that alone can do things (a watchdog starts)."""
        if flags != READ or self._is_last:
            return super()._open(name, flags)
        node = os.open(name, PIN, dir_fd=self.fd)
        try:
            if not stat.S_ISREG(os.fstat(node).st_mode):
                raise FileNotFoundError
            return os.open(b"/proc/self/fd/%d" % node, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(node)

    def _torn(self, name: bytes, path: bytes) -> Change:
        """Return a file as it was read, about as long as it was when that began: it may grow faster than it is read."""
        fd = self._open(name, READ)
        try:
            status, size = os.fstat(fd), 0

            def chunks() -> Iterator[bytes]:
                nonlocal size
                for chunk in pieces(fd, status):
                    size += len(chunk)
                    yield chunk

            content = self.keeper.put_stream(chunks())
            return node_change(path, status, fd, size=size, content=content)
        finally:
            os.close(fd)


class _Directories(Scan):
    """A walk that passes by all else, and by what an UpperScan refuses."""

    def _directory(self, name: bytes, path: bytes) -> Change | None:
        return super()._directory(name, path) if _can_be_held(path) else None

    def _file(self, name: bytes, path: bytes) -> None: ...
    def _other(self, name: bytes, path: bytes) -> None: ...


def _can_be_held(path: bytes) -> bool:
    return len(path) <= MAX_PATH and not is_marker(path)


class Trees(NamedTuple):
    """What an upper directory is compared with: the tree below it, and the one that is recorded now.

    The events from `first` on of the container's `stream` are those that were recorded since it was mounted.
    """

    lower: View
    now: View
    stream: int
    first: int


class Observation:
    """One pass over an upper directory; `moves` are those of directories that are recorded, then those that this one yields.

    Overlayfs says of a renamed directory where its content was (root's `redirect_dir`): that becomes a PathMoved where the
    recorded tree allows it, else its content is written at the new place.
    """

    def __init__(
        self, found: Iterable[Change], marks: bytes, trees: Trees, redirects: Iterable[Move], moves: set[Move]
    ) -> None:
        self._found = found
        self._marks = marks
        self._trees = trees
        self._redirects = dict(redirects)
        self.moves = moves
        self._where = {source: path for path, source in moves}
        self._moved: list[Move] = []
        self._copied: dict[bytes, bytes] = {}
        self._seen: set[bytes] = set()
        self._whiteouts: set[bytes] = set()
        self._written: set[bytes] = set()
        self._gone: set[bytes] = set()
        self._open: list[tuple[bytes, set[bytes]]] = []

    def changes(self) -> Iterator[Change]:
        """Yield the changes, in an order in which they can be recorded; to be asked once."""
        for path, source in sorted(self._redirects.items(), key=lambda pair: order(pair[0])):
            if (path, source) not in self.moves:
                yield from self._renamed(path, source)
        for change in self._found:
            self._seen.add(change.path)
            yield from self._closed(change.path)
            yield from self._at(change)
        yield from self._closed(None)
        yield from self._deleted_again()
        self.moves = set(self._redirects.items())

    # -- renamed directories

    def _renamed(self, path: bytes, source: bytes) -> Iterator[Change]:
        here = self._forward(source)
        above = self._now(split(path)[0])
        found = self._now(here)
        free = self._now(path) is None and not path.startswith(here + b"/")
        if found and found.is_dir and above and above.is_dir and free:
            yield move(here, path)
            self._moved.append((path, here))
            self._where[source] = path
            return
        if self._now(path):
            yield delete(path)
        lower = self._trees.lower
        if above and above.is_dir and (entry := lower.lookup(source)) and entry.is_dir:
            yield from as_changes(lower, beneath(below(lower, source), path))
            self._copied[path] = source

    def _forward(self, path: bytes) -> bytes:
        """Return where the recorded tree has what the lower layers have at *path*."""
        for above in ancestors(path + b"/")[::-1]:
            if above in self._where:
                return self._where[above] + path[len(above) :]
        return path

    # -- what is at a path

    def _now(self, path: bytes) -> Entry | None:
        """Return what the recorded tree, with the renames of this pass, has at *path*."""
        for copied, source in self._copied.items():
            if _is_within(path, copied):
                return self._trees.lower.lookup(source + path[len(copied) :])
        for to, source in reversed(self._moved):
            if _is_within(path, to):
                path = source + path[len(to) :]
            elif _is_within(path, source):
                return None
        return self._trees.now.lookup(path)

    def _names(self, path: bytes) -> set[bytes]:
        """Return the names in a directory of the recorded tree, with the renames of this pass."""
        for copied, source in self._copied.items():
            if _is_within(path, copied):
                return {split(entry.path)[1] for entry in self._trees.lower.children(source + path[len(copied) :])}
        there = path
        for to, source in reversed(self._moved):
            if _is_within(there, to):
                there = source + there[len(to) :]
        names = {split(entry.path)[1] for entry in self._trees.now.children(there)}
        names |= {split(to)[1] for to, _ in self._moved if split(to)[0] == path}
        return {name for name in names if self._now(join(path, name))}

    def _lower(self, path: bytes) -> Entry | None:
        """Return what the lower layers show at *path*, were nothing above it replaced."""
        for above in ancestors(path + b"/")[::-1]:
            if above in self._redirects:
                return self._trees.lower.lookup(self._redirects[above] + path[len(above) :])
        return self._trees.lower.lookup(path)

    # -- path by path

    def _at(self, change: Change) -> Iterator[Change]:
        path = change.path
        if change.kind == Kind.LINK_MADE:
            yield from self._link(path, change.target or b"")
            return
        xattrs, rdev = extras(change.detail)
        if stat.S_ISCHR(change.mode) and rdev == (0, 0):
            yield from self._whiteout(path)
            return
        own = {name: value for name, value in xattrs.items() if not name.startswith(self._marks)}
        stated = put(
            path, change.mode, uid=change.uid, gid=change.gid, mtime=change.mtime, size=change.size, content=change.content,
            target=change.target, rdev=rdev, xattrs=own,
        )  # fmt: skip
        if stat.S_ISDIR(change.mode):
            yield from self._directory(stated, own, is_opaque=xattrs.get(self._marks + b"opaque") == b"y")
        else:
            yield from self._node(stated, own)

    def _whiteout(self, path: bytes) -> Iterator[Change]:
        self._whiteouts.add(path)
        if self._now(path):
            self._gone.add(path)
            yield delete(path)

    def _link(self, path: bytes, first: bytes) -> Iterator[Change]:
        if first in self._whiteouts:  # overlayfs makes all its whiteouts names of one node
            yield from self._whiteout(path)
            return
        here, there = self._now(path), self._now(first)
        if here is None or there is None or here.node != there.node or first in self._written:
            self._replaced(path, here)
            self._written.add(path)
            yield link(path, first)

    def _node(self, stated: Change, xattrs: dict[bytes, bytes]) -> Iterator[Change]:
        here = self._now(stated.path)
        if here and same_node(stated, here):
            return
        if here and _is_same_content(stated, here) and not linked_among(self._trees.now, [here.node]):
            yield _attributes(stated, xattrs)
            return
        self._replaced(stated.path, here)
        self._written.add(stated.path)
        yield stated

    def _replaced(self, path: bytes, here: Entry | None) -> None:
        if here and here.is_dir:
            self._gone.add(path)

    def _directory(self, stated: Change, xattrs: dict[bytes, bytes], *, is_opaque: bool) -> Iterator[Change]:
        path = stated.path
        here = self._now(path)
        if here is None or not here.is_dir:
            yield stated
        else:
            if not same_node(stated, here):
                yield _attributes(stated, xattrs)
            lower = None if is_opaque or self._is_within_own(path) else self._lower(path)
            if lower is None or not lower.is_dir:
                self._open.append((path, self._names(path)))

    def _is_within_own(self, path: bytes) -> bool:
        """Whether the lower layers have no part in what the directory above *path* holds."""
        return bool(self._open) and path not in self._redirects and split(path)[0] == self._open[-1][0]

    def _closed(self, path: bytes | None) -> Iterator[Change]:
        """Yield what is missing in the directories that the walk has left on its way to *path*, all of them for None.

        They are those that show nothing from below: what the recorded tree has in them and the walk did not meet is gone.
        """
        while self._open and (path is None or not _is_within(path, self._open[-1][0])):
            directory, names = self._open.pop()
            for name in sorted(names):
                self._gone.add(join(directory, name))
                yield delete(join(directory, name))
        if path and self._open and split(path)[0] == self._open[-1][0]:
            self._open[-1][1].discard(split(path)[1])

    def _deleted_again(self) -> Iterator[Change]:
        """Yield what was recorded since the mount, is in no lower layer, and is not there any more: that leaves no whiteout."""
        trees = self._trees
        recorded = touched_between(trees.now.log, trees.stream, trees.first, trees.now.version)
        for key in sorted(key for key, _, _ in recorded):
            path = self._forwarded(path_of(key))
            if path in self._seen or self._gone.intersection(ancestors(path + b"/")):
                continue
            if self._now(path) and self._lower(path) is None:
                self._gone.add(path)
                yield delete(path)

    def _forwarded(self, path: bytes) -> bytes:
        for to, source in self._moved:
            if _is_within(path, source):
                path = to + path[len(source) :]
        return path


def redirects(upper: str, marks: bytes, keeper: Keeper) -> Iterator[Move]:
    """Yield the renamed directories in *upper*: O(its names); overlayfs knows none in user namespaces."""
    for change in _Directories(upper, keeper, Counter(), None) if marks == ROOTS else ():
        if value := extras(change.detail)[0].get(marks + b"redirect"):
            yield change.path, value[1:] if value.startswith(b"/") else join(split(change.path)[0], value)


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or not directory or path.startswith(directory + b"/")


def _is_same_content(stated: Change, here: Entry) -> bool:
    same_type = stat.S_IFMT(stated.mode) == stat.S_IFMT(here.mode)
    return same_type and (stated.content, stated.target, extras(stated.detail)[1]) == (here.content, here.target, here.rdev)


def _attributes(stated: Change, xattrs: dict[bytes, bytes]) -> Change:
    return attributes(stated.path, stated.mode, uid=stated.uid, gid=stated.gid, mtime=stated.mtime, xattrs=xattrs)
