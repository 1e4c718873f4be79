"""Which events a subscriber wants, and those among the events in the global order."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.events import Kind, lifted
from eventstore.log import Log
from eventstore.paths import shown
from projections.logbook import Matches, actor_text
from projections.names import image_name, local
from projections.pathspecs import matcher
from projections.records import Record, Records

AT_ONCE = 5_000
KEYS = ("stream", "kind", "path", "author", "actor")
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{2,64})")


class Wanted(NamedTuple):
    """What an event must be; None: anything.  Several of one key are alternatives, different keys must all hold."""

    streams: frozenset[int] | None = None
    kinds: frozenset[int] | None = None
    path: re.Pattern[bytes] | None = None
    author: tuple[Matches, ...] = ()
    actor: tuple[Matches, ...] = ()

    def keeps(self, record: Record) -> bool:
        return (
            (self.path is None or (record.path is not None and self.path.match(record.path) is not None))
            and (not self.author or any(matches(record.author or "") for matches in self.author))
            and (not self.actor or any(matches(actor_text(record)) for matches in self.actor))
        )


def wanted(log: Log, filters: Sequence[str], pattern: Callable[[str, str], Matches]) -> Wanted:
    """Return what KEY=VALUE filters ask for; *pattern* makes matchers of regular expressions.

    Raise InvalidError for a key or kind that is none, NotFoundError for a stream that is not there.
    """
    values: dict[str, list[str]] = {key: [] for key in KEYS}
    for text in filters:
        key, mark, value = text.partition("=")
        if not mark or key not in KEYS:
            raise InvalidError(f"filter {shown(text)!r}: write KEY=VALUE with one of the keys {', '.join(KEYS)}")
        values[key].append(value)
    streams = frozenset(stream for value in values["stream"] for stream in _streams(log, value))
    return Wanted(
        streams if values["stream"] else None,
        frozenset(map(_kind, values["kind"])) if values["kind"] else None,
        matcher([_path(value) for value in values["path"]]) if values["path"] else None,
        tuple(pattern(value, "--filter author=") for value in values["author"]),
        tuple(pattern(value, "--filter actor=") for value in values["actor"]),
    )


def _kind(text: str) -> int:
    for kind in Kind:
        if text.lower() in (kind.title.lower(), kind.name.lower()):
            return int(kind)
    raise InvalidError(f"no kind of event {shown(text)!r}; there are {', '.join(kind.title for kind in Kind)}")


def _path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape").strip(b"/")


def _streams(log: Log, text: str) -> list[int]:
    """Return the streams that *text* means: a kind of stream, a container's name, a tag, or the beginning of an id."""
    rows = log.db.execute("SELECT id FROM stream WHERE kind = ?", (text,)).fetchall()
    rows += log.db.execute(
        "SELECT DISTINCT stream FROM event WHERE json_extract(detail, '$.name') = ? AND kind IN (20, 21) AND path IS NULL", (text,)
    ).fetchall()
    match = _HEX.fullmatch(text)
    if match is not None:
        for kind in ("container", "image", "layer"):
            rows += log.db.execute(
                "SELECT id FROM stream WHERE kind = ? AND name >= ? AND name < ?", (kind, match[1], match[1] + "g")
            ).fetchall()
    found = [row[0] for row in rows] + _tags(log, text)
    if not found:
        raise NotFoundError(f"no stream {shown(text)!r}: give a container, tag, id or one of container, layer, image, tag, store")
    return found


def _tags(log: Log, text: str) -> list[int]:
    try:
        name = image_name(text)
    except InvalidError:
        return []
    streams = (log.stream("tag", str(full)) for full in (name, local(name)))
    return [stream.id for stream in streams if stream is not None]


def select(log: Log, wanted: Wanted, first: int, last: int) -> Iterator[Record]:
    """Yield the wanted events with first <= position <= last in order; between batches others may write and collect."""
    records = Records(log)
    while first <= last:
        end = min(first + AT_ONCE - 1, last)
        for row in log.db.execute(*_statement(wanted, first, end)).fetchall():
            record = records.of(lifted(row))
            if wanted.keeps(record):
                yield record
        first = end + 1


def _statement(wanted: Wanted, first: int, last: int) -> tuple[str, list[int]]:
    where, values = "position BETWEEN ? AND ?", [first, last]
    for column, allowed in (("stream", wanted.streams), ("kind", wanted.kinds)):
        if allowed is not None:
            where += f" AND +{column} IN ({','.join('?' * len(allowed))})"
            values += sorted(allowed)
    return f"SELECT * FROM event WHERE {where} ORDER BY position", values
