"""Search: which contents hold a run of bytes."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import DamagedError, ErasedError
from eventstore.log.log import Log
from eventstore.retention import reachability
from projections.diff.line_diff import is_binary


class Needle(NamedTuple):
    """What is looked for: *text* takes capitals for small letters (ASCII) and passes over binary contents."""

    data: bytes
    text: bool = False

    def within(self, data: bytes) -> bool:
        return self.data.lower() in data.lower() if self.text else self.data in data


class Searched(NamedTuple):
    """One content: whether it holds the needle; None where it cannot be read (erased or damaged)."""

    digest: bytes
    size: int
    holds: bool | None


def search(log: Log, content: Content, needle: Needle) -> Iterator[Searched]:
    """Search every content that an event names, in the order in which they are stored, then the configs of images.

    O(bytes stored), each read once; memory flat.
    """
    for digest, size in reachability.stored_contents(log):
        yield Searched(digest, size, _holds(content, digest, needle))
    for digest in sorted({digest for _, digest in reachability.documents(log)}):
        if content.has(digest):
            yield Searched(digest, content.size(digest), _holds(content, digest, needle))


def _holds(content: Content, digest: bytes, needle: Needle) -> bool | None:
    try:
        return _found(content.read(digest), needle)
    except (ErasedError, DamagedError):
        return None


def _found(chunks: Iterator[bytes], needle: Needle) -> bool:
    tail, keep = b"", len(needle.data) - 1
    for number, chunk in enumerate(chunks):
        if needle.text and not number and is_binary(chunk):
            return False
        if needle.within(tail + chunk):
            return True
        tail = (tail + chunk)[-keep:] if keep else b""
    return False


