"""Which events a subscriber wants, and those among the events in the global order."""

import re
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.index.changesets import selected
from eventstore.index.names import bearers
from eventstore.log.log import Log
from eventstore.model.events import TREE_KINDS, Kind
from eventstore.model.paths import as_bytes, shown
from projections.events.node_tests import Mode, parse_mode
from projections.events.pathspecs import Pathspec, anywhere, known, matcher
from projections.events.records import Matches, PeopleFilter, Record, Records, any_of
from projections.refs import suggestions
from projections.refs.references import id_prefix
from projections.refs.tags import spellings

AT_ONCE = 5_000
FEW = 100
STREAM_KINDS = ("container", "layer", "image", "tag", "store")
KEYS = {
    "stream": "|".join(("CONTAINER", "IMAGE", "ID", *STREAM_KINDS)),
    "kind": "|".join(kind.title for kind in Kind),
    "path": "PATH|GLOB",
    "mode": "MODE",
    "author": "AUTHOR|PATTERN",
    "actor": "PATTERN",
}
"""The keys of filters, and what the value of each is: words in capitals stand for such things, others for themselves."""


class Wanted(NamedTuple):
    """What an event must be; None or empty: anything.  Several of one key are alternatives, different keys must all hold.

    Streams are asked for one by one (`streams`, numbers) or all of a kind (`stream_kinds`), those to come included.
    """

    streams: frozenset[int] = frozenset()
    stream_kinds: frozenset[str] = frozenset()
    kinds: frozenset[int] = frozenset()
    patterns: tuple[Pathspec, ...] = ()
    path: re.Pattern[bytes] | None = None
    who: PeopleFilter = PeopleFilter()
    modes: tuple[Mode, ...] = ()

    def keeps(self, record: Record) -> bool:
        return (
            self._keeps_stream(record)
            and self._keeps_mode(record)
            and self._keeps_path(record)
            and self.who.did(record, record.author)
        )

    def _keeps_mode(self, record: Record) -> bool:
        """Of what gives a node a mode, whatever the event; a symlink's own means nothing."""
        mode = record.event.mode
        sets = mode and record.event.kind in TREE_KINDS and not stat.S_ISLNK(mode)
        return not self.modes or bool(sets and any(one.fits(mode) for one in self.modes))

    def _keeps_path(self, record: Record) -> bool:
        """Of a move, where from counts too."""
        source = record.event.target if record.event.kind == Kind.PATH_MOVED else None
        return self.path is None or any(self.path.match(path) for path in (record.path, source) if path is not None)

    def _keeps_stream(self, record: Record) -> bool:
        anything = not self.streams and not self.stream_kinds
        return anything or record.kind in self.stream_kinds or record.event.stream in self.streams


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
    patterns = tuple(spec for value in values["path"] for spec in anywhere(log, as_bytes(value)))
    return Wanted(
        frozenset(stream for value in values["stream"] if value not in STREAM_KINDS for stream in _streams(log, value)),
        frozenset(values["stream"]).intersection(STREAM_KINDS),
        frozenset(map(_kind, values["kind"])),
        patterns,
        matcher(patterns) if patterns else None,
        PeopleFilter(*(any_of([pattern(value, f"--filter {key}=") for value in values[key]]) for key in PeopleFilter._fields)),
        tuple(parse_mode(value, "filter mode=") for value in values["mode"]),
    )


def _kind(text: str) -> int:
    for kind in Kind:
        if text.lower() in (kind.title.lower(), kind.name.lower()):
            return int(kind)
    raise InvalidError(f"no kind of event {shown(text)!r}; there are {', '.join(kind.title for kind in Kind)}")


def _streams(log: Log, text: str) -> list[int]:
    """Return the streams that *text* means: a container's name, a tag, or the beginning of an id."""
    prefix = id_prefix(text)
    named = [("tag", full) for full in spellings(text)]
    for kind in ("container", "image", "layer") if prefix is not None else ():
        named += [(kind, name) for name in log.beginning(kind, prefix or "")]
    streams = (log.stream(kind, name) for kind, name in named)
    found = [stream for stream, _ in bearers(log, text)] + [stream.id for stream in streams if stream is not None]
    if not found:
        step = suggestions.instead(log, text) or f"give a container, a tag, an id, or one of {', '.join(STREAM_KINDS)}"
        raise NotFoundError(f"no stream {shown(text)!r}: {step}")
    return found


def select(log: Log, wanted: Wanted, first: int, last: int) -> Iterator[Record]:
    """Yield the wanted events with first <= position <= last in order; between batches others may write and collect."""
    records, paths = Records(log), _few_paths(log, wanted)
    streams = frozenset() if wanted.stream_kinds or len(wanted.streams) > FEW else wanted.streams
    for start in range(first, last + 1, AT_ONCE):
        end = min(start + AT_ONCE - 1, last)
        found = selected(log, start, end, streams=streams, kinds=wanted.kinds, paths=paths)
        yield from filter(wanted.keeps, map(records.of, found))


def _few_paths(log: Log, wanted: Wanted) -> list[int]:
    """Return the ids of the paths that are wanted, for the log to choose by; [] where they are all or many.

    Complete for the events that are there by now: ask again for later ones.
    """
    found = [path_id for path_id, _ in islice(known(log, wanted.patterns), FEW + 1)]
    return [] if not wanted.patterns or len(found) > FEW else found or [0]
