"""Symlinks inside a view: where a path leads, as the kernel would find it from the view's root (path_resolution(7))."""

from eventstore.errors import ConflictError, NotFoundError
from eventstore.model.entries import Entry, Lookup
from eventstore.model.paths import join, shown, split

MAX_LINKS = 40


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
