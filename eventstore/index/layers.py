"""A layer's stream: first what it hides, then what it puts, each in tree order of the paths, and read that way."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from eventstore.log.log import Log
from eventstore.log.path_table import PathTable
from eventstore.model.events import NAMES, Kind
from eventstore.model.paths import order

_HIDING_KINDS = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)
_CONTENT_AT = f"SELECT content FROM event WHERE path = ? AND effect = {NAMES:d} AND stream = ? AND kind = {Kind.FILE_WRITTEN:d}"


def first_put(log: Log, stream: int, upto: int) -> int:
    """Return the version of the stream's first event that puts something, *upto* + 1 where none does: a binary search."""

    def puts(version: int) -> bool:
        return log.number("SELECT kind FROM event WHERE stream = ? AND version = ?", (stream, version)) not in _HIDING_KINDS

    return 1 + bisect_left(range(1, upto + 1), True, key=puts)


def first_within(log: Log, stream: int, first: int, last: int, top: bytes) -> int:
    """Return the version, of the stream's events first..last, of the first about a path at or behind *top* in tree order,
    *last* + 1 where none is: a binary search.
    """
    within = order(top)

    def reached(version: int) -> bool:
        path = log.number("SELECT path FROM event WHERE stream = ? AND version = ?", (stream, version))
        return path is None or order(log.path_text(path)) >= within

    return first + bisect_left(range(first, last + 1), True, key=reached)


def in_order(log: Log, stream: int, first: int, last: int) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
    """Yield (tree order key, row) of the stream's events first..last that are about paths, in version order, streaming.

    A row is a stored event's columns (`Event`'s fields) and its path's parent and name: it stays a tuple because a walk of
    a whole image makes no `Event` of most.
    """
    key_of = PathTable(log).key
    cursor = log.db.execute(
        "SELECT e.*, p.parent, p.name FROM event e JOIN path p ON p.id = e.path "
        "WHERE e.stream = ? AND e.version BETWEEN ? AND ? ORDER BY e.version",
        (stream, first, last),
    )
    return ((key_of(row[-2], row[-1]), row) for row in cursor)


def contents_in_order(log: Log, stream: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (tree order key, content's digest) of the stream's files that are not empty, in version order, streaming."""
    key_of = PathTable(log).key
    cursor = log.db.execute(
        "SELECT p.parent, p.name, e.content FROM event e JOIN path p ON p.id = e.path "
        f"WHERE e.stream = ? AND e.kind = {Kind.FILE_WRITTEN:d} AND e.effect = {NAMES:d} AND e.size > 0 "
        "AND e.content IS NOT NULL ORDER BY e.version",
        (stream,),
    )
    return ((key_of(parent, name), content) for parent, name, content in cursor)


def content_at(log: Log, stream: int, path_id: int) -> bytes | None:
    """Return the digest of what the stream's file at a path holds, None where no regular file is: one look-up.

    It takes an id, as a join with the look-up of that takes three times as long as both.
    """
    row = log.db.execute(_CONTENT_AT, (path_id, stream)).fetchone()
    return row[0] if row else None
