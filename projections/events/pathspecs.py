"""Pathspecs: the paths that PATH... on a command line means - a path with all below it, or a glob - and what touched them.

In a glob `*` and `?` match any bytes, `/` too, and `[...]` one of a set, as in git.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventstore.index import by_path, streams
from eventstore.index.paths import known_below, with_names
from eventstore.log.log import ROOT_ID, Log
from eventstore.log.path_table import PathTable
from eventstore.model.events import TREE_KINDS
from eventstore.model.paths import ancestors
from projections.events.path_events import Touch, restates, touches
from projections.tree.view import Order, View
from projections.tree.walk import walk

_MAGIC = re.compile(rb"[*?\[]")
_SETS = re.compile(rb"[*?]|\[!?.[^\]]*\]|\[", re.DOTALL)
"""What of a glob matches other bytes than its own."""


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


def known(log: Log, patterns: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of every path that one of *patterns* means and that an event was ever about."""
    for pattern in patterns:
        if is_glob(pattern):
            matches = matcher([pattern]).match
            start = _MAGIC.split(pattern)[0].rpartition(b"/")[0]
            yield from ((path_id, path) for path_id, path in known_below(log, start) if matches(path))
        else:
            yield from known_below(log, pattern)


def named(log: Log, names: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of every path whose base name is one of *names*, which may be globs, and that an event was ever about.

    One pass over the names that the log knows for each.
    """
    texts = PathTable(log)
    for name in names:
        literal = max(_SETS.split(name), key=len)
        for path_id in with_names(log, re.compile(_expression(name), re.DOTALL).match, literal):
            yield path_id, texts.text(path_id)


def may_lie_below(pattern: bytes, directory: bytes) -> bool:
    """Whether *pattern* can mean a path below *directory*."""
    start = _MAGIC.split(pattern)[0] if is_glob(pattern) else pattern and pattern + b"/"
    return start.startswith(directory + b"/") or (directory + b"/").startswith(start)


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
    for rank, span in reversed([*enumerate(view.spans)]):
        for event in streams.tree_events_down(view.log, span.stream, span.upto):
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
    for event in by_path.moves(view.log):
        order = view.order(event.stream, event.version)
        if order is not None:
            path = view.log.path_text(event.path or ROOT_ID)
            yield from (entry.path for entry in walk(view.after(order), path) if matches(entry.path))


def _direct(view: View, selected: Selected) -> Iterator[Order]:
    return filter(None, (view.order(*place) for place in by_path.places_of(view.log, selected.paths)))


def _above(view: View, selected: Selected) -> Iterator[tuple[Order, list[bytes]]]:
    """Yield the events that hide or move a directory above some of the paths, and which to look for."""
    for path_id, tops in selected.above.items():
        for order in filter(None, (view.order(*place) for place in by_path.places_hiding(view.log, path_id))):
            yield order, tops


def _through_other_names(view: View, selected: Selected) -> Iterator[tuple[Order, list[bytes]]]:
    """Yield the attribute changes of selected files by names that are not, and the names that are."""
    if not any(streams.has_links(view.log, span.stream) for span in view.spans):
        return
    for change in by_path.changes_of_shared(view.log, selected.paths):
        order = view.order(change.stream, change.version)
        if order is not None and change.path not in selected.paths:
            yield order, [selected.paths[change.name]]


def _touch(view: View, order: Order, wanted: list[bytes] | None) -> Touch | None:
    """Return the touch at *order*; of an event about another path (*wanted* is given) only if it changed one of those."""
    event = view.log.event(view.spans[order[0]].stream, order[1])
    if wanted is None:
        paths = [view.log.path_text(event.path or ROOT_ID)] if event.kind in TREE_KINDS else []
    else:
        before, now = view.before(order), view.after(order)
        paths = [path for path in wanted if before.lookup(path) != now.lookup(path)]
    return next((touch for path in paths if not restates(view, touch := Touch(order, event, path))), None)
