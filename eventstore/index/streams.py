"""Streams: which there are, and what the events first..last of one are together."""

from collections.abc import Iterator

from eventstore.log.log import Log
from eventstore.model.events import Event, Kind

_WITHIN = "stream = ? AND version BETWEEN ? AND ?"
_CHANGES = f"(path IS NOT NULL OR kind = {Kind.CONFIG_CHANGED:d})"
_BYTES = f"CASE kind WHEN {Kind.FILE_WRITTEN:d} THEN size END"


def every(log: Log) -> list[tuple[int, str, str]]:
    """Return (number, kind, name) of every stream, in no order: O(streams)."""
    return log.db.execute("SELECT id, kind, name FROM stream").fetchall()


def newest(log: Log, kind: str) -> list[tuple[int, str]]:
    """Return (number, name) of every stream of a kind, the newest first: O(those)."""
    return log.db.execute("SELECT id, name FROM stream WHERE kind = ? ORDER BY id DESC", (kind,)).fetchall()


def kind_and_name(log: Log, stream: int) -> tuple[str, str]:
    """Return the kind and the name of a stream that must be there: one look-up."""
    row = log.db.execute("SELECT kind, name FROM stream WHERE id = ?", (stream,)).fetchone()
    return row[0], row[1]


# -- one event of a stream


def last_event(log: Log, stream: int, upto: int) -> Event | None:
    """Return the stream's last event that is not after version *upto*, or None: one index look-up."""
    rows = log.db.execute(
        "SELECT * FROM event WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1", (stream, upto)
    )
    return next(map(Event._make, rows), None)


def last_change(log: Log, stream: int, upto: int) -> Event | None:
    """Return the stream's last event of 1..upto that changes files or the config, or None: O(what came since)."""
    statement = f"SELECT * FROM event WHERE stream = ? AND version <= ? AND {_CHANGES} ORDER BY version DESC LIMIT 1"
    return next(map(Event._make, log.db.execute(statement, (stream, upto))), None)


# -- many events of a stream


def tree_events_down(log: Log, stream: int, upto: int) -> Iterator[Event]:
    """Yield the stream's events 1..upto that are about paths, the latest first, streaming."""
    rows = log.db.execute(
        "SELECT * FROM event WHERE stream = ? AND version <= ? AND path IS NOT NULL ORDER BY version DESC", (stream, upto)
    )
    return map(Event._make, rows)


def tree_versions(log: Log, stream: int, first: int, last: int) -> list[int]:
    """Return the versions first..last of a stream that are about paths, in order: O(events)."""
    return log.column(f"SELECT version FROM event WHERE {_WITHIN} AND path IS NOT NULL ORDER BY version", (stream, first, last))


def has_moves(log: Log, stream: int, first: int, last: int) -> bool:
    """Whether one of the stream's events first..last moves a path: O(events), fewer where one does."""
    return log.number(f"SELECT 1 FROM event WHERE {_WITHIN} AND source IS NOT NULL LIMIT 1", (stream, first, last)) is not None


def has_links(log: Log, stream: int) -> bool:
    """Whether the stream ever made a hard link: one index look-up."""
    return log.number(f"SELECT 1 FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream = ? LIMIT 1", (stream,)) is not None


def count_changes(log: Log, stream: int, after: int) -> int:
    """Return how many of the stream's events after version *after* change files or the config: O(events after it)."""
    statement = f"SELECT count(*) FROM event WHERE stream = ? AND version > ? AND {_CHANGES}"
    return int(log.db.execute(statement, (stream, after)).fetchone()[0])


def sums(log: Log, stream: int, first: int, last: int) -> tuple[int, int, int]:
    """Return (events, paths, bytes written) of the stream's events first..last that are about paths: O(events)."""
    events, paths, size = log.db.execute(
        f"SELECT count(*), count(DISTINCT path), total({_BYTES}) FROM event WHERE {_WITHIN} AND path IS NOT NULL",
        (stream, first, last),
    ).fetchone()
    return events, paths, int(size)


def sums_by_path(log: Log, stream: int, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Yield (path's id, events, bytes written) of each path that the stream's events first..last are about: O(events)."""
    rows = log.db.execute(
        f"SELECT path, count(*), total({_BYTES}) FROM event WHERE {_WITHIN} AND path IS NOT NULL GROUP BY path",
        (stream, first, last),
    )
    return ((path, events, int(size)) for path, events, size in rows)
