"""Reading, measured in a process of its own through the Python API."""

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from cli.hostfs.checkout import checkout
from eventstore.model.time_phrases import end_of
from eventstore.store.store import Store
from projections.diff.tree_diff import between
from projections.events.path_events import touches
from projections.events.records import Records
from projections.history.blame import Causes, blame
from projections.refs import references, targets
from projections.refs.targets import Target
from projections.tree import lineage
from projections.tree.hard_links import linked_nodes
from projections.tree.view import View
from projections.tree.walk import walk
from tests.bench.build import layer_ids, layer_paths

Answer = dict[str, float]
T = TypeVar("T")


def ask(store: str, layers: int, files: int, asked: int) -> Answer:
    """W9: seconds to open a view of *layers* layers, and for a stat and a read of 1 kB: at the first asking, and again."""
    paths = [path for number in range(layers) for path in layer_paths(number, files // layers)]
    chosen = random.Random(9).sample(paths, min(asked, len(paths)))
    start = time.perf_counter()
    with Store.open_or_create(store) as opened:
        view = View(opened.log, opened.content, lineage.of_layers(opened.log, layer_ids(layers)))
        found: Answer = {"open": time.perf_counter() - start}
        for name in ("cold", "warm"):
            found[f"stat_{name}"] = _each(view.get, chosen)
        entries = [view.get(path) for path in chosen]
        for name in ("cold", "warm"):
            found[f"read_{name}"] = _each(lambda entry: b"".join(view.read(entry)), entries)
        fresh = View(opened.log, opened.content, view.spans)
        found["stat_new_view"] = _each(fresh.get, chosen)
    return found


def _each(ask_one: Callable[[T], object], things: Sequence[T]) -> float:
    return _timed(lambda: [ask_one(thing) for thing in things]) / len(things)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def questions(store: str, name: str, path: str, old: str, new: str) -> Answer:
    """W6: seconds for the history of a path, for who made it what it is, and for what differs between two commits."""
    with Store.open_or_create(store) as opened:
        target = _target(opened, name)
        view = _view(opened, target)
        asked = path.encode()
        before, after = (_view(opened, _target(opened, text)) for text in (old, new))
        _ask_about(opened, target, view, b"d1/e1")
        return {**_ask_about(opened, target, view, asked), "diff": _timed(lambda: list(between(before, after)))}


def _ask_about(store: Store, target: Target, view: View, path: bytes) -> Answer:
    records = Records(store.log)
    return {
        "log": _timed(lambda: list(records.each(touch.event for touch in touches(view, path)))),
        "blame": _timed(lambda: blame(Causes(store.log, store.content, target), view, path)),
    }


def points(store: str, name: str, asked: int) -> Answer:
    """W11: seconds for a stat and for a blame of a path, each path asked for the first time."""
    with Store.open_or_create(store) as opened:
        target = _target(opened, name)
        view = _view(opened, target)
        files = [entry.path for entry in walk(view) if entry.is_file]
        chosen = random.Random(9).sample(files, min(asked, len(files)))
    with Store.open_or_create(store) as opened:
        stat = _each(_view(opened, target).get, chosen)
    with Store.open_or_create(store) as opened:
        view = _view(opened, target)
        return {"stat": stat, "blame": _each(lambda path: blame(Causes(opened.log, opened.content, target), view, path), chosen)}


def check_out(store: str, name: str, folder: str) -> Answer:
    """W11: seconds to write the head of the container *name* below *folder*, and how many files that are."""
    with Store.open_or_create(store) as opened:
        view = _view(opened, _target(opened, name))
        start = time.perf_counter()
        report = checkout(walk(view), view.read, os.path.join(folder, "out"), linked=linked_nodes(view))
        return {"seconds": time.perf_counter() - start, "files": report.files}


def _target(store: Store, text: str) -> Target:
    return references.resolve(store.log, text, end_of)


def _view(store: Store, target: Target) -> View:
    return targets.view(store, target)
