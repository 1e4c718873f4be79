"""Interned paths: the ids of names in directories, and the keys that sort paths in tree order."""

from collections.abc import Callable, Iterator, Sequence

from eventstore.log.log import Log
from eventstore.log.path_table import PathTable
from eventstore.model.paths import MAX_NAME

AT_ONCE = 200


def child_names(log: Log, parent: int, begun: bytes = b"") -> Iterator[bytes]:
    """Yield each name in a directory that begins so and that an event was ever about, in no order: O(such names)."""
    last = begun + b"\xff" * MAX_NAME
    rows = log.db.execute("SELECT name FROM path WHERE parent = ? AND name BETWEEN ? AND ?", (parent, begun, last))
    return (row[0] for row in rows)


def with_names(log: Log, matches: Callable[[bytes], object], literal: bytes) -> Iterator[int]:
    """Yield the id of every path whose last name *matches*, which is asked of names that hold *literal* alone, in no order:
    one pass over the names that events were ever about.
    """
    rows = log.db.execute("SELECT id, name FROM path WHERE instr(name, ?) AND parent", (literal,))
    return (path_id for path_id, name in rows if matches(name))


def known_below(log: Log, path: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of *path* and of every path below it that an event was ever about, parents first: O(those)."""
    path_id = log.path_id(path)
    if path_id is not None:
        yield from log.db.execute(
            "WITH RECURSIVE below (id, text) AS (SELECT ?1, ?2 UNION ALL SELECT p.id, "
            "CASE WHEN length(below.text) THEN CAST(below.text || '/' || p.name AS BLOB) ELSE p.name END "
            "FROM below JOIN path p ON p.parent = below.id) SELECT id, text FROM below",
            (path_id, path),
        )


def with_keys(log: Log, ids: Sequence[int]) -> Iterator[tuple[bytes, int]]:
    """Yield (tree order key, id) of each of *ids*, in their order: a look-up each, and one for each directory on the way."""
    key_of = PathTable(log).key
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        rows = log.db.execute(f"SELECT id, parent, name FROM path WHERE id IN ({','.join('?' * len(batch))})", batch)
        keys = {path_id: key_of(parent, name) for path_id, parent, name in rows.fetchall()}
        yield from ((keys[path_id], path_id) for path_id in batch)
