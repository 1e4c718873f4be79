"""Pathspecs: the paths that PATH... on a command line means - a path with all below it, or a glob - and what touched them.

In a glob `*` and `?` match any bytes, `/` too, and `[...]` one of a set, as in git.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventstore.log.log import ROOT_ID, Log
from eventstore.model.batches import batches
from eventstore.model.events import ATTRIBUTES, TREE_KINDS, Kind, lifted
from eventstore.model.paths import ancestors
from projections.events.path_events import Touch, restates, touches
from projections.tree.view import Order, View
from projections.tree.walk import walk

AT_ONCE = 400
_MAGIC = re.compile(rb"[*?\[]")


class Selected(NamedTuple):
    """`paths` are those the log knows, by id; `above` gives, for the id of a directory above some, what to look for."""

    paths: dict[int, bytes]
    above: dict[int, list[bytes]]


def pattern(text: bytes) -> bytes:
    """Return what a user wrote as a pattern: without slashes at its ends, doubled ones, and parts that are a dot."""
    return b"/".join(part for part in text.split(b"/") if part not in (b"", b"."))


def is_glob(pattern: bytes) -> bool:
    return _MAGIC.search(pattern) is not None


def matcher(patterns: Sequence[bytes]) -> re.Pattern[bytes]:
    """Return what matches every path that one of *patterns* means."""
    return re.compile(b"|".join(b"(?:%b)" % _expression(pattern) for pattern in patterns), re.DOTALL)


def _expression(pattern: bytes) -> bytes:
    if is_glob(pattern):
        return fnmatch.translate(pattern.decode("latin-1")).encode("latin-1")
    return b"(?:%b(?:/.*)?\\Z)" % re.escape(pattern) if pattern else b".*\\Z"


def below(log: Log, path: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of *path* and of every path below it that an event was ever about, parents first."""
    path_id = log.path_id(path)
    if path_id is not None:
        yield from log.db.execute(
            "WITH RECURSIVE below (id, text) AS (SELECT ?1, ?2 UNION ALL SELECT p.id, "
            "CASE WHEN length(below.text) THEN CAST(below.text || '/' || p.name AS BLOB) ELSE p.name END "
            "FROM below JOIN path p ON p.parent = below.id) SELECT id, text FROM below",
            (path_id, path),
        )


def known(log: Log, patterns: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of every path that one of *patterns* means and that an event was ever about."""
    for pattern in patterns:
        if is_glob(pattern):
            matches = matcher([pattern]).match
            start = _MAGIC.split(pattern)[0].rpartition(b"/")[0]
            yield from ((path_id, path) for path_id, path in below(log, start) if matches(path))
        else:
            yield from below(log, pattern)


def touched_by_any(view: View, patterns: Sequence[bytes]) -> Iterator[Touch]:
    """Yield the events that touched what *patterns* mean, newest first: O(events about them), look-ups for each yielded."""
    if any(pattern == b"" for pattern in patterns):
        yield from (touch for touch in _everything(view) if not restates(view, touch))
        return
    selected = _selected(view, patterns)
    if len(patterns) == 1 and not is_glob(patterns[0]) and len(selected.paths) <= 1:
        yield from touches(view, patterns[0])
        return
    found: dict[Order, list[bytes] | None] = dict(_above(view, selected))
    found.update(_through_other_names(view, selected))
    found.update((order, None) for order in _direct(view, selected))
    for order in sorted(found, reverse=True):
        touch = _touch(view, order, found[order])
        if touch is not None:
            yield touch


def _everything(view: View) -> Iterator[Touch]:
    for rank in range(len(view.spans) - 1, -1, -1):
        span = view.spans[rank]
        cursor = view.log.db.execute(
            "SELECT * FROM event WHERE stream = ? AND version <= ? AND path IS NOT NULL ORDER BY version DESC",
            (span.stream, span.upto),
        )
        for event in map(lifted, cursor):
            yield Touch((rank, event.version), event, view.log.path_text(event.path or ROOT_ID))


def _selected(view: View, patterns: Sequence[bytes]) -> Selected:
    paths = dict(known(view.log, patterns))
    tops = [pattern for pattern in patterns if not is_glob(pattern)]
    if len(tops) < len(patterns):
        tops += [*paths.values(), *_moved_in(view, patterns)]
    above: dict[int, list[bytes]] = {}
    ids: dict[bytes, int | None] = {}
    for top in tops:
        for directory in ancestors(top):
            if directory not in ids:
                ids[directory] = view.log.path_id(directory)
            path_id = ids[directory]
            if path_id is not None and path_id not in paths:
                above.setdefault(path_id, []).append(top)
    return Selected(paths, above)


def _moved_in(view: View, patterns: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the paths that globs match only because a directory above them was moved: no event is about those."""
    matches = matcher(patterns).match
    for event in map(lifted, view.log.db.execute("SELECT * FROM event WHERE source IS NOT NULL")):
        order = view.order(event.stream, event.version)
        if order is not None:
            path = view.log.path_text(event.path or ROOT_ID)
            yield from (entry.path for entry in walk(view.after(order), path) if matches(entry.path))


def _direct(view: View, selected: Selected) -> Iterator[Order]:
    for column in ("path", "source"):
        for batch in batches(selected.paths, AT_ONCE):
            statement = f"SELECT stream, version FROM event WHERE {column} IN ({','.join('?' * len(batch))})"
            yield from filter(None, (view.order(*row) for row in view.log.db.execute(statement, batch)))


def _above(view: View, selected: Selected) -> Iterator[tuple[Order, list[bytes]]]:
    """Yield the events that hide or move a directory above some of the paths, and which to look for."""
    for path_id, tops in selected.above.items():
        rows = view.log.db.execute(
            "SELECT stream, version FROM event WHERE path = ?1 AND effect IN (1, 3) "
            "UNION SELECT stream, version FROM event WHERE source = ?1",
            (path_id,),
        ).fetchall()
        for order in filter(None, (view.order(*row) for row in rows)):
            yield order, tops


def _through_other_names(view: View, selected: Selected) -> Iterator[tuple[Order, list[bytes]]]:
    """Yield the attribute changes of selected files by names that are not, and the names that are."""
    if not _has_links(view):
        return
    for batch in batches(selected.paths, AT_ONCE):
        rows = view.log.db.execute(
            "SELECT a.stream, a.version, a.path, w.path FROM event w JOIN event a "
            f"ON a.node = coalesce(w.node, w.position) AND a.effect = {ATTRIBUTES} "
            f"WHERE w.path IN ({','.join('?' * len(batch))}) AND w.kind IN (1, 2)",
            batch,
        )
        for stream, version, path, name in rows.fetchall():
            order = view.order(stream, version)
            if order is not None and path not in selected.paths:
                yield order, [selected.paths[name]]


def _has_links(view: View) -> bool:
    statement = f"SELECT 1 FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream = ? LIMIT 1"
    return any(view.log.db.execute(statement, (span.stream,)).fetchone() for span in view.spans)


def _touch(view: View, order: Order, wanted: list[bytes] | None) -> Touch | None:
    """Return the touch at *order*; of an event about another path (*wanted* is given) only if it changed one of those."""
    row = view.log.db.execute(
        "SELECT * FROM event WHERE stream = ? AND version = ?", (view.spans[order[0]].stream, order[1])
    ).fetchone()
    event = lifted(row)
    if wanted is None:
        paths = [view.log.path_text(event.path or ROOT_ID)] if event.kind in TREE_KINDS else []
    else:
        before, now = view.before(order), view.after(order)
        paths = [path for path in wanted if before.lookup(path) != now.lookup(path)]
    return next((touch for path in paths if not restates(view, touch := Touch(order, event, path))), None)
