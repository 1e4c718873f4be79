"""Plain tars of files, in which no name means more than itself: what `export` and `cp` write, and `cp -` reads."""

from collections.abc import Callable, Iterable, Iterator

from eventstore.model.changes import Change, link, put
from eventstore.model.entries import Entry, Keeper, Like
from projections.layers.tar import SMALL, encode
from projections.tar.reader import Source, TarEntry, TarReader, refusal
from projections.tree.subtree import as_changes
from projections.tree.view import View

MAX_BYTES = 64 << 30


def written(view: View, entries: Iterable[Entry], advance: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the tar of *entries* of *view*: all attributes, hard links as such; *advance* is told of the content bytes."""

    def read(change: Change) -> Iterator[bytes]:
        for chunk in view.content.read(change.content) if change.content else ():
            advance(len(chunk))
            yield chunk

    return encode(as_changes(view, entries), read, literal=True)


def decoded(stream: Source, keeper: Keeper, like: Like, *, limit: int = MAX_BYTES) -> Iterator[Change]:
    """Yield what a tar holds, in its order, paths relative to where it is unpacked; raise InvalidError for a broken one.

    *limit* is how many bytes all files may have together, holes included: a few bytes of tar can state any number.
    """
    reader = TarReader(stream)
    held = 0
    for entry in reader:
        held += entry.size
        if held > limit:
            raise refusal(entry.path, f"with it, the tar's files hold over {limit} bytes")
        if entry.type == b"1":
            yield link(entry.path, entry.target)
        else:
            content = _content(entry, reader, keeper, like) if entry.type == b"0" else None
            yield put(
                entry.path, entry.mode, uid=entry.uid, gid=entry.gid, mtime=entry.mtime, size=entry.size, content=content,
                target=entry.target or None, rdev=entry.rdev, xattrs=entry.xattrs,
            )  # fmt: skip


def _content(entry: TarEntry, reader: TarReader, keeper: Keeper, like: Like) -> bytes:
    if entry.size <= SMALL:
        return keeper.put(reader.read(entry.size), like(entry.path))
    return keeper.put_stream(reader.chunks())
