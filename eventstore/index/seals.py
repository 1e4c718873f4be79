"""Seals: the Committed events of containers, by what they close over, by age, by author and by id; and who signed them."""

import json
from collections.abc import Iterable, Iterator

from eventstore.index.nodes import events_at
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind

_SEALS = f"path IS NULL AND kind = {Kind.COMMITTED:d}"
_OVER = f"FROM event WHERE {_SEALS} AND stream = {{}} AND version >= {{}} ORDER BY version LIMIT 1"
_OF_EACH = (
    f"(SELECT stream, {{}}(version) AS version FROM event WHERE {_SEALS} GROUP BY stream) f "
    "JOIN event e ON e.stream = f.stream AND e.version = f.version"
)


def over(log: Log, stream: int, version: int) -> Event | None:
    """Return the seal that closes over an event of a container's stream, None where it is not yet sealed: one look-up."""
    rows = log.db.execute(f"SELECT * {_OVER.format('?', '?')}", (stream, version))
    return next(map(Event._make, rows), None)


def over_each(log: Log, positions: Iterable[int]) -> dict[int, Event]:
    """Return the seals that close over the events at *positions*, by those; what is not sealed is left out.

    Two look-ups for each position, and one for each seal.
    """
    closing = dict(
        log.db.execute(
            f"SELECT e.position, (SELECT position {_OVER.format('e.stream', 'e.version')}) FROM event e "
            "WHERE e.position IN (SELECT value FROM json_each(?))",
            (json.dumps(list(positions)),),
        ).fetchall()
    )
    seals = events_at(log, {*closing.values()} - {None})
    return {position: seals[seal] for position, seal in closing.items() if seal is not None}


def down(log: Log, stream: int, upto: int) -> Iterator[Event]:
    """Yield a container's seals up to version *upto*, the latest first, streaming: an index look-up each."""
    rows = log.db.execute(
        f"SELECT * FROM event WHERE {_SEALS} AND stream = ? AND version <= ? ORDER BY version DESC", (stream, upto)
    )
    return map(Event._make, rows)


def versions(log: Log, stream: int, first: int, last: int) -> list[int]:
    """Return the versions first..last of a container that are seals, in order: O(those)."""
    statement = f"SELECT version FROM event WHERE {_SEALS} AND stream = ? AND version BETWEEN ? AND ? ORDER BY version"
    return log.column(statement, (stream, first, last))


def count(log: Log, stream: int) -> int:
    """Return how many seals a container has: O(those), through the index alone."""
    return int(log.db.execute(f"SELECT count(*) FROM event WHERE {_SEALS} AND stream = ?", (stream,)).fetchone()[0])


# -- of all containers


def newest(log: Log) -> Iterator[Event]:
    """Yield every container's seals, the latest first, streaming.

    The hint: of two indexes that hold seals alone, the one in the order of positions, so that nothing has to be sorted.
    """
    rows = log.db.execute(f"SELECT * FROM event INDEXED BY event_commit WHERE {_SEALS} ORDER BY position DESC")
    return map(Event._make, rows)


def first_commits(log: Log) -> Iterator[tuple[str, str | None]]:
    """Yield (id, the image that it was made on) of each container's first commit, in no order: O(all seals' index)."""
    rows = log.db.execute(f"SELECT e.id, json_extract(e.detail, '$.parent') FROM {_OF_EACH.format('min')}")
    return ((commit.hex(), parent) for commit, parent in rows)


def last_of_each(log: Log) -> Iterator[Event]:
    """Yield each container's last seal, in no order: O(all seals' index)."""
    return map(Event._make, log.db.execute(f"SELECT e.* FROM {_OF_EACH.format('max')}"))


def beginning(log: Log, prefix: str, most: int = 20) -> set[str]:
    """Return the ids of the commits that begin with these hex digits, *most* of them where there are more: a look-up each."""
    low, high = bytes.fromhex(prefix.ljust(64, "0")), bytes.fromhex(prefix.ljust(64, "f"))
    rows = log.db.execute(f"SELECT id FROM event WHERE id BETWEEN ? AND ? AND id IS NOT NULL LIMIT {most:d}", (low, high))
    return {row[0].hex() for row in rows}


# -- signatures


def signatures_of(log: Log, commits: Iterable[str]) -> Iterator[Event]:
    """Yield the signatures (CommitSigned) of those of *commits* that have any, in order: two look-ups for each commit.

    By CROSS JOIN from the commits to those, never through all signatures.
    """
    rows = log.db.execute(
        "SELECT e.* FROM json_each(?) c CROSS JOIN stream s ON s.kind = 'image' AND s.name = c.value CROSS JOIN event e "
        f"ON e.path IS NULL AND e.kind = {Kind.COMMIT_SIGNED:d} AND e.stream = s.id ORDER BY e.position",
        (json.dumps(list(commits)),),
    )
    return map(Event._make, rows)


# -- by author


_BY_AUTHOR = f"FROM event INDEXED BY event_author WHERE {_SEALS} AND json_extract(detail, '$.author') {{}} +CAST(? AS TEXT)"
"""The hint: `event_kind` would do too, and reads every seal.  By plus SQLite does not convert the indexed side, so that the
index serves; bytes, as not every author is UTF-8.
"""


def authors(log: Log) -> Iterator[str]:
    """Yield the distinct claimed authors of commits, in the order of their bytes: one index look-up each."""
    found: bytes | None = b""
    while True:
        row = log.db.execute(
            f"SELECT CAST(min(json_extract(detail, '$.author')) AS BLOB) {_BY_AUTHOR.format('>')}", (found,)
        ).fetchone()
        found = row[0]
        if found is None:
            return
        yield found.decode("utf-8", "surrogatepass")


def by_author(log: Log, author: str) -> Iterator[int]:
    """Yield the positions of one author's commits, container by container: O(those), streaming."""
    rows = log.db.execute(f"SELECT position {_BY_AUTHOR.format('=')}", (_bytes(author),))
    return (row[0] for row in rows)


def by_author_down(log: Log, author: str, stream: int, upto: int) -> Iterator[int]:
    """Yield the positions of one author's commits in a container up to version *upto*, the latest first, streaming."""
    rows = log.db.execute(
        f"SELECT position {_BY_AUTHOR.format('=')} AND stream = ? AND version <= ? ORDER BY version DESC",
        (_bytes(author), stream, upto),
    )
    return (row[0] for row in rows)


def _bytes(author: str) -> bytes:
    return author.encode("utf-8", "surrogatepass")
