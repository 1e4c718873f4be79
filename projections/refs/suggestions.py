"""Suggestions: what a reference that names nothing was perhaps meant to be; asked on the way to an error alone."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from eventstore.index import names
from eventstore.index.names import container_named, tag_target
from eventstore.log.log import Log
from eventstore.model.events import Event
from eventstore.model.paths import shown
from projections.refs.tags import shown_names, spellings

MOST = 2_000
"""So many names of containers and of tags are compared, and no text that is longer than names are."""
LONGEST = 300
FEW, SLASHES = 3, 5
LIKE, AS_LIKE = 0.7, 0.04


def instead(log: Log, text: str, *, containers: bool = True, images: bool = True) -> str:
    """Return what is to be said of *text*, which names none of what was asked for: how it is spelled, what is called
    alike; "" where nothing is known.
    """
    ways: tuple[Callable[[Log, str], str], ...] = (_misplaced, before_slash, _at_position)
    said = unclosed(text) or next(filter(None, (way(log, text) for way in ways)), "")
    return said or did_you_mean(similar(text, _containers(log) if containers else [], _tags(log) if images else []))


def for_tag(log: Log, text: str) -> str:
    """As `instead`, of what is no tag and never was: tags that were deleted have a history, too."""
    if container_named(log, text):
        return f"that is a container: `layerlog log {shown(text)}` shows its history"
    deleted = shown_names([tag for tag, _ in islice(names.deleted_tags(log), MOST)])
    return did_you_mean(similar(text, [], [*_tags(log), *deleted])) or "`layerlog reflog` lists all tags' moves"


def unclosed(text: str) -> str:
    """Return what is to be said where a shell parted a point at its blanks."""
    ref, brace, rest = text.partition("@{")
    is_open = brace and "}" not in rest
    return f"its brace is not closed; quote a point with blanks, as in '{shown(ref)}@{{last Tuesday}}'" if is_open else ""


def removed_like(log: Log, text: str) -> str:
    """As `instead`, of what was removed: containers and tags."""
    containers = [name for name, _ in names.containers_called(log, "", removed=True, most=MOST)]
    return did_you_mean(similar(text, containers, shown_names([tag for tag, _ in islice(names.deleted_tags(log), MOST)])))


def tags_ending(log: Log, tag: str) -> list[str]:
    """Return the names whose tag *tag* is now: O(the tags)."""
    return [name for name in shown_names([full for full, _ in names.current_tags(log)]) if name.rpartition(":")[2] == tag]


def event_spelled(log: Log, event: Event) -> str | None:
    """Return how a container's event is spelled as its point, None where it is no container's."""
    stream = log.stream_of(event.stream)
    if stream.kind != "container":
        return None
    name = names.name_of(log, stream.id)
    return f"{name if container_named(log, name) == stream.name else stream.name[:12]}@{event.version}"


def did_you_mean(found: Sequence[str]) -> str:
    *others, last = map(shown, found or [""])
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if found else ""


def similar(text: str, containers: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Return the names that *text* was perhaps meant to be, the likeliest first: the tags of a repository of that name, those
    that end so, else what is spelled alike, in any case.
    """
    if not text or len(text) > LONGEST:
        return []
    repositories = {tag.rpartition(":")[0] for tag in tags}
    exact = [tag for tag in tags if text in tag.rsplit(":", 1)]
    without = ":" not in text.rpartition("/")[2]
    return exact[:FEW] or _alike(text, [*containers, *(sorted(repositories) if without else tags)])


def _alike(text: str, candidates: Iterable[str]) -> list[str]:
    from difflib import SequenceMatcher, get_close_matches  # noqa: PLC0415 - costs 9 ms

    written = text.lower()
    by_spelling = {name.lower(): name for name in candidates}
    close = get_close_matches(written, by_spelling, FEW, LIKE)
    ratios = {name: SequenceMatcher(None, name, written).ratio() for name in close}
    return [by_spelling[name] for name in close if ratios[name] >= ratios[close[0]] - AS_LIKE]


def _containers(log: Log) -> list[str]:
    return [name for name, _ in names.containers_called(log, "", removed=False, most=MOST)]


def _tags(log: Log) -> list[str]:
    return shown_names([tag for tag, _ in islice(names.current_tags(log), MOST)])


# -- slips


def _misplaced(log: Log, text: str) -> str:
    """Return what is to be said where *text* is a path without its view, a container with a relative path, or was a tag."""
    ref, mark, path = text.partition(":")
    if text.startswith("/"):
        return f"a path stands behind what it is in: REF:{shown(text)}"
    if mark and container_named(log, ref):
        return f"a path in the container {shown(ref)} is spelled {shown(ref)}:/{shown(path)}"
    was_tag = any(log.stream("tag", full) for full in spellings(text))
    return f"that tag was deleted; {shown(text)}@{{1}} is what it named last" if was_tag else ""


def before_slash(log: Log, text: str) -> str:
    """Return what is to be said where a path stands behind a container or an image without a colon."""
    for slash in islice(re.finditer("/", text), SLASHES):
        ref, path = text[: slash.start()], text[slash.start() :]
        named = re.split("[@~^]", ref, maxsplit=1)[0]
        if named and (container_named(log, named) or any(tag_target(log, full) for full in spellings(named))):
            return f"a path in {shown(ref)} is spelled {shown(ref)}:{shown(path)}"
    return ""


def _at_position(log: Log, text: str) -> str:
    """Return what is to be said where *text* is an event's position in the whole store."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII) or not 0 < int(text) <= log.head().position:
        return ""
    point = event_spelled(log, log.at(int(text)))
    return f"event {int(text)} of the store is {shown(point)}" if point else f"`layerlog show {int(text)}` shows that event"
