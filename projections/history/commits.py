"""Commits: what a seal says, who sealed it, what it is called, where it went; and those that a view stands on."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind, lifted
from eventstore.model.facts import Departure, Seal
from projections.events.records import Record, Records
from projections.images import images
from projections.oci.config import History, history, parse_config
from projections.refs.references import Target, base_image, containers_under
from projections.tree import lineage

_SEALS = f"path IS NULL AND kind = {Kind.COMMITTED:d}"


class Commit(NamedTuple):
    """A seal over the events first..last of a container's stream; `author` is the claimed one, `id` 64 hex digits."""

    id: str
    container: str
    first: int
    last: int
    parent: str | None
    author: str | None
    message: str
    record: Record

    @property
    def time(self) -> int:
        return self.record.time

    @property
    def position(self) -> int:
        return self.record.event.position


class ImageLayer(NamedTuple):
    """A layer that came with an image taken from elsewhere: the `number`th of `total` from below; `built` is the image's
    own word.
    """

    image: str
    number: int
    total: int
    diff_id: str
    built: History
    arrival: Record

    @property
    def top(self) -> bool:
        return self.number == self.total


class Sent(NamedTuple):
    """An image on its way out: `how` is save or push."""

    how: str
    where: str
    record: Record


def of_seal(records: Records, seal: Event) -> Commit:
    return _of_record(records.of(seal))


def of_seals(records: Records, seals: Iterable[Event]) -> Iterator[Commit]:
    """Yield the commit of each seal, streaming."""
    return map(_of_record, records.each(seals))


def _of_record(record: Record) -> Commit:
    event, seal = record.event, Seal.of(record.event)
    return Commit(event.commit, record.name, seal.first, event.version, seal.parent, seal.author, seal.message or "", record)


def sealing(log: Log, stream: int, version: int) -> Event | None:
    """Return the seal that closes over an event of a container's stream, or None where it is not yet sealed."""
    row = log.db.execute(
        f"SELECT * FROM event WHERE {_SEALS} AND stream = ? AND version >= ? ORDER BY version LIMIT 1", (stream, version)
    ).fetchone()
    return lifted(row) if row else None


def over(records: Records, positions: Iterable[int]) -> dict[int, Commit]:
    """Return the commits that close over the events at *positions*, by those; what is not sealed is left out."""
    db = records.log.db
    closing = dict(
        db.execute(
            f"SELECT e.position, (SELECT position FROM event WHERE {_SEALS} AND stream = e.stream AND version >= e.version "
            "ORDER BY version LIMIT 1) FROM event e WHERE e.position IN (SELECT value FROM json_each(?))",
            (json.dumps(list(positions)),),
        ).fetchall()
    )
    wanted = "SELECT * FROM event WHERE position IN (SELECT value FROM json_each(?))"
    seals = map(lifted, db.execute(wanted, (json.dumps(list({*closing.values()} - {None})),)).fetchall())
    found = {commit.position: commit for commit in of_seals(records, seals)}
    return {position: found[seal] for position, seal in closing.items() if seal is not None}


def seals_down(log: Log, stream: int, version: int) -> Iterator[Event]:
    """Yield a container's seals up to *version*, newest first, streaming."""
    cursor = log.db.execute(
        f"SELECT * FROM event WHERE {_SEALS} AND stream = ? AND version <= ? ORDER BY version DESC", (stream, version)
    )
    return map(lifted, cursor)


def newest(log: Log) -> Iterator[Event]:
    """Yield every container's seals, newest first, streaming."""
    rows = log.db.execute(f"SELECT * FROM event INDEXED BY event_commit WHERE {_SEALS} ORDER BY position DESC")
    return map(lifted, rows)


def authors(log: Log) -> Iterator[str]:
    """Yield the distinct claimed authors of commits: one index look-up each.

    The + keeps SQLite from converting the indexed side, so that the index serves; bytes, as not every author is UTF-8.
    """
    found: bytes | None = b""
    while True:
        row = log.db.execute(
            "SELECT CAST(min(json_extract(detail, '$.author')) AS BLOB) FROM event INDEXED BY event_author "
            f"WHERE {_SEALS} AND json_extract(detail, '$.author') > +CAST(? AS TEXT)",
            (found,),
        ).fetchone()
        found = row[0]
        if found is None:
            return
        yield found.decode("utf-8", "surrogatepass")


def by_author(log: Log, author: str, stream: int | None = None, version: int = lineage.LIVE) -> Iterator[int]:
    """Yield the positions of one author's commits; those of one container up to *version*, newest first, where it is given."""
    which, values = "", tuple[int, ...]()
    if stream is not None:
        which, values = " AND stream = ? AND version <= ? ORDER BY version DESC", (stream, version)
    rows = log.db.execute(
        f"SELECT position FROM event INDEXED BY event_author WHERE {_SEALS} "
        f"AND json_extract(detail, '$.author') = +CAST(? AS TEXT){which}",
        (author.encode("utf-8", "surrogatepass"), *values),
    )
    return (row[0] for row in rows)


# -- what a view stands on


def commits_under(log: Log, target: Target) -> Iterator[Commit]:
    """Yield the commits that the target's view stands on, newest first."""
    records = Records(log)
    for stream, version in containers_under(log, target):
        yield from of_seals(records, seals_down(log, stream, version))


def image_layers_under(log: Log, content: Content, target: Target) -> list[ImageLayer]:
    """Return the imported layers that the target's view stands on, the uppermost first."""
    image = base_image(log, target)
    return [] if image is None else image_layers(log, content, image)[::-1]


def image_layers(log: Log, content: Content, image: str) -> list[ImageLayer]:
    """Return the layers of an image taken from elsewhere, lowest first, with what its build history says of each."""
    config = parse_config(images.original_config(log, content, image), "config")
    built = [step for step in history(config) if not step.empty_layer]
    arrival = Records(log).of(lineage.arrival(log, image))
    layers = lineage.layers_of(log, image)
    built += [History()] * (len(layers) - len(built))
    pairs = enumerate(zip(layers, built, strict=False), 1)
    return [ImageLayer(image, number, len(layers), diff_id, step, arrival) for number, (diff_id, step) in pairs]


# -- what became of an image


def sent(log: Log, image: str) -> Iterator[Sent]:
    """Yield where the image went, oldest first."""
    stream = log.stream("image", image)
    records = Records(log)
    for kind, how in ((Kind.IMAGE_SAVED, "save"), (Kind.IMAGE_PUSHED, "push")):
        for event in log.of_kind(kind, stream.id) if stream else ():
            record = records.of(event)
            yield Sent(how, Departure.of(event).destination, record)
