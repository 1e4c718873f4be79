"""Provenance: which images came from elsewhere, which were ever removed, what was made from one or built of what."""

from collections.abc import Iterator

from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, Event, Kind

_OF_STREAM = "FROM event e JOIN stream s ON s.id = e.stream WHERE e.path IS NULL"
_BASED = f"SELECT s.name {_OF_STREAM} AND e.kind = {Kind.CONTAINER_CREATED:d} AND json_extract(e.detail, "


def arrived(log: Log) -> Iterator[tuple[str, int]]:
    """Yield (id, position of its first arrival) of every image taken from elsewhere, removed or not: O(arrivals)."""
    return log.db.execute(
        f"SELECT s.name, min(e.position) {_OF_STREAM} AND e.kind IN {tuple(map(int, ARRIVALS))} GROUP BY e.stream"
    )


def ever_removed(log: Log) -> list[str]:
    """Return the ids of the images that were ever removed, brought back or not, in no order: O(removals)."""
    return log.column(f"SELECT DISTINCT s.name {_OF_STREAM} AND e.kind = {Kind.IMAGE_REMOVED:d}")


def containers_on(log: Log, image: str) -> list[str]:
    """Return the ids of the containers that were made from an image taken from elsewhere, removed ones too: O(containers)."""
    return log.column(f"{_BASED}'$.base.image') = ?", (image,))


def containers_from(log: Log, container: str, version: int) -> list[str]:
    """Return the ids of the containers that were made from a container at *version*, removed ones too: O(containers)."""
    statement = f"{_BASED}'$.base.container') = ? AND json_extract(e.detail, '$.base.version') = ?"
    return log.column(statement, (container, version))


# -- steps of builds


_STEPS = f"SELECT * FROM event WHERE path IS NULL AND kind = {Kind.STEP_BUILT:d}"


def step_with(log: Log, key: bytes) -> Event | None:
    """Return the latest step with that key: O(steps ever built)."""
    rows = log.db.execute(f"{_STEPS} AND content = ? ORDER BY position DESC LIMIT 1", (key,))
    return next(map(Event._make, rows), None)


def step_like(log: Log, stage: str, number: int, instruction: str) -> Event | None:
    """Return the latest step of the same instruction in a stage of that name, else the latest one of the same number there.

    O(steps ever built).
    """
    rows = log.db.execute(
        f"{_STEPS} AND json_extract(detail, '$.stage') = ? AND "
        "(json_extract(detail, '$.instruction') = ? OR json_extract(detail, '$.number') = ?) "
        "ORDER BY json_extract(detail, '$.instruction') = ? DESC, position DESC LIMIT 1",
        (stage, instruction, number, instruction),
    )
    return next(map(Event._make, rows), None)
