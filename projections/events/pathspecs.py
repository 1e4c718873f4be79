r"""Pathspecs: the paths that PATH... on a command line means - a path with all below it, or a glob - and what touched them.

What is or ever was at a path of exactly that name is meant as it stands, be there `[`, `*` or `\` in it; `:(literal)` and
`:(glob)` say which, as in git.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.index import by_path, streams
from eventstore.index.paths import known_below, with_names
from eventstore.log.log import ROOT_ID, Log
from eventstore.log.path_table import PathTable
from eventstore.model.events import TREE_KINDS
from eventstore.model.paths import ancestors, shown, split
from projections.events.globs import glob, longest_literal
from projections.events.path_events import Touch, restates, touches
from projections.tree.symlinks import ever_followed, follow
from projections.tree.view import Order, View
from projections.tree.walk import walk

MOST_NAMES = 1_000
_MAGIC = rb"(?s):\(([a-z, ]*)\)(.*)"


class Pathspec(NamedTuple):
    """`path` is meant with all below it; where there is an `expression` all that this matches, which begins with `path`.

    `written` is how it was asked for: a glob as a whole, a path before symlinks are followed.
    """

    path: bytes
    expression: bytes | None = None
    written: bytes = b""

    @property
    def is_glob(self) -> bool:
        return self.expression is not None


class Selected(NamedTuple):
    """`paths` are those the log knows, by id; `above` gives, for the id of a directory above some, what to look for."""

    paths: dict[int, bytes]
    above: dict[int, list[bytes]]


def of_text(log: Log, text: bytes) -> Pathspec:
    """Return what *text* means in a log; raise InvalidError for magic that is neither `:(literal)` nor `:(glob)`."""
    return parsed(text, lambda path: was_ever(log, path))


def parsed(text: bytes, is_known: Callable[[bytes], bool]) -> Pathspec:
    """As `of_text`, where a path is meant as it stands if it *is_known*."""
    magic, rest = _magic(text)
    path = b"/".join(part for part in rest.split(b"/") if part not in (b"", b"."))
    found = glob(path, by_parts=magic == b"glob")
    if magic == b"literal" or (not magic and found != (path, None) and is_known(path)):
        return Pathspec(path, None, path)
    return Pathspec(*found, found.start if found.expression is None else text)


def in_view(view: View, text: bytes) -> list[Pathspec]:
    """Return what *text* means in a view: the path that its symlinks lead to, that of its last part only where a slash stands
    behind it; then the very path, too, where something ever was there.
    """
    found = of_text(view.log, text)
    if found.is_glob:
        return [found]
    led = follow(view, found.path, last=text.endswith(b"/"))
    as_written = [found] if led != found.path and was_ever(view.log, found.path) else []
    return [found._replace(path=led), *as_written]


def anywhere(log: Log, text: bytes) -> list[Pathspec]:
    """Return what *text* means in some view of the log: as it is written, and where symlinks on its way ever led."""
    found = of_text(log, text)
    ways = [] if found.is_glob else ever_followed(log, found.path, last=text.endswith(b"/"))
    return [found, *(found._replace(path=led) for led in ways if led != found.path)]


def _magic(text: bytes) -> tuple[bytes, bytes]:
    """Return the word before a pathspec, b"" where there is none, and the rest."""
    match = re.fullmatch(_MAGIC, text)
    if match is None:
        return b"", text
    if match[1] not in (b"literal", b"glob"):
        raise InvalidError(f"{shown(text)}: write :(literal)PATH for a name as it stands, :(glob)PATTERN for one by its parts")
    return match[1], match[2]


def was_ever(log: Log, path: bytes) -> bool:
    """Whether an event was ever about *path*, or about what lies below it, under this name or the one before a move above it:
    O(depth) look-ups, and O(moves).
    """
    if log.path_id(path) is not None:
        return True
    moves = [(log.path_text(event.path or ROOT_ID), event.target or b"") for event in by_path.moves(log)]
    waiting, seen = [path], {path}
    while waiting:
        here = waiting.pop()
        earlier = {source + here[len(name) :] for name, source in moves if here.startswith(name + b"/")} - seen
        if any(log.path_id(before) is not None for before in earlier):
            return True
        seen |= earlier
        waiting += earlier if len(seen) < MOST_NAMES else ()
    return False


def matcher(patterns: Sequence[Pathspec]) -> re.Pattern[bytes]:
    """Return what matches every path that one of *patterns* means."""
    return re.compile(b"|".join(b"(?:%b)" % _expression(pattern) for pattern in patterns), re.DOTALL)


def _expression(pattern: Pathspec) -> bytes:
    if pattern.expression is not None:
        return pattern.expression
    return b"(?:%b(?:/.*)?\\Z)" % re.escape(pattern.path) if pattern.path else b".*\\Z"


def matched(log: Log, pattern: Pathspec, view: View | None, most: int) -> list[bytes]:
    """Return the first *most* of the paths that a glob matches and that an event was ever about, of *view* where it is given;
    of very many only the first are looked at.
    """
    found = islice(known(log, [pattern]), MOST_NAMES)
    return [path for _, path in islice((one for one in found if view is None or _is_of(view, one[0])), most)]


def _is_of(view: View, path_id: int) -> bool:
    return any(view.order(*place) is not None for place in by_path.places_of(view.log, [path_id]))


def known(log: Log, patterns: Sequence[Pathspec]) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of every path that one of *patterns* means and that an event was ever about."""
    for pattern in patterns:
        if pattern.is_glob:
            matches = matcher([pattern]).match
            start = pattern.path.rpartition(b"/")[0]
            yield from ((path_id, path) for path_id, path in known_below(log, start) if matches(path))
        else:
            yield from known_below(log, pattern.path)


def named(log: Log, names: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (id, path) of every path whose base name is one of *names*, which may be globs, and that an event was ever about.

    What bears exactly such a name is meant by it.  One pass over the names that the log knows for each, two for a glob.
    """
    texts = PathTable(log)
    for name in names:
        for path_id in _bearers(log, name):
            yield path_id, texts.text(path_id)


def _bearers(log: Log, name: bytes) -> list[int]:
    wanted = parsed(name, lambda _: False)
    exactly = list(with_names(log, name.__eq__, name))
    if exactly or (not wanted.is_glob and wanted.path == name):
        return exactly
    literal = longest_literal(_magic(name)[1]) if wanted.is_glob else wanted.path
    return list(with_names(log, matcher([wanted]).match, literal))


def may_lie_below(pattern: Pathspec, directory: bytes) -> bool:
    """Whether *pattern* can mean a path below *directory*."""
    start = pattern.path if pattern.is_glob else pattern.path and pattern.path + b"/"
    return start.startswith(directory + b"/") or (directory + b"/").startswith(start)


def touched_by_any(view: View, patterns: Sequence[Pathspec]) -> Iterator[Touch]:
    """Yield the events that touched what *patterns* mean, newest first: O(events about them), look-ups for each yielded."""
    if any(not pattern.path and not pattern.is_glob for pattern in patterns):
        yield from (touch for touch in _everything(view) if not restates(view, touch))
        return
    selected = _selected(view, patterns)
    if len(patterns) == 1 and not patterns[0].is_glob and len(selected.paths) <= 1:
        yield from touches(view, patterns[0].path)
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


def _selected(view: View, patterns: Sequence[Pathspec]) -> Selected:
    paths = dict(known(view.log, patterns))
    tops = [pattern.path for pattern in patterns if not pattern.is_glob]
    if len(tops) < len(patterns):
        tops += [*paths.values(), *_moved_in(view, patterns)]
    above: dict[int, list[bytes]] = {}
    ids: dict[bytes, int | None] = {b"": ROOT_ID}
    for top in tops:
        for directory in ancestors(top):
            if directory not in ids:
                parent, name = split(directory)
                above_id = ids[parent]
                ids[directory] = None if above_id is None else view.log.child_id(above_id, name)
            path_id = ids[directory]
            if path_id is not None and path_id not in paths:
                above.setdefault(path_id, []).append(top)
    return Selected(paths, above)


def _moved_in(view: View, patterns: Sequence[Pathspec]) -> Iterator[bytes]:
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
