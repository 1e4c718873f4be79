"""COPY and ADD: which files are meant, where they go and what they become, by Docker's rules."""

import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

from eventstore.errors import NotFoundError
from eventstore.model.changes import Change, put
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.paths import ancestors, join, shown, split
from projections.edits.copying import Placing
from projections.edits.modes import Remode
from projections.tree.symlinks import follow
from projections.tree.view import View

_WILD = re.compile(r"[*?\[\\]")


class Files(Protocol):
    """Where sources lie: a context, or the view of a stage or an image."""

    def lookup(self, path: bytes) -> Entry | None: ...

    def children(self, path: bytes) -> Iterator[Entry]: ...


class Top(NamedTuple):
    """One source: its `path` where it lies, the `name` that it keeps, and the directories above it (`kept`) that come along,
    which lie below `pivot` there.
    """

    path: bytes
    name: bytes
    kept: bytes = b""
    pivot: bytes = b""


class Look(NamedTuple):
    """What copied nodes become: None leaves what is.  `now` (ns) is the time of directories that are made for them."""

    owner: tuple[int, int] | None
    remode: Remode | None
    latest: int | None
    now: int


def found(files: Files, patterns: Iterable[str], *, parents: bool) -> list[Top]:
    """Return the sources that *patterns* mean, links at their ends followed; NotFoundError where there are none."""
    tops = [top for pattern in patterns for top in _matches(files, pattern, parents=parents)]
    if not tops:
        raise NotFoundError("its patterns match nothing; see to their spelling, and to .dockerignore")
    return tops


def _matches(files: Files, pattern: str, *, parents: bool) -> Iterator[Top]:
    pivot, point, rest = pattern.partition("/./") if parents else ("", "", pattern)
    base = _clean(pivot) if point else b""
    whole = _clean(posixpath.join(pivot, rest)) if point else _clean(pattern)
    paths = list(_expanded(files, whole, deep=parents)) if _WILD.search(pattern) else [whole]
    for path in paths:
        real = follow(files, path)
        if files.lookup(real) is None:
            raise NotFoundError(f"{shown(pattern)!r} is not there")
        above, name = split(path)
        yield Top(real, name, above[len(base) :].lstrip(b"/"), base) if parents else Top(real, name)


def _clean(path: str) -> bytes:
    return posixpath.normpath(posixpath.join("/", path)).lstrip("/").encode(errors="surrogateescape")


def _expanded(files: Files, pattern: bytes, *, deep: bool) -> Iterator[bytes]:
    """Yield the paths that a pattern matches, part by part as Go's filepath.Match does it, in the order of their names.

    A `**` is any number of directories where *deep*, as for --parents.
    """
    tops = [b""]
    for part in pattern.split(b"/"):
        if deep and part == b"**":
            tops = [directory for top in tops for directory in _directories(files, top)]
            continue
        if not _WILD.search(part.decode(errors="surrogateescape")):
            tops = [join(top, part) for top in tops]
            continue
        matches = re.compile(_regex(part), re.DOTALL).fullmatch
        there = (top for top in tops if (entry := files.lookup(follow(files, top))) and entry.is_dir)
        tops = [join(top, name) for top in there for name in sorted(_names(files, follow(files, top))) if matches(name)]
    yield from (top for top in tops if files.lookup(follow(files, top, last=False)) is not None)


def _directories(files: Files, top: bytes) -> Iterator[bytes]:
    """Yield *top* and the directories below it, symlinks not followed."""
    entry = files.lookup(top)
    if entry is not None and entry.is_dir:
        yield top
        for child in files.children(top):
            if child.is_dir:
                yield from _directories(files, child.path)


def _names(files: Files, path: bytes) -> Iterator[bytes]:
    return (split(entry.path)[1] for entry in files.children(path))


_PART = re.compile(rb"\*|\?|\[\^?(?:\\.|[^\]\\])+\]|\\.|.", re.DOTALL)


def _regex(pattern: bytes) -> bytes:
    def piece(text: bytes) -> bytes:
        if text in (b"*", b"?"):
            return b"[^/]*" if text == b"*" else b"[^/]"
        if text.startswith(b"[") and len(text) > 1:
            return text.replace(b"[", b"\\[").replace(b"\\[", b"[", 1)
        return re.escape(text[-1:])

    return b"".join(map(piece, _PART.findall(pattern)))


# -- where they go


def place(view: View, target: str, top: Top, *, is_dir: bool) -> bytes:
    """Return the path that the top of one source gets: of a directory what is in it goes, a file keeps its name in one.

    *target* has a slash at its end where it is to be a directory.
    """
    path = follow(view, target.strip("/").encode(errors="surrogateescape"))
    there = view.lookup(path)
    if is_dir or not (target.endswith("/") or not path or (there is not None and there.is_dir)):
        return path
    return join(path, top.name)


def kept(files: Files, top: Top, changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the directories that a source keeps above it, as they are where it lies, then its *changes* below them."""
    for above in [*ancestors(top.kept)[1:], top.kept] if top.kept else ():
        found = files.lookup(follow(files, join(top.pivot, above)))
        if found is not None:
            yield put(above, found.mode, uid=found.uid, gid=found.gid, mtime=found.mtime)
    prefix = join(top.kept, top.name)
    for change in changes:
        target = join(prefix, change.target or b"") if change.kind == Kind.LINK_MADE else change.target
        yield change._replace(path=join(prefix, change.path) if change.path else prefix, target=target)


def placed(placing: Placing, top: bytes, changes: Iterable[Change], look: Look, *, is_dir: bool) -> Iterator[Change]:
    """Yield the Changes that put one source at *top*, below directories that are made where they are missing: 0755, whatever
    --chmod says, and the owner's.  Where it *is_dir* what is in it goes, and *top* is made like those, or stays as it is.
    """
    owned = look._replace(remode=None)
    placing.at(b"")
    for path in [*ancestors(top)[1:], *([top] if is_dir and top else [])]:
        if placing.is_new(path):
            yield from become(placing.changes(put(path, stat.S_IFDIR | 0o755, mtime=look.now)), owned)
    placing.at(top)
    for change in changes:
        yield from become(placing.changes(change), owned)


def become(changes: Iterable[Change], look: Look) -> Iterator[Change]:
    """Yield *changes* with the owner, the mode and the latest time that *look* gives them."""
    return map(partial(_become, look=look), changes)


def _become(change: Change, look: Look) -> Change:
    if change.kind != Kind.FILE_WRITTEN:
        return change
    if look.owner is not None:
        change = change._replace(uid=look.owner[0], gid=look.owner[1])
    if look.remode is not None and not stat.S_ISLNK(change.mode):
        change = change._replace(mode=look.remode(change.mode))
    if look.latest is not None and change.mtime > look.latest:
        change = change._replace(mtime=look.latest)
    return change
