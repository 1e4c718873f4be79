"""The images to list, what stands on each of them, and how large they are: without a fold over the commits."""

from collections.abc import Iterator, Sequence
from functools import cache

from eventstore.log.log import Log
from eventstore.model.events import Kind, lifted
from eventstore.model.facts import Base, ImageBase
from projections.images import images
from projections.images.images import Image
from projections.layers import layers
from projections.refs import containers, tags
from projections.tree import lineage

_FIRST = (
    f"(SELECT stream, min(version) AS version FROM event WHERE path IS NULL AND kind = {Kind.COMMITTED:d} GROUP BY stream) f "
    "JOIN event e ON e.stream = f.stream AND e.version = f.version"
)
_LAST = _FIRST.replace("min(", "max(")


def listed(log: Log) -> Iterator[Image]:
    """Yield, newest first, the images that have a name and those that no other was made from, removed ones left out.

    O(names + containers + images taken from elsewhere), however many commits the containers hold.
    """
    named, made_from = tags.current(log), parents(log)
    heads = (images.of_seal(lifted(row)) for row in log.db.execute(f"SELECT e.* FROM {_LAST}"))
    found = {image.id: image for image in (*images.arrived(log), *heads) if image.id in named or image.id not in made_from}
    for name in named.keys() - found.keys():
        found[name] = images.get(log, name)
    yield from (image for image in images.newest_first(log, found.values()) if not image.removed)


def parents(log: Log) -> set[str]:
    """Return what each container's first commit was made on.  A later one is made on the one before it, which is left out."""
    rows = log.db.execute(f"SELECT json_extract(e.detail, '$.parent') FROM {_FIRST}")
    return {row[0] for row in rows if row[0]}


def children(log: Log, image: Image) -> list[str]:
    """Return the images, removed ones left out, that were made directly on *image*: O(containers)."""
    rows = log.db.execute(
        f"SELECT e.id FROM {_FIRST} WHERE json_extract(e.detail, '$.parent') = ?", (image.id,)
    ).fetchall()
    if image.seal is not None:
        rows += log.db.execute(
            f"SELECT id FROM event WHERE path IS NULL AND kind = {Kind.COMMITTED:d} AND stream = ? AND version > ? "
            "ORDER BY version LIMIT 1",
            (image.seal.stream, image.seal.version),
        ).fetchall()
    return [row[0].hex() for row in rows if not images.get(log, row[0].hex()).removed]


def users(log: Log, image: Image) -> list[str]:
    """Return the ids of the live containers that stand directly on *image*: O(containers)."""
    base: tuple[str | int, ...] = (image.id,)
    where = "json_extract(e.detail, '$.base.image') = ?"
    if image.seal is not None:
        base = (log.stream_of(image.seal.stream).name, image.seal.version)
        where = "json_extract(e.detail, '$.base.container') = ? AND json_extract(e.detail, '$.base.version') = ?"
    rows = log.db.execute(
        "SELECT s.name FROM event e JOIN stream s ON s.id = e.stream "
        f"WHERE e.path IS NULL AND e.kind = {Kind.CONTAINER_CREATED:d} AND {where}",
        base,
    ).fetchall()
    return [name for (name,) in rows if not containers.get(log, name).removed]


def sizes(log: Log, found: Sequence[Image]) -> dict[str, int]:
    """Return image id -> the bytes that its layers hold: tar bytes of imported ones, file bytes written in those born here.

    One pass over the events of each container involved, however many images of it there are.
    """
    chains = {image.id: images.containers_under(log, image) for image in found}
    written = _written(log, {point for chain in chains.values() for point in chain})

    @cache
    def below(container: int) -> int:
        return _layers_size(log, lineage.base_of(log, container))

    return {
        image: (below(chain[-1][0]) if chain else _layers_size(log, ImageBase(image))) + sum(written[point] for point in chain)
        for image, chain in chains.items()
    }


def _layers_size(log: Log, base: Base) -> int:
    return sum(images.layer_size(log, layer) for layer in layers.of_base(log, base))


def _written(log: Log, points: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the bytes written to files in a stream's events 1..version, for each (stream, version)."""
    found: dict[tuple[int, int], int] = {}
    last = total = version = 0
    for stream, upto in sorted(points):
        if stream != last:
            last, total, version = stream, 0, 0
        total += images.bytes_written(log, stream, version + 1, upto)
        version = upto
        found[stream, upto] = total
    return found
