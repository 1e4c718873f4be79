"""Lower directories: each layer as overlayfs takes it, made once, shared by all containers that stand on it, disposable.

They lie in cache/lower/.  What a directory holds depends on all the layers below it, since those say what a parent is that the
layer leaves out; so it is named by them all, as image-spec's ChainID is.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from cli.hostfs.checkout import TreeWriter, checkout
from cli.hostfs.nodes import OPEN_DIRECTORY, NodeWriter, Report
from eventstore.disk.held import LOWER, Held
from eventstore.errors import InvalidError, LayerlogError
from eventstore.index.stream_paths import has_tree_events
from eventstore.log.log import Log
from eventstore.model.changes import Change, extras
from eventstore.model.entries import Entry, Read, node_of
from eventstore.model.events import Kind, Node
from eventstore.model.paths import shown, split
from eventstore.store.store import Store
from projections.layers.layers import changes, with_parents
from projections.tree.hard_links import linked_nodes
from projections.tree.lineage import Span
from projections.tree.view import View
from projections.tree.walk import walk

MOST = 100
"""Of so many directories the names fit into a page, as kernels before 6.7 want them; older layers are merged into one."""
OPAQUE_FAMILIES = (b"trusted.overlay.", b"user.overlay.")
_WHITEOUT = '{"rdev":[0,0]}'
_NAME = 24


class Run(NamedTuple):
    """Events that become one directory: `first` to `last` of a stream; `before` and `after` are the views around them."""

    before: tuple[Span, ...]
    after: tuple[Span, ...]
    stream: int
    first: int
    last: int


def lower_directories(store: Store, spans: Sequence[Span]) -> Held:
    """Return the directories that make the view of *spans*, the topmost first, kept from removal until they are closed.

    Those that are not there are made.  Raise InvalidError for an image that cannot be run, LayerlogError for what the host
    refuses.
    """
    held = Held(store.cache.path(LOWER))
    try:
        merged, runs = _merged(list(_runs(store.log, spans)))
        name = ""
        if merged:
            name = _name(name, store.log, *merged)
            held.add(name, partial(_write_view, store, merged[-1].after))
        for run in runs:
            name = _name(name, store.log, run)
            held.add(name, partial(_write_run, store, run))
    except BaseException:
        held.close()
        raise
    return held


# -- which there are


def _runs(log: Log, spans: Sequence[Span]) -> Iterator[Run]:
    for rank, span in enumerate(spans):
        below, first = tuple(spans[:rank]), 1
        ends = [span.upto] if span.layer else [*_seals(log, span), span.upto]
        for last in ends:
            if last >= first and (span.layer or has_tree_events(log, span.stream, first, last)):
                before = below if first == 1 else (*below, span._replace(upto=first - 1))
                yield Run(before, (*below, span._replace(upto=last)), span.stream, first, last)
                first = last + 1


def _seals(log: Log, span: Span) -> list[int]:
    return [seal.version for seal in log.of_kind(Kind.COMMITTED, span.stream) if seal.version < span.upto]


def _merged(runs: list[Run]) -> tuple[list[Run], list[Run]]:
    """Return the lowest runs, which are to become one directory, and the others, of which there are few enough."""
    over = len(runs) - MOST + 1 if len(runs) > MOST else 0
    return runs[:over], runs[over:]


def _name(below: str, log: Log, *runs: Run) -> str:
    ids = [f"{log.stream_of(run.stream).name} {run.first} {run.last}" for run in runs]
    return sha256("\n".join([below, *ids]).encode()).hexdigest()[:_NAME]


# -- how one is written


def _write_view(store: Store, spans: Sequence[Span], folder: str) -> None:
    view = View(store.log, store.content, spans)
    entries = map(_checked_entry, walk(view))
    _require_complete(checkout(entries, view.read, folder, linked=linked_nodes(view)))


def _write_run(store: Store, run: Run, folder: str) -> None:
    before, after = (View(store.log, store.content, spans) for spans in (run.before, run.after))
    found = with_parents(changes(before, after, run.stream, run.first, run.last), after)
    write(found, after.get(b""), after.read, folder)


def write(found: Iterable[Change], root: Entry, read: Read, folder: str) -> None:
    """Write changes in tree order, each parent before what it holds, as a lower directory whose own node is *root*'s.

    *read* gives the bytes of regular files.
    """
    os.mkdir(folder, 0o700)
    fd = os.open(folder, OPEN_DIRECTORY)
    nodes = NodeWriter(fd)
    writer = _RunWriter(fd, read, nodes, frozenset())
    try:
        writer.write(_checked_entry(root))
        for change in found:
            writer.add(change)
        writer.finish()
    except OSError as error:
        raise LayerlogError(f"cannot write {shown(folder)}: {error.strerror}; see to the disk of the store") from error
    finally:
        writer.close()
    _require_complete(nodes.report)


class _RunWriter(TreeWriter):
    """As a checkout, of Changes: a deletion becomes a whiteout, and a name of a node the link to its first."""

    def add(self, change: Change) -> None:
        if not change.path:
            return  # the root stands already
        if change.kind == Kind.LINK_MADE:
            self.current = change.path
            parent, name = split(change.path)
            while parent != self.path:
                self._leave()
            self._link(change.target or b"", name)
            return
        stated = Node(stat.S_IFCHR, detail=_WHITEOUT) if change.kind == Kind.PATH_DELETED else _checked(change)
        self.write(Entry(change.path, *stated, 0, 0))


def _checked_entry(entry: Entry) -> Entry:
    _checked(entry)
    return entry


def _checked(thing: Change | Entry) -> Node:
    """Return the node that *thing* states; raise InvalidError where overlayfs would take it for one of its own markers."""
    stated = node_of(thing)
    if stated.detail:
        xattrs, rdev = extras(stated.detail)
        marker = next((name for name in xattrs if name.startswith(OPAQUE_FAMILIES)), None)
        if marker or (stat.S_ISCHR(stated.mode) and rdev == (0, 0)):
            what = f"the attribute {shown(marker)}" if marker else "a device 0:0"
            raise InvalidError(
                f"/{shown(thing.path)} has {what}, which overlayfs would take for a marker of its own; "
                "delete it in a container and commit, then run that"
            )
    return stated


def _require_complete(report: Report) -> None:
    if report.skipped["owners"]:
        raise InvalidError(
            f"{report.skipped['owners']} files of the image belong to ids that this user has not; "
            "widen the ranges in /etc/subuid and /etc/subgid, or run as root"
        )
