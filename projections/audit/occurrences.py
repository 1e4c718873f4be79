"""Occurrences: where a path or a content ever was - containers, images, what they were sent to - and where it still is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.index import by_path
from eventstore.index.tree_events import streams_about
from eventstore.log.log import ROOT_ID, Log
from eventstore.model.entries import Entry
from eventstore.model.events import Event, Kind
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import ancestors, as_bytes
from eventstore.retention.reachability import occurrences
from projections.audit.plain_paths import PlainPath, PlainPaths
from projections.audit.search import Needle
from projections.events.path_events import Touch, touches
from projections.events.pathspecs import known
from projections.events.records import Record, Records
from projections.images import images
from projections.refs import containers
from projections.tree import lineage
from projections.tree.view import View, of_event


class Sought(NamedTuple):
    """What is looked for: one of these contents (None: whatever there is) at one of these paths.

    With each path its id; None where no event was ever about it, and a move or a link above it gave it its name.
    """

    contents: frozenset[bytes] | None
    paths: Mapping[bytes, int | None]

    def is_in(self, entry: Entry | None) -> bool:
        return entry is not None and (self.contents is None or entry.content in self.contents)


class PathOccurrence(NamedTuple):
    """A place that held it: `kind` is container or image.

    It is `shown` from version `first` on (0: from what the container was made from) until the event `ended` (None: to this
    day).  Not shown, it lies in a lower layer that a later one hides, and travels with the images all the same.  `images`
    are those (ids) that hold it so.
    """

    path: bytes
    kind: str
    id: str
    shown: bool
    content: bytes | None
    first: int
    since: Record | None
    ended: Record | None
    images: tuple[str, ...]


def of_paths(log: Log, content: Content, patterns: Sequence[bytes]) -> Sought:
    """Return the paths that *patterns* mean, under whatever name a move gave them."""
    return _everywhere(log, content, Sought(None, {path: path_id for path_id, path in known(log, patterns)}))


def of_contents(log: Log, content: Content, digests: Iterable[bytes]) -> Sought:
    """Return the paths that ever had one of the contents: one pass over the log."""
    wanted = frozenset(digests)
    found = {one.path for one in occurrences(log, wanted) if one.path is not None}
    return _everywhere(log, content, Sought(wanted, {log.path_text(path_id): path_id for path_id in found}))


def _everywhere(log: Log, content: Content, sought: Sought) -> Sought:
    """Add the names that moves and hard links gave to what is sought."""
    renames = _renames(log)
    paths, waiting = dict(sought.paths), list(sought.paths)
    while renames and waiting:
        path = waiting.pop()
        for name in (*ancestors(path), path):
            for event, named in renames.get(name, ()):
                renamed = named + path[len(name) :]
                if renamed not in paths and sought.is_in(_after(log, content, event).lookup(renamed)):
                    paths[renamed] = log.path_id(renamed)
                    waiting.append(renamed)
    return sought._replace(paths=paths)


def _renames(log: Log) -> dict[bytes, list[tuple[Event, bytes]]]:
    """Return, for each path that was moved or linked, the events that did so and the new names."""
    found: dict[bytes, list[tuple[Event, bytes]]] = {}
    for event in chain(by_path.moves(log), by_path.links(log)):
        found.setdefault(event.target or b"", []).append((event, log.path_text(event.path or ROOT_ID)))
    return found


def _after(log: Log, content: Content, event: Event) -> View:
    stream = log.stream_of(event.stream)
    if stream.kind == "layer":
        return View(log, content, lineage.of_layers(log, [stream.name]))
    return View(log, content, lineage.of_container(log, stream.name, event.version))


class Document(NamedTuple):
    """A config, a manifest or an instruction that holds a run of bytes: what `id` (an image, or a container) says of itself."""

    kind: str
    id: str
    record: Record
    images: tuple[str, ...]


def in_documents(log: Log, digests: Iterable[bytes]) -> Iterator[Document]:
    """Yield the images whose config, manifest or index is one of the contents."""
    records = Records(log)
    for position in sorted({one.position for one in occurrences(log, digests) if one.path is None}):
        record = records.at(position)
        if record.kind == "image":
            yield Document("image", record.name, record, (record.name,))


def in_instructions(log: Log, needle: Needle) -> Iterator[Document]:
    """Yield the config instructions of containers that hold the bytes, and the images that say so too."""
    for record in Records(log).each(list(log.of_kind(Kind.CONFIG_CHANGED))):
        change = ConfigChange.of(record.event)
        if any(needle.within(as_bytes(text)) for text in (*change.instructions, *change.texts())):
            event = record.event
            seals = (seal for seal in log.of_kind(Kind.COMMITTED, event.stream) if seal.version > event.version)
            yield Document("container", record.name, record, tuple(seal.commit for seal in seals))


# -- where it is and was


class _Run(NamedTuple):
    """A run of a container's versions in which it shows, as `content` at first.

    `began` is the event that brought it (None: what the container was made from), `ended` the one that took it away (None:
    it shows to this day).
    """

    began: Event | None
    content: bytes | None
    ended: Event | None

    @property
    def first(self) -> int:
        return self.began.version if self.began is not None else 0

    def holds(self, version: int) -> bool:
        return version >= self.first and (self.ended is None or version < self.ended.version)


class _Image(NamedTuple):
    """An image taken from elsewhere, and where it first came in."""

    id: str
    view: View
    arrival: Record


class _Container(NamedTuple):
    """A container, the view that it was made from, its beginning, and the (version, commit) of its seals."""

    id: str
    view: View
    below: View
    created: Record
    seals: tuple[tuple[int, str], ...]


def path_occurrences(log: Log, content: Content, sought: Sought) -> Iterator[PathOccurrence]:
    """Yield where it is or was, path by path.

    O(paths + events about them) where those say all (`plain_paths`); of other paths look-ups in each container and image
    that knows the path, or moves anything.
    """
    everywhere = _Everywhere(log, content)
    paths = sorted(sought.paths.items())
    for path, plain in PlainPaths(log).among(paths):
        finder = _Finder(log, sought, path, plain, everywhere)
        for place in everywhere.that_hold(finder.streams):
            yield from finder.in_image(place) if isinstance(place, _Image) else finder.in_container(place)


class _Everywhere:
    """All images taken from elsewhere and all containers, the oldest first."""

    def __init__(self, log: Log, content: Content) -> None:
        self.records = Records(log)
        self.moving = {stream for _, stream in by_path.moved(log)}
        """The streams that move something: what is below that has a new path that no event is about."""
        self._places: list[_Image | _Container] = [*self._images(log, content), *self._containers(log, content)]
        self._by_stream: dict[int, list[int]] = {}
        for number, place in enumerate(self._places):
            for span in place.view.spans:
                self._by_stream.setdefault(span.stream, []).append(number)

    def that_hold(self, streams: Iterable[int]) -> Iterator[_Image | _Container]:
        """Yield those that stand on one of *streams*, images first."""
        numbers = {number for stream in streams for number in self._by_stream.get(stream, ())}
        return (self._places[number] for number in sorted(numbers))

    def _images(self, log: Log, content: Content) -> Iterator[_Image]:
        for image in sorted(images.arrived(log), key=lambda image: image.position):
            spans = lineage.of_layers(log, lineage.layers_of(log, image.id))
            yield _Image(image.id, View(log, content, spans), self.records.at(image.position))

    def _containers(self, log: Log, content: Content) -> Iterator[_Container]:
        for container in list(containers.all_containers(log))[::-1]:
            seals = tuple((seal.version, seal.commit) for seal in log.of_kind(Kind.COMMITTED, container.stream))
            view = View(log, content, lineage.of_container(log, container.id, container.version))
            yield _Container(container.id, view, view.through(len(view.spans) - 2), self.records.at(container.created), seals)


class _Finder:
    """Looks for one path, which can come from `streams` alone: those of events about it, and those that move something.

    `_layers` are the streams of imported layers that carry it; `_sealed` gives, by a container's stream, the first seal
    whose layer does.
    """

    def __init__(self, log: Log, sought: Sought, path: bytes, plain: PlainPath | None, everywhere: "_Everywhere") -> None:
        self._log = log
        self._sought = sought
        self._path = path
        self._plain = plain
        self._records = everywhere.records
        path_id = sought.paths[path] if plain is None else None
        about = streams_about(log, path_id) if path_id is not None else ()
        self.streams = everywhere.moving.union(about) if plain is None else {event.stream for event in plain.events}
        self._layers: set[int] = set()
        self._sealed: dict[int, int] = {}

    def in_image(self, image: _Image) -> Iterator[PathOccurrence]:
        entry, view = self._lookup(image.view), image.view
        alone = (
            (span.stream, View(view.log, view.content, [span]))
            for span in view.spans
            if span.stream in self.streams
        )
        carrying = {stream for stream, layer in alone if self._sought.is_in(self._lookup(layer))}
        self._layers |= carrying
        shown = self._sought.is_in(entry)
        if shown or carrying:
            found = entry.content if shown and entry is not None else None
            yield PathOccurrence(self._path, "image", image.id, shown, found, 0, image.arrival, None, (image.id,))

    def in_container(self, container: _Container) -> Iterator[PathOccurrence]:
        runs = list(self._runs(container))
        yield from (self._shown(container, run) for run in runs)
        hidden = self._hidden(container, runs)
        if hidden:
            yield PathOccurrence(self._path, "container", container.id, False, None, 0, None, None, tuple(hidden))

    def _lookup(self, view: View) -> Entry | None:
        return view.lookup(self._path) if self._plain is None else self._plain.lookup(view)

    def _shown(self, container: _Container, run: _Run) -> PathOccurrence:
        since = self._records.of(run.began) if run.began is not None else container.created
        ended = self._records.of(run.ended) if run.ended is not None else None
        held = tuple(image for version, image in container.seals if run.holds(version))
        return PathOccurrence(self._path, "container", container.id, True, run.content, run.first, since, ended, held)

    def _hidden(self, container: _Container, runs: list[_Run]) -> list[str]:
        """Return the images that do not show it but carry it in a lower layer."""
        spans, seals = container.view.spans, container.seals
        sealed = [version for run in runs if run.began is not None for version, _ in seals if run.holds(version)]
        if sealed:
            self._sealed[spans[-1].stream] = min(sealed)
        carried = any(span.stream in self._layers for span in spans) or any(
            span.upto >= self._sealed.get(span.stream, lineage.LIVE) for span in spans[:-1]
        )
        first = 0 if carried else self._sealed.get(spans[-1].stream, lineage.LIVE)
        return [image for version, image in seals if version > first and not any(run.holds(version) for run in runs)]

    def _runs(self, container: _Container) -> Iterator[_Run]:
        """Yield the runs of the container's versions in which it shows, oldest first."""
        states: list[tuple[Event | None, Entry | None]] = [(None, self._lookup(container.below))]
        states += self._states(container.view)
        begun: tuple[Event | None, bytes | None] | None = None
        for (event, entry), following in pairwise([*states, (None, None)]):
            if begun is None and entry is not None and self._sought.is_in(entry):
                begun = (event, entry.content)
            if begun is not None and not self._sought.is_in(following[1]):
                yield _Run(*begun, following[0])
                begun = None

    def _states(self, view: View) -> list[tuple[Event, Entry | None]]:
        """Return the container's own events that touched the path, oldest first, and what it was after each."""
        top = view.spans[-1].stream
        if self._plain is not None:
            own = (event for event in self._plain.events if event.stream == top)
            return [(event, self._plain.after(event)) for event in sorted(own, key=lambda event: event.version)]
        touched = (touch for touch in touches(view, self._path) if touch.event.stream == top)
        return [(touch.event, self._state(view, touch)) for touch in touched][::-1]

    def _state(self, view: View, touch: Touch) -> Entry | None:
        event = touch.event
        if event.kind == Kind.FILE_WRITTEN and self._log.path_text(event.path or ROOT_ID) == self._path:
            return of_event(self._path, event)
        return view.after(touch.order).lookup(self._path)
