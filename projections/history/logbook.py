"""The logbook: commits and imported layers that a view stands on, or the events that touched some paths, and their changes."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, takewhile
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import DamagedError
from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.batches import growing_batches
from eventstore.model.events import Kind
from eventstore.model.facts import FolderBase
from eventstore.model.paths import order
from projections.diff.between import Around
from projections.diff.tree_diff import Difference, differ
from projections.events.path_events import Touch, touches
from projections.events.pathspecs import Pathspec, touched_by_any
from projections.events.records import Matches, PeopleFilter, Record, Records
from projections.history import commits, origins
from projections.history.derivation import ever, whole_before
from projections.layers import layers
from projections.refs import references
from projections.refs.targets import Target, containers_under, spans
from projections.tree import lineage
from projections.tree.view import View


class Item(NamedTuple):
    """One entry: a commit, or an imported layer, or (neither) what a container has not yet sealed.

    `touched` are, where paths were asked for, the events that touched them, newest first; the item's events begin at
    version `first` of their stream.  Of a path that was followed, `names` are what it is called after them and was before.
    """

    commit: commits.Commit | None
    layer: origins.ImageLayer | None
    container: str | None
    first: int
    touched: list[Record]
    names: tuple[bytes, bytes] | None = None

    @property
    def time(self) -> int:
        """When it was made, ns: a commit and the rest by the log, a layer as its image says."""
        return self.layer.time if self.layer is not None else record_of(self).time


class Filter(NamedTuple):
    """What an item must be; None: anything.  `since` and `until` are ns, both included."""

    since: int | None = None
    until: int | None = None
    who: PeopleFilter = PeopleFilter()
    grep: Matches | None = None

    def keeps(self, item: Item) -> bool:
        return (
            (self.until is None or item.time <= self.until)
            and self.recent(item)
            and self.who.did(record_of(item), author(item))
            and (self.grep is None or self.grep(message(item)))
        )

    def recent(self, item: Item) -> bool:
        return self.since is None or item.time >= self.since


def of_target(log: Log, content: Content, target: Target) -> Iterator[Item]:
    """Yield the commits and imported layers that *target* stands on, newest first, streaming."""
    yield from map(of_commit, commits.commits_under(log, target))
    yield from map(of_layer, origins.image_layers_under(log, content, target))


def of_everything(log: Log, content: Content) -> Iterator[Item]:
    """Yield every commit of the store and the layers of every image taken from elsewhere, what came last first, streaming."""
    made = map(of_commit, commits.told_once(commits.of_seals(Records(log), seals.newest(log))))
    return _as_they_came(made, map(of_layer, origins.image_layers_everywhere(log, content)))


def _as_they_came(*items: Iterable[Item]) -> Iterator[Item]:
    return heapq.merge(*items, key=lambda item: -record_of(item).event.position)


def by_author(log: Log, content: Content, target: Target | None, matches: Matches) -> Iterator[Item]:
    """As the two above, but only what an author made who *matches*: O(authors + those commits) index look-ups."""
    names = [name for name in seals.authors(log) if matches(name)]
    sealed = commits.of_seals(Records(log), map(log.at, _positions_by(log, target, names)))
    made = map(of_commit, sealed if target is not None else commits.told_once(sealed))
    if target is None:
        layers: Iterable[origins.ImageLayer] = origins.image_layers_everywhere(log, content)
    else:
        layers = origins.image_layers_under(log, content, target)
    theirs = (of_layer(layer) for layer in layers if matches(layer.author))
    return _as_they_came(made, theirs) if target is None else chain(made, theirs)


def made_elsewhere(log: Log, content: Content, target: Target | None, wanted: Filter) -> set[str]:
    """Return the layers (hex), of the whole store or of what *target* stands on, that somebody made elsewhere of whom *wanted*
    asks: O(images taken from elsewhere).
    """
    every, under = origins.image_layers_everywhere, origins.image_layers_under
    came = every(log, content) if target is None else under(log, content, target)
    named = (layer for layer in came if layer.author and layer.arrival.known != "recorded")  # that is made anew here
    return {layer.diff_id for layer in named if wanted.keeps(of_layer(layer))}


def _positions_by(log: Log, target: Target | None, names: Sequence[str]) -> Iterator[int]:
    if target is None:
        yield from sorted((position for name in names for position in seals.by_author(log, name)), reverse=True)
        return
    for stream, version in containers_under(log, target):
        yield from heapq.merge(*(seals.by_author_down(log, name, stream, version) for name in names), reverse=True)


def of_paths(view: View, target: Target, patterns: Sequence[Pathspec], *, follow: bool) -> Iterator[Item]:
    """Yield the events that touched what *patterns* mean, under their commits and layers, newest first.

    With *follow* a single path is followed back through moves and hard links.
    """
    if follow and len(patterns) == 1 and not patterns[0].is_glob:
        return _followed(_grouped(view, target, touches(view, patterns[0].path, follow=True)), patterns[0].path)
    return _grouped(view, target, touched_by_any(view, patterns))


def _followed(items: Iterable[Item], name: bytes) -> Iterator[Item]:
    """Yield the items, newest first, with the names that the path *name* had."""
    for item in items:
        after = name
        for record in item.touched:
            name = _name_before(record, name)
        yield item._replace(names=(after, name))


def _name_before(record: Record, name: bytes) -> bytes:
    event, here = record.event, record.path or b""
    if event.kind == Kind.PATH_MOVED and (name + b"/").startswith(here + b"/"):
        return (event.target or b"") + name[len(here) :]
    return event.target or b"" if event.kind == Kind.LINK_MADE and name == here else name


def _grouped(view: View, target: Target, found: Iterable[Touch]) -> Iterator[Item]:
    """Yield the events under their commits and layers."""
    known = origins.Origins(view.log, view.content, target)
    item: Item | None = None
    for batch in growing_batches(known.records.each(touch.event for touch in found)):
        sealed = commits.over(known.records, [record.event.position for record in batch if record.kind == "container"])
        for record in batch:
            if item is not None and _holds(item, record):
                item.touched.append(record)
                continue
            if item is not None:
                yield item
            item = _opened(known, record, sealed.get(record.event.position))
    if item is not None:
        yield item


def of_paths_traced(view: View, target: Target, patterns: Sequence[Pathspec], *, follow: bool) -> Iterator[Item]:
    """As `of_paths`; what came with what was made anew is told as in what that was made of, commits by their ids of now."""
    items, anew = of_paths(view, target, patterns, follow=follow), whole_before(view.log, target)
    if anew is None:
        yield from items
        return
    reached = True  # what is nowhere here may have been there
    for item in items:
        reached = anew.brought(view.log, item.touched[0].event)
        if reached:
            break
        yield item
        if item.names is not None:
            patterns = [patterns[0]._replace(path=item.names[1])]
    if reached or not follow:
        older = View(view.log, view.content, spans(view.log, anew.older))
        again = commits.told_again(view.log, target)
        for item in of_paths_traced(older, anew.older, patterns, follow=follow):
            yield item._replace(commit=commits.as_now(item.commit, again))


def of_paths_everywhere(views: Iterable[tuple[View, Target]], patterns: Sequence[Pathspec], *, follow: bool) -> Iterator[Item]:
    """Yield what `of_paths` does of all *views*, each event once, what came last first: O(views + events about the paths)."""
    found: dict[tuple[int, int], Item] = {}
    for view, target in views:
        anew = whole_before(view.log, target)
        for item in of_paths(view, target, patterns, follow=follow):
            if anew is not None and anew.brought(view.log, item.touched[0].event):
                break  # what lies below is told where it was first done
            known = found.setdefault((item.touched[0].event.stream, item.first), item)
            seen = {record.event.position for record in known.touched}
            known.touched.extend(record for record in item.touched if record.event.position not in seen)
    for item in sorted(found.values(), key=lambda item: -record_of(item).event.position):
        item.touched.sort(key=lambda record: -record.event.position)
        yield item


def _holds(item: Item, record: Record) -> bool:
    return record.event.stream == item.touched[0].event.stream and record.event.version >= item.first


def _opened(known: origins.Origins, record: Record, commit: commits.Commit | None) -> Item:
    """Return the item that an event belongs to, with no other event yet; *commit* is the one over a container's event."""
    if record.kind != "container":
        return Item(known.commit(record), known.layer(record), None, 0, [record])
    first = commit.first if commit else layers.first_unsealed(known.log, record.event.stream, record.event.version)
    return Item(commit, None, record.name, first, [record])


def kept(items: Iterable[Item], wanted: Filter) -> Iterator[Item]:
    """Yield the items that the filter keeps, and stop at the first that came when it was too old by every clock so far: what
    comes after it, or was made before it came, is older.
    """

    def near(item: Item) -> bool:
        return wanted.since is None or item.layer is not None or record_of(item).changeset.time >= wanted.since

    return filter(wanted.keeps, takewhile(near, items))


def beyond(items: Iterable[Item], known: Target, view: View) -> Iterator[Item]:
    """Yield those of *view*'s items, and of the events that touched paths, that *known* does not stand on, nor what it was made
    anew of.
    """
    upto = {span.stream: span.upto for span in chain.from_iterable(spans(view.log, one) for one in ever(view.log, known))}
    same = (old == new for old, new in zip(spans(view.log, known), view.spans, strict=False) if new.layer)
    shared = sum(takewhile(bool, same))
    for item in items:
        touched = [record for record in item.touched if record.event.version > upto.get(record.event.stream, 0)]
        seals = [one.event for one in (item.commit.record, item.commit.anew) if one] if item.commit is not None else []
        sealed = any(seal.version <= upto.get(seal.stream, 0) for seal in seals)
        within = sealed or (item.layer is not None and item.layer.number <= shared)
        if within and not item.touched:
            return  # all that is below it is shared, too
        if touched or not item.touched:
            yield item._replace(touched=touched)


def author(item: Item) -> str | None:
    if item.commit is not None:
        return item.commit.author
    return item.layer.author if item.layer is not None else record_of(item).author


def message(item: Item) -> str:
    if item.commit is not None:
        return item.commit.message
    return f"{item.layer.built.created_by}\n{item.layer.built.comment}" if item.layer is not None else ""


def record_of(item: Item) -> Record:
    """Return the event that stands for the item: the seal, the image's arrival, or the latest of its events."""
    if item.commit is not None:
        return item.commit.record
    return item.layer.arrival if item.layer is not None else item.touched[0]


def of_commit(commit: commits.Commit) -> Item:
    return Item(commit, None, commit.container, commit.first, [])


def of_layer_alone(log: Log, content: Content, text: str) -> Item | None:
    """Return the layer whose id *text* is or begins, or the commit that made it of a folder; None where it is no layer's."""
    layer = references.layer_alone(log, text)
    maker = origins.maker_of(log, content, layer) if layer is not None else None
    return of_layer(maker) if isinstance(maker, origins.ImageLayer) else of_commit(maker) if maker is not None else None


def of_layer(layer: origins.ImageLayer) -> Item:
    return Item(None, layer, None, 0, [])


# -- what an entry changed


def around_commit(view: View, commit: commits.Commit) -> Around:
    return _around_events(view, commit.container, commit.first, commit.last)


def around(view: View, item: Item) -> Around:
    """Return the views around an item that *view* holds."""
    if item.commit is not None:
        return around_commit(view, item.commit)
    if item.container is not None:
        span = view.spans[_rank(view, "container", item.container)]
        unsealed = layers.first_unsealed(view.log, span.stream, span.upto)
        return _around_events(view, item.container, unsealed, span.upto)
    name = item.layer.diff_id if item.layer is not None else item.touched[0].name
    rank = _rank(view, "layer", name)
    return Around(view.through(rank - 1), view.through(rank), None)


def _around_events(view: View, container: str, first: int, last: int) -> Around:
    after = View(view.log, view.content, lineage.of_container(view.log, container, last))
    top = len(after.spans) - 1
    if first == 1 and isinstance(lineage.base_of(view.log, after.spans[top].stream), FolderBase):  # its layer comes with them
        return Around(View(view.log, view.content, []), after, None)
    return Around(after.before((top, first)), after, (after.spans[top].stream, first, last))


def _rank(view: View, kind: str, name: str) -> int:
    stream = view.log.stream(kind, name)
    for rank, span in enumerate(view.spans):
        if stream is not None and span.stream == stream.id:
            return rank
    raise DamagedError(f"the log lacks the {kind} {name[:12]}; `layerlog verify` says more")


def differences_at(found: Around, item: Item, log: Log) -> Iterator[Difference]:
    """Yield what changed of the paths that the item's events are about, in tree order: look-ups for those alone.

    Of a path that was followed, that alone; where it had another name before, `before` is the entry under that.
    """
    if item.names is not None:
        yield from _of_followed(found, *item.names)
        return
    paths = {record.path for record in item.touched if record.path is not None}
    paths |= {log.path_text(record.event.source) for record in item.touched if record.event.source is not None}
    for path in sorted(paths, key=order):
        before, after = found.before.lookup(path), found.after.lookup(path)
        if differ(before, after):
            yield Difference(path, before, after)


def _of_followed(found: Around, after: bytes, before: bytes) -> Iterator[Difference]:
    new = found.after.lookup(after)
    if after != before and new is not None and found.before.lookup(after) is None:
        old = found.before.lookup(before)
        yield Difference(after, old, new)
        return
    for path in dict.fromkeys((before, after)):
        if differ(found.before.lookup(path), found.after.lookup(path)):
            yield Difference(path, found.before.lookup(path), found.after.lookup(path))
