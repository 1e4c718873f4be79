"""Layer tars in both directions (OCI image-spec, layer.md), and back to the very bytes that a layer came with."""

import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from eventstore.errors import DamagedError, InvalidError
from eventstore.model.changes import Change, clear, delete, extras, link, put
from eventstore.model.events import Kind
from eventstore.model.paths import MARKER, checked, is_marker, join, shown
from projections.layers.names import DIRECTORY, OPAQUE, OTHER, WHITEOUT, Names
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

    Each path comes at most once as a node, and at most once as deleted.  *frame* gets every byte of the tar that is not
    kept as content; with both, `reassemble` gives the tar back.  *limit* is how many bytes all files may have together,
    holes included.  Raises InvalidError, naming the entry, at the first thing that no layer may hold.
    """
    reader = TarReader(stream, frame)
    names = Names()
    held = 0
    for entry in reader:
        if MARKER in entry.path and is_marker(entry.path):
            change = _marked(entry, names)
            if change is not None:
                yield change
        elif entry.type == b"1":
            yield link(entry.path, names.linked(entry.path, entry.target))
        else:
            held += entry.size
            if held > limit:
                over = f"with it, the layer's files hold over {limit} bytes; allow more with --max-layer-size"
                raise InvalidError(f"tar entry '{shown(entry.path)}': {over}")
            yield _node(entry, reader, names, keeper)
    yield from names.finish()


def _node(entry: TarEntry, reader: TarReader, names: Names, keeper: Keeper) -> Change:
    names.enter(entry.path, DIRECTORY if entry.type == b"5" else OTHER)
    content = None
    if entry.type == b"0":
        small = entry.size <= SMALL
        content = keeper.put(reader.read(entry.size)) if small else keeper.put_stream(reader.chunks())
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


def _marked(entry: TarEntry, names: Names) -> Change | None:
    """Return what a whiteout of any type does; None for one that does nothing.

    AUFS's own bookkeeping is passed over as Docker does.  umoci deletes, one by one, what was in a directory whose place
    a file takes: that is gone with it.
    """
    path = entry.path
    at = 0 if path.startswith(MARKER) else path.index(b"/" + MARKER) + 1
    parent, (name, slash, _) = path[: max(at - 1, 0)], path[at:].partition(b"/")
    if entry.size:
        raise refusal(path, "a whiteout or AUFS marker can hold no data")
    if name.startswith(MARKER + MARKER) and name != OPAQUE:
        return None
    body = name[len(MARKER) :]
    if slash or body in (b"", b".", b".."):
        raise refusal(path, f"'{shown(name)}' is a malformed whiteout")
    if names.covered(path):
        return None
    names.enter(path, WHITEOUT)
    return clear(parent) if name == OPAQUE else delete(checked(join(parent, body)))


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
    reader = FramingReader(framing, pieces.append)
    for entry in reader:
        yield from pieces
        pieces.clear()
        if entry.size:
            content = _exactly(read(entry.path), entry.size, entry.path)
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
