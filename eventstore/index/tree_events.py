"""What events say of one path: what it is, what they hide below it, and when it moved away."""

from collections.abc import Iterable, Iterator, Sequence

from eventstore.log.log import Log
from eventstore.model.events import HIDES, HIDING, NAMES, NAMING, PUTS_DIRECTORY, Event, Kind

Hiding = tuple[int, int, int]
"""(stream, version, position) of an event that hides what was below a path; the position is 0 but for a move to there."""

_LATEST = (
    "SELECT * FROM (SELECT * FROM event WHERE path = ?1 AND effect = {:d} AND stream = ?2 AND version <= ?3 "
    "ORDER BY version DESC LIMIT 1)"
)
_LATEST_NAMING = f"{_LATEST.format(NAMES)} UNION ALL {_LATEST.format(PUTS_DIRECTORY)}"
_MOVE = f"CASE kind WHEN {Kind.PATH_MOVED:d} THEN position ELSE 0 END"
_HIDES = f"effect IN {HIDING}"
_LATEST_HIDING = (
    f"SELECT stream, version, {_MOVE} FROM ({_LATEST.format(NAMES)} UNION ALL {_LATEST.format(HIDES)}) UNION ALL "
    "SELECT * FROM (SELECT stream, version, 0 FROM event WHERE source = ?1 AND stream = ?2 AND version <= ?3 "
    "ORDER BY version DESC LIMIT 1)"
)
_LAST_MOVED_AWAY = "SELECT max(version) FROM event WHERE source = ? AND stream = ? AND version <= ?"


def latest_naming(log: Log, path_id: int, stream: int, upto: int) -> Iterator[Event]:
    """Yield, in no order, the stream's latest events up to version *upto* that name the path and that put a directory there.

    Two index look-ups, however often the path was written.
    """
    return map(Event._make, log.db.execute(_LATEST_NAMING, (path_id, stream, upto)))


def hiding(log: Log, ids: Sequence[int], most: int) -> list[Hiding] | None:
    """Return, in no order, all that hides something below the paths *ids*, or None where that is more than *most*.

    Two look-ups for each path, and what they find up to *most*.
    """
    marks = ",".join("?" * len(ids))
    found: list[Hiding] = log.db.execute(
        f"SELECT stream, version, {_MOVE} FROM event WHERE path IN ({marks}) AND {_HIDES} "
        f"UNION ALL SELECT stream, version, 0 FROM event WHERE source IN ({marks}) LIMIT {most + 1}",
        (*ids, *ids),
    ).fetchall()
    return found if len(found) <= most else None


def latest_hiding(log: Log, path_id: int, stream: int, upto: int) -> Iterator[Hiding]:
    """Yield, in no order, the stream's latest events up to version *upto* that hide something below the path.

    Three index look-ups: one for each way of hiding.
    """
    yield from log.db.execute(_LATEST_HIDING, (path_id, stream, upto))


def last_moved_away(log: Log, path_id: int, stream: int, upto: int) -> int | None:
    """Return the version, up to *upto*, at which the stream last moved the path away, or None: one index look-up."""
    return log.number(_LAST_MOVED_AWAY, (path_id, stream, upto))


def moves_from(log: Log, ids: Sequence[int]) -> list[Event]:
    """Return, in no order, every event that moved one of the paths away: a look-up for each path, and the events."""
    rows = log.db.execute(f"SELECT * FROM event WHERE source IN ({','.join('?' * len(ids))})", ids)
    return list(map(Event._make, rows))


def streams_about(log: Log, path_id: int, effects: Iterable[int] = NAMING) -> list[int]:
    """Return the streams that hold an event of one of *effects* about the path, of each effect in the order of their ids.

    One index look-up for each stream and effect, whatever the streams' length.
    """
    return [
        row[0]
        for effect in effects
        for row in log.db.execute(
            "WITH RECURSIVE hop (stream) AS (SELECT min(stream) FROM event WHERE path = ?1 AND effect = ?2 UNION ALL "
            "SELECT (SELECT min(stream) FROM event WHERE path = ?1 AND effect = ?2 AND stream > hop.stream) "
            "FROM hop WHERE hop.stream IS NOT NULL) SELECT stream FROM hop WHERE stream IS NOT NULL",
            (path_id, effect),
        )
    ]
