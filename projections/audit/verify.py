"""What projections answer, compared with a plain replay of the events: the walk, the look-ups, and the nodes recorded."""

import random
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import LayerlogError
from eventstore.integrity.derived_columns import index_finding
from eventstore.integrity.findings import Finding
from eventstore.log.log import Log
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from projections.images import images
from projections.refs import containers
from projections.tree import lineage
from projections.tree.replay import Replay, tree_events
from projections.tree.view import View
from projections.tree.walk import walk

MOST = 20
LOOKUPS = 300
BUDGET = 1_000_000


class Subject(NamedTuple):
    """A view to check; `cost` is the number of events that it is made of."""

    name: str
    spans: list[lineage.Span]
    cost: int


def subjects(log: Log) -> Iterator[Subject]:
    """Yield every container at its latest version and every image taken from elsewhere, removed ones too, newest first."""
    for container in containers.all_containers(log):
        spans = lineage.of_container(log, container.id, container.version)
        yield Subject(f"container {container.name}", spans, sum(span.upto for span in spans))
    for image in images.all_images(log):
        if image.seal is None:
            spans = lineage.of_layers(log, lineage.layers_of(log, image.id))
            yield Subject(f"image {image.id[:12]}", spans, sum(span.upto for span in spans))


def chosen(log: Log, share: float = 1.0) -> list[Subject]:
    """Return the views to check: as many as cost about twice the log's own length, drawn by chance if *share* is below 1."""
    left = max(BUDGET, 2 * log.head().position)
    found: list[Subject] = []
    for subject in subjects(log):
        if share < 1 and random.random() >= share:  # noqa: S311 - a sample, no secret
            continue
        left -= subject.cost
        if left < 0 and found:
            break
        found.append(subject)
    return found


def check(log: Log, content: Content, subject: Subject) -> Iterator[Finding]:
    """Yield where walk, look-ups and recorded nodes differ from what a replay of the view's events gives.

    O(the view's events + its tree); memory for the names of one tree.  A container is also compared at one earlier version.
    """
    replay, top = Replay(log), subject.spans[-1] if subject.spans else None
    earlier = random.randint(1, top.upto) if top and top.upto and not top.layer else 0  # noqa: S311 - a sample, no secret
    for span in subject.spans:
        for event, path in tree_events(log, span):
            node = replay.apply(event, path)
            named = event.kind == Kind.ATTRIBUTES_CHANGED or (event.kind == Kind.LINK_MADE and not span.layer)
            if span is top and named and node != event.node:
                yield index_finding(event.position, "node")
            if top and span is top and event.version == earlier:
                spans = [*subject.spans[:-1], top._replace(upto=earlier)]
                yield from _compared(log, content, f"{subject.name}@{earlier}", spans, replay)
    yield from _compared(log, content, subject.name, subject.spans, replay)


def _compared(log: Log, content: Content, name: str, spans: list[lineage.Span], replay: Replay) -> Iterator[Finding]:
    try:
        yield from _differences(View(log, content, spans), name, replay)
    except (LayerlogError, AssertionError, ValueError, RecursionError) as error:
        yield Finding("view", name, f"cannot be read: {error}")


def _differences(view: View, name: str, replay: Replay) -> Iterator[Finding]:
    found, odds = 0, LOOKUPS / max(1, sum(span.upto for span in view.spans))
    for expected, walked in zip_longest(replay.entries(), walk(view)):
        if expected != walked:
            path = shown(_path(expected, walked))
            yield Finding("view", f"{name}:/{path}", f"the walk {_difference(expected, walked)}")
            found += 1
        elif expected is not None and random.random() < odds and (looked_up := view.lookup(expected.path)) != expected:  # noqa: S311
            yield Finding("view", f"{name}:/{shown(expected.path)}", f"the look-up {_difference(expected, looked_up)}")
            found += 1
        if found >= MOST:
            yield Finding("view", name, "differs in more places, which are not listed")
            return


def _difference(expected: Entry | None, found: Entry | None) -> str:
    if expected is None or found is None or expected.path != found.path:
        return "does not hold the same paths as the replayed events"
    fields = [field for field in Entry._fields if getattr(expected, field) != getattr(found, field)]
    return f"gives another {' and '.join(fields)} than the replayed events"


def _path(one: Entry | None, other: Entry | None) -> bytes:
    return min(entry.path for entry in (one, other) if entry is not None)
