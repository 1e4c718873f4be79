"""Layer tars in both directions (OCI image-spec, layer.md), and back to the very bytes that a layer came with."""

import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from eventstore.errors import DamagedError, InvalidError
from eventstore.model.changes import Change, clear, delete, extras, link, put
from eventstore.model.events import Kind
from eventstore.model.paths import MARKER, checked, is_marker, join, shown
from projections.layers.names import AUFS_LINKS, DIRECTORY, OPAQUE, OTHER, WHITEOUT, Names, Symlinks
from projections.tar.header import BLOCK
from projections.tar.reader import FramingReader, Source, TarEntry, TarReader, refusal
from projections.tar.sparse import condense
from projections.tar.writer import header

SMALL = 128 << 10
MAX_BYTES = 1 << 40

_TYPES = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}


class Keeper(Protocol):
    """Where file contents go; both return the content's digest, and `put_stream` uses up *chunks*."""

    def put(self, data: bytes, /) -> bytes: ...

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes: ...


def decode(
    stream: Source, keeper: Keeper, frame: Callable[[bytes], object] | None = None, *, limit: int = MAX_BYTES
) -> Iterator[Change]:
    """Yield what a layer's tar changes, in the tar's order, then the parent directories that it leaves out.

    Each path comes at most once as a node, and at most once as deleted; what is below a symlink of the same layer comes under
    the path that this leads to.  *frame* gets every byte of the tar that no path's content has; with both, `reassemble`
    gives the tar back.  *limit* is how many bytes all files may have together,
    holes included.  Raises InvalidError, naming the entry, at the first thing that no layer may hold.
    """
    yield from _Decoder(stream, keeper, frame or len, limit).changes()


class _Decoder:
    def __init__(self, stream: Source, keeper: Keeper, frame: Callable[[bytes], object], limit: int) -> None:
        self._reader = TarReader(stream, frame)
        self._keeper, self._frame, self._limit = keeper, frame, limit
        self._names, self._symlinks = Names(), Symlinks()
        self._held = 0
        self._aufs: dict[bytes, Change | bytes] = {}  # AUFS's hard link store: each file, then its first name

    def changes(self) -> Iterator[Change]:
        for entry in map(self._placed, self._reader):
            if MARKER in entry.path and is_marker(entry.path):
                change = self._marked(entry)
                if change is not None:
                    yield change
            elif entry.type == b"1":
                yield self._linked(entry)
            else:
                yield self._node(entry)
        yield from self._names.finish()

    def _placed(self, entry: TarEntry) -> TarEntry:
        """Return *entry* with the paths that it means, if its data is not too much."""
        self._held += entry.size
        if self._held > self._limit:
            over = f"with it, the layer's files hold over {self._limit} bytes; allow more with --max-layer-size"
            raise InvalidError(f"tar entry '{shown(entry.path)}': {over}")
        path = self._symlinks.resolved(entry.path)
        if entry.type == b"1":
            return entry._replace(path=path, target=self._symlinks.resolved(entry.target))
        return entry if path is entry.path else entry._replace(path=path)

    def _node(self, entry: TarEntry) -> Change:
        self._names.enter(entry.path, DIRECTORY if entry.type == b"5" else OTHER)
        if entry.type == b"2":
            self._symlinks.add(entry.path, entry.target)
        content = None
        if entry.type == b"0":
            reader, keeper = self._reader, self._keeper
            content = keeper.put(reader.read(entry.size)) if entry.size <= SMALL else keeper.put_stream(reader.chunks())
        return _put(entry, content)

    def _linked(self, entry: TarEntry) -> Change:
        kept = self._aufs.get(entry.target)
        if isinstance(kept, Change):
            self._names.enter(entry.path, OTHER)
            self._aufs[entry.target] = entry.path
            return kept._replace(path=entry.path)
        return link(entry.path, self._names.linked(entry.path, entry.target if kept is None else kept))

    def _marked(self, entry: TarEntry) -> Change | None:
        """Return what a whiteout of any type does; None for one that does nothing.

        Its bytes, where it has any, mean nothing, and stay in the framing.  AUFS's own bookkeeping is passed over as Docker
        does, but for the files that hard links name.  umoci deletes, one by one, what was in a directory whose place a file
        takes: that is gone with it.
        """
        path = entry.path
        at = 0 if path.startswith(MARKER) else path.index(b"/" + MARKER) + 1
        parent, (name, slash, _) = path[: max(at - 1, 0)], path[at:].partition(b"/")
        if entry.sparse is not None:
            raise refusal(path, "a whiteout or AUFS marker cannot be sparse")
        if name.startswith(MARKER + MARKER) and name != OPAQUE:
            self._keep_book(entry)
            return None
        self._pass_over()
        body = name[len(MARKER) :]
        if slash or body in (b"", b".", b".."):
            raise refusal(path, f"'{shown(name)}' is a malformed whiteout")
        if self._names.covered(path):
            return None
        self._names.enter(path, WHITEOUT)
        return clear(parent) if name == OPAQUE else delete(checked(join(parent, body)))

    def _keep_book(self, entry: TarEntry) -> None:
        if entry.type == b"0" and entry.path.startswith(AUFS_LINKS):
            content = self._keeper.put_stream(self._framed())
            self._aufs[entry.path] = _put(entry, content)
        else:
            self._pass_over()

    def _pass_over(self) -> None:
        for _ in self._framed():
            pass

    def _framed(self) -> Iterator[bytes]:
        """Yield the entry's data, as part of the framing too."""
        for chunk in self._reader.chunks():
            self._frame(chunk)
            yield chunk


def _put(entry: TarEntry, content: bytes | None) -> Change:
    return put(
        entry.path,
        entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        mtime=entry.mtime,
        size=entry.size,
        content=content,
        target=entry.target or None,
        rdev=entry.rdev,
        xattrs=entry.xattrs,
    )


def encode(
    changes: Iterable[Change], read: Callable[[Change], Iterable[bytes]], *, literal: bool = False
) -> Iterator[bytes]:
    """Yield the layer tar that *changes*, in their order, make; same Changes, same bytes, for ever (`events.ENCODER`).

    *read* gives a regular file's content.  A hard link must come after what it names, and its Change must state the
    node's attributes too: Docker and podman apply those of a link's entry to the node.  Whiteouts are empty files of
    mode 0 and time 0, as umoci writes them; implied directories are left out.  Raises InvalidError for what no layer can
    say, DamagedError where a content has not the size that its Change states.
    """
    padding = b""
    for change in changes:
        if change.kind == Kind.DIRECTORY_IMPLIED:
            continue
        yield padding + _head(change, literal=literal)
        padding = b""
        if change.kind == Kind.FILE_WRITTEN and change.size and stat.S_ISREG(change.mode):
            yield from _exactly(read(change), change.size, change.path)
            padding = bytes(-change.size % BLOCK)
    yield padding + bytes(2 * BLOCK)


def _head(change: Change, *, literal: bool) -> bytes:
    if not literal and is_marker(change.path):
        raise InvalidError(f"'{shown(change.path)}': a layer cannot hold a name that begins with '.wh.'; rename it")
    if change.kind == Kind.FILE_WRITTEN:
        return _node_head(change)
    if change.kind == Kind.LINK_MADE:
        return _link_head(change)
    if change.kind == Kind.PATH_DELETED and change.path:
        parent, _, name = change.path.rpartition(b"/")
        return header(join(parent, MARKER + name), b"0")
    if change.kind == Kind.DIRECTORY_CLEARED:
        return header(join(change.path, OPAQUE), b"0")
    raise InvalidError(f"'{shown(change.path)}': a layer cannot say {change.kind.title}; give its result instead")


def _node_head(change: Change) -> bytes:
    kind = _TYPES.get(stat.S_IFMT(change.mode))
    if kind is None:
        raise InvalidError(f"'{shown(change.path)}': a layer cannot hold a file of mode {change.mode:o}; leave it out")
    xattrs, rdev = extras(change.detail)
    name = (change.path or b".") + b"/" if kind == b"5" else change.path
    return header(
        name,
        kind,
        mode=change.mode,
        uid=change.uid,
        gid=change.gid,
        mtime=change.mtime,
        size=change.size if kind == b"0" else 0,
        link=change.target or b"",
        rdev=rdev,
        xattrs=xattrs,
    )


def _link_head(change: Change) -> bytes:
    if not change.mode or not change.target:
        raise InvalidError(f"'{shown(change.path)}': a hard link's target and its node's attributes must be stated")
    return header(
        change.path,
        b"1",
        mode=change.mode,
        uid=change.uid,
        gid=change.gid,
        mtime=change.mtime,
        link=change.target,
    )


def reassemble(framing: Source, read: Callable[[bytes], Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the exact tar whose *framing* `decode` gave; *read*(path) is the content of that path in its layer.

    Raises DamagedError where a content has not the size that the framing states.  Memory stays flat.
    """
    pieces: list[bytes] = []
    reader, symlinks = FramingReader(framing, pieces.append), Symlinks()
    for entry in reader:
        yield from pieces
        pieces.clear()
        path = symlinks.resolved(entry.path)
        if is_marker(path):
            yield from reader.chunks()
        elif entry.type == b"2":
            symlinks.add(path, entry.target)
        elif entry.size:
            content = _exactly(read(path), entry.size, path)
            yield from content if entry.sparse is None else condense(entry.sparse, content)
    yield from pieces
    yield from reader.rest()


def _exactly(chunks: Iterable[bytes], size: int, path: bytes) -> Iterator[bytes]:
    left = size
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise DamagedError(f"'{shown(path)}': its content is not of the {size} bytes that were recorded; run verify")
