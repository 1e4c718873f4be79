"""Holdings: where a path or a content ever was - containers, images, what they were sent to - and where it still is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from eventstore.content import Content
from eventstore.entries import Entry
from eventstore.events import Event, Kind, lifted
from eventstore.log import ROOT_ID, Log
from eventstore.needed import occurrences
from eventstore.paths import ancestors, as_bytes
from projections import containers, images, lineage
from projections.containers import Container
from projections.lineage import Span
from projections.pathspecs import known
from projections.records import Record, Records, each
from projections.search import Needle
from projections.touching import Touch, after, touches
from projections.view import View, of_event, streams_about


class Sought(NamedTuple):
    """What is looked for: one of these contents (None: whatever there is) at one of these paths."""

    contents: frozenset[bytes] | None
    paths: frozenset[bytes]

    def is_in(self, entry: Entry | None) -> bool:
        return entry is not None and (self.contents is None or entry.content in self.contents)


class Holding(NamedTuple):
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


class _Run(NamedTuple):
    """Versions first..last of a container (last None: to this day) in which it shows."""

    first: int
    content: bytes | None
    ended: Event | None

    def holds(self, version: int) -> bool:
        return version >= self.first and (self.ended is None or version < self.ended.version)


def of_paths(log: Log, content: Content, patterns: Sequence[bytes]) -> Sought:
    """Return the paths that *patterns* mean, under whatever name a move gave them."""
    return _everywhere(log, content, Sought(None, frozenset(path for _, path in known(log, patterns))))


def of_contents(log: Log, content: Content, digests: Iterable[bytes]) -> Sought:
    """Return the paths that ever had one of the contents: one pass over the log."""
    wanted = frozenset(digests)
    found = {one.path for one in occurrences(log.db, wanted) if one.path is not None}
    return _everywhere(log, content, Sought(wanted, frozenset(map(log.path_text, found))))


def _everywhere(log: Log, content: Content, sought: Sought) -> Sought:
    """Add the names that moves and hard links gave to what is sought."""
    renames = _renames(log)
    paths, waiting = set(sought.paths), list(sought.paths)
    while renames and waiting:
        path = waiting.pop()
        for name in (*ancestors(path), path):
            for event, named in renames.get(name, ()):
                renamed = named + path[len(name) :]
                if renamed not in paths and sought.is_in(_after(log, content, event).lookup(renamed)):
                    paths.add(renamed)
                    waiting.append(renamed)
    return sought._replace(paths=frozenset(paths))


def _renames(log: Log) -> dict[bytes, list[tuple[Event, bytes]]]:
    """Return, for each path that was moved or linked, the events that did so and the new names."""
    found: dict[bytes, list[tuple[Event, bytes]]] = {}
    for where in ("source IS NOT NULL", f"kind = {Kind.LINK_MADE:d}"):
        for event in map(lifted, log.db.execute(f"SELECT * FROM event WHERE {where}").fetchall()):
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
    for position in sorted({one.position for one in occurrences(log.db, digests) if one.path is None}):
        record = records.at(position)
        if record.kind == "image":
            yield Document("image", record.name, record, (record.name,))


def in_instructions(log: Log, needle: Needle) -> Iterator[Document]:
    """Yield the config instructions of containers that hold the bytes, and the images that say so too."""
    for record in each(log, list(log.of_kind(Kind.CONFIG_CHANGED))):
        if any(needle.within(as_bytes(text)) for text in record.detail["instructions"]):
            event = record.event
            seals = (seal for seal in log.of_kind(Kind.COMMITTED, event.stream) if seal.version > event.version)
            yield Document("container", record.name, record, tuple(seal.commit for seal in seals))


def holdings(log: Log, content: Content, sought: Sought) -> Iterator[Holding]:
    """Yield where it is or was, path by path: O(paths x containers and images that know them) look-ups."""
    loaded = [image.id for image in images.all_images(log) if image.seal is None][::-1]
    in_images = [(image, lineage.of_layers(log, lineage.layers_of(log, image))) for image in loaded]
    everyone = list(containers.all_containers(log))[::-1]
    in_containers = [(container, lineage.of_container(log, container.id, container.version)) for container in everyone]
    moves = log.db.execute("SELECT stream FROM event INDEXED BY event_source WHERE source IS NOT NULL")
    moving = {row[0] for row in moves}
    for path in sorted(sought.paths):
        finder = _Finder(log, content, sought, path, moving)
        for image, spans in in_images:
            yield from finder.in_image(image, spans)
        for container, spans in in_containers:
            yield from finder.in_container(container, spans)


class _Finder:
    """Looks for one path.  `_layers` are the streams of imported layers that carry it; `_sealed` gives, by a container's
    stream, the first seal whose layer does.
    """

    def __init__(self, log: Log, content: Content, sought: Sought, path: bytes, moving: set[int]) -> None:
        self._log = log
        self._content = content
        self._sought = sought
        self._path = path
        self._records = Records(log)
        self._streams = moving | self._streams_about()
        self._layers: set[int] = set()
        self._sealed: dict[int, int] = {}

    def _streams_about(self) -> set[int]:
        """Return the streams whose events put or removed the path itself; those that move things may bring it unnamed."""
        path_id = self._log.path_id(self._path)
        return set() if path_id is None else set(streams_about(self._log.db, path_id, (0, 1)))

    def in_image(self, image: str, spans: list[Span]) -> Iterator[Holding]:
        if self._streams.isdisjoint(span.stream for span in spans):
            return
        entry = self._view(spans).lookup(self._path)
        carrying = {span.stream for span in spans if self._sought.is_in(self._view([span]).lookup(self._path))}
        self._layers |= carrying
        shown = self._sought.is_in(entry)
        if shown or carrying:
            arrival = self._records.of(lineage.arrival(self._log, image))
            found = entry.content if shown and entry is not None else None
            yield Holding(self._path, "image", image, shown, found, 0, arrival, None, (image,))

    def in_container(self, container: Container, spans: list[Span]) -> Iterator[Holding]:
        if self._streams.isdisjoint(span.stream for span in spans):
            return
        view = self._view(spans)
        seals = [(seal.version, seal.commit) for seal in self._log.of_kind(Kind.COMMITTED, container.stream)]
        runs = list(self._runs(view))
        for run in runs:
            yield self._shown(container, run, seals)
        hidden = self._hidden(container, view, runs, seals)
        if hidden:
            yield Holding(self._path, "container", container.id, False, None, 0, None, None, tuple(hidden))

    def _view(self, spans: list[Span]) -> View:
        return View(self._log, self._content, spans)

    def _shown(self, container: Container, run: _Run, seals: list[tuple[int, str]]) -> Holding:
        since = self._log.event(container.stream, max(run.first, 1))
        ended = self._records.of(run.ended) if run.ended is not None else None
        held = tuple(image for version, image in seals if run.holds(version))
        return Holding(
            self._path, "container", container.id, True, run.content, run.first, self._records.of(since), ended, held
        )  # fmt: skip

    def _hidden(self, container: Container, view: View, runs: list[_Run], seals: list[tuple[int, str]]) -> list[str]:
        """Return the images that do not show it but carry it in a lower layer."""
        sealed = [version for run in runs if run.first for version, _ in seals if run.holds(version)]
        if sealed:
            self._sealed[container.stream] = min(sealed)
        carried = any(span.stream in self._layers for span in view.spans) or any(
            span.upto >= self._sealed.get(span.stream, lineage.LIVE) for span in view.spans[:-1]
        )
        first = 0 if carried else self._sealed.get(container.stream, lineage.LIVE)
        return [image for version, image in seals if version > first and not any(run.holds(version) for run in runs)]

    def _runs(self, view: View) -> Iterator[_Run]:
        """Yield the runs of the container's versions in which it shows, oldest first."""
        rank = len(view.spans) - 1
        own = [touch for touch in touches(view, self._path) if touch.order[0] == rank][::-1]
        states: list[tuple[Event | None, Entry | None]] = [(None, view.before((rank, 1)).lookup(self._path))]
        states += [(touch.event, self._state(view, touch)) for touch in own]
        begun: tuple[int, bytes | None] | None = None
        for (event, entry), following in pairwise([*states, (None, None)]):
            if begun is None and entry is not None and self._sought.is_in(entry):
                begun = (event.version if event is not None else 0, entry.content)
            if begun is not None and not self._sought.is_in(following[1]):
                yield _Run(*begun, following[0])
                begun = None

    def _state(self, view: View, touch: Touch) -> Entry | None:
        event = touch.event
        if event.kind == Kind.FILE_WRITTEN and self._log.path_text(event.path or ROOT_ID) == self._path:
            return of_event(self._path, event)
        return after(view, touch.order).lookup(self._path)
