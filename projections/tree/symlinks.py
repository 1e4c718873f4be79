"""Symlinks inside a view: where a path leads, as the kernel would find it from the view's root (path_resolution(7))."""

import stat
from collections.abc import Iterator

from eventstore.errors import ConflictError, NotFoundError
from eventstore.index.by_path import said_of
from eventstore.log.log import Log
from eventstore.model.entries import Entry, Lookup
from eventstore.model.events import Kind
from eventstore.model.paths import join, shown, split

MAX_LINKS = 40
MAX_WAYS = 10_000

Way = tuple[bytes, tuple[bytes, ...], int]
"""A directory, the parts that are still to go from there, and how many symlinks may still be on the way."""


def follow(tree: Lookup, path: bytes, *, last: bool = True) -> bytes:
    """Return *path* with its `..` and the symlinks on its way resolved, that of its last part only where *last*, or where a
    slash stands behind it.

    No target leads out of the root.  Parts that are not there stay as they are written.  Raise ConflictError after 40
    symlinks: they lead in a circle; and where a slash stands behind what is no directory.
    """
    found, links = b"", 0
    rest = path.split(b"/")[::-1]
    while rest:
        part = rest.pop()
        if part in (b"", b".", b".."):
            found = split(found)[0] if part == b".." else found
            continue
        here = join(found, part)
        entry = tree.lookup(here) if rest or last else None
        if entry is None or not entry.is_symlink:
            found = here
            continue
        links += 1
        if links > MAX_LINKS:
            raise ConflictError(f"/{shown(path)}: its symbolic links lead in a circle; `layerlog ls -l` shows them")
        target = entry.target or b""
        found = b"" if target.startswith(b"/") else found
        rest.extend(target.split(b"/")[::-1])
    if path.endswith(b"/") and (entry := tree.lookup(found)) is not None and not entry.is_dir:
        raise ConflictError(f"/{shown(found)} is a file, not a directory; leave the slash at its end out")
    return found


def ever_followed(log: Log, path: bytes, *, last: bool = False) -> list[bytes]:
    """Return every path that *path* led to in some tree of the log: as `follow`, through each symlink that was ever on its way.

    The first is the one that no symlink leads to.  O(events about what is on the way) index look-ups; of very many ways some.
    """
    found: dict[bytes, None] = {}
    waiting = [(b"", tuple(path.split(b"/")), MAX_LINKS)]
    seen = set(waiting)
    while waiting:
        here, parts, links = waiting.pop()
        ways = _ways(log, here, parts, links, last=last) if parts else []
        if not parts:
            found[here] = None
        fresh = [way for way in ways if way not in seen][: max(MAX_WAYS - len(seen), 0)]
        seen.update(fresh)
        waiting += fresh[::-1]
    return list(found)


def _ways(log: Log, here: bytes, parts: tuple[bytes, ...], links: int, *, last: bool) -> Iterator[Way]:
    """Yield the steps on from a directory, the part that comes next being what it is, and each symlink that it ever was."""
    part, *more = parts
    if part in (b"", b".", b".."):
        yield (split(here)[0] if part == b".." else here), tuple(more), links
        return
    inside = join(here, part)
    yield inside, tuple(more), links
    path_id = log.path_id(inside) if links and (more or last) else None
    for target in dict.fromkeys(_targets(log, path_id) if path_id is not None else ()):
        yield (b"" if target.startswith(b"/") else here), (*target.split(b"/"), *more), links - 1


def _targets(log: Log, path_id: int) -> Iterator[bytes]:
    written = (said for said in said_of(log, [path_id]) if said.kind == Kind.FILE_WRITTEN)
    return (said.target or b"" for said in written if stat.S_ISLNK(said.mode))


def require(tree: Lookup, path: bytes) -> Entry:
    """Return what *path* is, symlinks not followed; raise NotFoundError where there is nothing."""
    found = tree.lookup(path)
    if found is None:
        raise NotFoundError(f"no such path: /{shown(path)}; `layerlog ls` shows what is there")
    return found


def require_file(tree: Lookup, path: bytes) -> Entry:
    """As `require`, but raise ConflictError for what is no regular file."""
    found = require(tree, path)
    if not found.is_file:
        what = "a directory" if found.is_dir else "a symbolic link" if found.is_symlink else "a device or a fifo"
        raise ConflictError(f"/{shown(path)} is {what}, not a regular file; name a file")
    return found


def require_directory(tree: Lookup, path: bytes) -> Entry:
    """As `require`, but raise ConflictError for what is no directory."""
    found = require(tree, path)
    if not found.is_dir:
        raise ConflictError(f"/{shown(path)} is not a directory; `layerlog cp` copies a single file")
    return found
