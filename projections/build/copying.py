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
    """One source: its `path` where it lies, the `name` that it keeps, and the directories above it (`kept`) that come along."""

    path: bytes
    name: bytes
    kept: bytes = b""


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
    paths = list(_expanded(files, whole)) if _WILD.search(pattern) else [whole]
    for path in paths:
        real = follow(files, path)
        if files.lookup(real) is None:
            raise NotFoundError(f"{shown(pattern)!r} is not there")
        above, name = split(path)
        yield Top(real, name, (above[len(base) :].lstrip(b"/")) if parents else b"")


def _clean(path: str) -> bytes:
    return posixpath.normpath(posixpath.join("/", path)).lstrip("/").encode(errors="surrogateescape")


def _expanded(files: Files, pattern: bytes) -> Iterator[bytes]:
    """Yield the paths that a pattern matches, part by part as Go's filepath.Match does it, in the order of their names."""
    tops = [b""]
    for part in pattern.split(b"/"):
        if not _WILD.search(part.decode(errors="surrogateescape")):
            tops = [join(top, part) for top in tops]
            continue
        matches = re.compile(_regex(part), re.DOTALL).fullmatch
        there = (top for top in tops if (entry := files.lookup(follow(files, top))) and entry.is_dir)
        tops = [join(top, name) for top in there for name in sorted(_names(files, follow(files, top))) if matches(name)]
    yield from (top for top in tops if files.lookup(follow(files, top, last=False)) is not None)


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


def place(view: View, target: str, top: Top, *, is_dir: bool, parents: bool) -> bytes:
    """Return the path that the top of one source gets: of a directory what is in it goes, a file keeps its name in one.

    *target* has a slash at its end where it is to be a directory; with *parents* a source keeps those above it, too.
    """
    path = follow(view, target.strip("/").encode(errors="surrogateescape"))
    if parents:
        return b"/".join(filter(None, (path, top.kept, top.name)))
    there = view.lookup(path)
    if is_dir or not (target.endswith("/") or not path or (there is not None and there.is_dir)):
        return path
    return join(path, top.name)


def placed(placing: Placing, top: bytes, changes: Iterable[Change], look: Look) -> Iterator[Change]:
    """Yield the Changes that put one source at *top*: missing directories above it first; one that is there stays as it is."""
    for above in ancestors(top)[1:]:
        if placing.is_new(above):
            yield from placing.at(b"").changes(_become(put(above, stat.S_IFDIR | 0o755, mtime=look.now), look))
    placing.at(top)
    for change in changes:
        if change.path or not stat.S_ISDIR(change.mode) or placing.is_new(top):
            yield from placing.changes(change)


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
