"""What the commands that change files mean: from a view as it is now to the Changes that make it so.

Symlinks are followed as coreutils does: always on the way to the last part, at the last part by what follows a file
(write, chmod, chown), never by what handles a name (delete, move, link).
"""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence

from eventstore.errors import ConflictError, NotFoundError
from eventstore.model.changes import Change, attributes, delete, link, move, put
from eventstore.model.entries import Entry
from eventstore.model.paths import ancestors, join, shown, split
from projections.edits.modes import Owner, Remode
from projections.tree.hard_links import linked_nodes
from projections.tree.symlinks import follow, require, require_file
from projections.tree.view import View
from projections.tree.walk import walk

CAPABILITY = b"security.capability"


def written(
    view: View, path: bytes, content: bytes, size: int, *, mode: int | None, parents: bool, now: int
) -> Iterator[Change]:
    """A regular file with that *content*.

    An existing one keeps its owner, its xattrs and, unless *mode* is given, its mode; a new one is root's and 0644.
    """
    path = _for_file(view, path)
    if view.lookup(path) is None:
        yield from _directories(view, split(path)[0], now) if parents else ()
        yield put(path, stat.S_IFREG | (0o644 if mode is None else mode), size=size, content=content, mtime=now)
        return
    found = require_file(view, path)
    yield put(
        path, found.mode if mode is None else stat.S_IFREG | mode, uid=found.uid, gid=found.gid, size=size,
        content=content, mtime=now, xattrs=found.xattrs,
    )  # fmt: skip


def deleted(view: View, paths: Iterable[bytes], *, recursive: bool, missing_ok: bool) -> Iterator[Change]:
    gone: set[bytes] = set()
    for path in paths:
        path = follow(view, path, last=False)
        if not gone.isdisjoint((path, *ancestors(path))) or (missing_ok and view.lookup(path) is None):
            continue
        found = require(view, path)
        if found.is_dir and not recursive and next(view.children(path), None) is not None:
            raise ConflictError(f"/{shown(path)} is a directory that is not empty; -r deletes it with all that is below it")
        gone.add(path)
        yield delete(path)


def moved(view: View, sources: Sequence[bytes], target: bytes) -> Iterator[Change]:
    """*sources* go below *target* where that is a directory; else the one source becomes *target*."""
    slash, target = target.endswith(b"/"), follow(view, target)
    inside = _is_directory(view, target)
    if len(sources) > 1 and not inside:
        raise ConflictError(f"/{shown(target)} is no directory, so several things cannot be moved there; make it first")
    for source in sources:
        source = follow(view, source, last=False)
        found = require(view, source)
        if slash and not inside and not found.is_dir:
            raise _no_directory(target)
        yield move(source, join(target, split(source)[1]) if inside else target)


def made(view: View, paths: Iterable[bytes], *, mode: int, parents: bool, now: int) -> Iterator[Change]:
    """Directories; *parents* makes those above them too, and is content with what is there."""
    done: set[bytes] = set()
    for path in paths:
        path = follow(view, path, last=parents)
        if parents and (path in done or _is_directory(view, path)):
            continue
        if view.lookup(path) is not None or path in done:
            raise ConflictError(f"/{shown(path)} exists already; choose another name, or delete it first")
        for change in _directories(view, split(path)[0], now) if parents else ():
            if change.path not in done:
                done.add(change.path)
                yield change
        done.add(path)
        yield put(path, stat.S_IFDIR | mode, mtime=now)


def linked(view: View, target: bytes, path: bytes, *, force: bool) -> Iterator[Change]:
    """One more name, *path* or below it, for the node that *target* names."""
    target = follow(view, target, last=False)
    require(view, target)
    path = _link_path(view, target, path, force=force)
    if path != target:
        yield link(path, target)


def symlinked(view: View, target: bytes, path: bytes, *, force: bool, now: int) -> Iterator[Change]:
    """A symbolic link at *path*, or below it, that holds *target* as it is."""
    path = _link_path(view, target, path, force=force)
    yield put(path, stat.S_IFLNK | 0o777, target=target, mtime=now)


def remoded(view: View, paths: Iterable[bytes], remode: Remode, *, recursive: bool) -> Iterator[Change]:
    """Nodes whose mode *remode* changes; symlinks met on the way down are left alone, as chmod(1) does."""
    return _changed(view, paths, lambda entry: entry._replace(mode=remode(entry.mode)), recursive=recursive, symlinks=False)


def reowned(view: View, paths: Iterable[bytes], owner: Owner, *, recursive: bool, follow_last: bool = True) -> Iterator[Change]:
    """Nodes whose owner changes.  As the kernel does, a program loses setuid, setgid and its capabilities."""
    return _changed(
        view, paths, lambda entry: _with_owner(entry, owner), recursive=recursive, symlinks=True, follow_last=follow_last
    )


def _with_owner(entry: Entry, owner: Owner) -> Entry:
    uid, gid = entry.uid if owner.uid is None else owner.uid, entry.gid if owner.gid is None else owner.gid
    if (uid, gid) == (entry.uid, entry.gid) or not entry.is_file:
        return entry._replace(uid=uid, gid=gid)
    lost = stat.S_ISUID | (stat.S_ISGID if entry.mode & stat.S_IXGRP else 0)
    return entry._replace(uid=uid, gid=gid, mode=entry.mode & ~lost)


def _changed(
    view: View, paths: Iterable[bytes], change: Callable[[Entry], Entry], *, recursive: bool, symlinks: bool,
    follow_last: bool = True,
) -> Iterator[Change]:  # fmt: skip
    linked = linked_nodes(view) if recursive else set()
    seen: set[int] = set()
    for path in paths:
        path = follow(view, path, last=follow_last)
        top = require(view, path)
        for entry in walk(view, path) if recursive else (top,):
            if entry.node in seen or (entry.is_symlink and not symlinks):
                continue
            if entry.node in linked:
                seen.add(entry.node)
            yield from _attributes(entry, change(entry))


def _attributes(old: Entry, new: Entry) -> Iterator[Change]:
    if new != old:
        xattrs = {k: v for k, v in old.xattrs.items() if k != CAPABILITY or (new.uid, new.gid) == (old.uid, old.gid)}
        yield attributes(old.path, new.mode, uid=new.uid, gid=new.gid, mtime=old.mtime, xattrs=xattrs)


def _link_path(view: View, target: bytes, path: bytes, *, force: bool) -> bytes:
    if _is_directory(view, inside := follow(view, path)):
        path = join(inside, split(target.rstrip(b"/"))[1])
    path = _for_file(view, path, last=False)
    if view.lookup(path) is not None and not force:
        raise ConflictError(f"/{shown(path)} exists already; -f replaces it")
    if _is_directory(view, path):
        raise ConflictError(f"/{shown(path)} is a directory, which a link cannot replace; delete it first")
    return path


def _for_file(view: View, path: bytes, *, last: bool = True) -> bytes:
    """As `follow`, for a name that something else than a directory is to get."""
    found = follow(view, path, last=last)
    if path.endswith(b"/") and view.lookup(found) is None:
        raise _no_directory(found)
    return found


def _no_directory(path: bytes) -> NotFoundError:
    return NotFoundError(f"no such directory: /{shown(path)}/; make it first, or leave the slash out to name a file")


def _directories(view: View, path: bytes, now: int) -> Iterator[Change]:
    """Yield the directories that are missing down to *path*."""
    for directory in (*ancestors(path), path):
        if view.lookup(directory) is None:
            yield put(directory, stat.S_IFDIR | 0o755, mtime=now)


def _is_directory(view: View, path: bytes) -> bool:
    found = view.lookup(path)
    return found is not None and found.is_dir
