"""Occurrences: where a path or a content ever was - containers, images - and where it still is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.model.batches import batches
from projections.audit.path_states import Brought, Fact, Linked, PathStates, State, Told
from projections.audit.places import EVERYWHERE, ContainerPlace, ImagePlace, Places, Scope
from projections.audit.sought import Sought
from projections.events.records import Records
from projections.tree.lineage import LIVE, Span
from projections.tree.view import Order, View

AT_ONCE = 500
EVERYTHING = (LIVE, 0)
"""An order that is after all."""


class Moment(NamedTuple):
    """An event: its place in the log and in its stream, and its time (ns)."""

    position: int
    version: int
    time: int


class PathOccurrence(NamedTuple):
    """A place that held it: `kind` is container or image.

    It is `shown` from version `first` on (0: from what the container was made from) until the event `ended` (None: to this
    day).  Not shown, it lies in a lower layer that a later one hides, and travels with the images all the same.  `contents`
    are those that it had meanwhile, or has in those layers, the newest last, and `last` is what it was at the end; `images`
    those (ids) that hold it so.  Of an image alone it says since when what it holds was there.
    """

    path: bytes
    kind: str
    id: str
    shown: bool
    contents: tuple[bytes, ...]
    first: int
    since: Moment | None
    ended: Moment | None
    images: tuple[str, ...]
    last: State | None = None


Found = tuple[PathOccurrence, Sequence[State]]
"""An occurrence, and what has its contents."""


def path_occurrences(log: Log, content: Content, sought: Sought, scope: Scope = EVERYWHERE) -> Iterator[PathOccurrence]:
    """Yield where in *scope* it is or was, path by path.

    O(paths + events about them and the directories above, for each place that may hold them); what imported layers alone
    speak of, and alike, is thought through once.  Memory is that of *sought*.
    """
    search = _Search(log, content, sought, scope)
    known: dict[object, list[tuple[PathOccurrence, list[int]]]] = {}
    for batch in batches(sorted(sought.paths), AT_ONCE):
        search.states.load((path, sought.ids.get(path) or log.path_id(path)) for path in batch)
        for path in batch:
            facts, kind = search.states.own(path), search.kind(path)
            if kind is None:
                yield from (occurrence for occurrence, _ in _Finder(search, path).found())
                continue
            if kind not in known:
                numbers = {id(fact.told): number for number, fact in enumerate(facts)}
                known[kind] = [(one, [numbers[id(state)] for state in states]) for one, states in _Finder(search, path).found()]
            for one, told_by in known[kind]:
                yield one._replace(path=path, **_had([facts[number].told for number in told_by]))


def _had(told: Iterable[Told]) -> dict[str, Any]:
    """Return what an occurrence says of the states that it had, oldest first."""
    states = [state for state in told if isinstance(state, State)]
    contents = dict.fromkeys(state.content for state in states if state.content is not None)
    return {"contents": tuple(contents), "last": states[-1] if states else None}


class _Search:
    """What all paths are asked of."""

    def __init__(self, log: Log, content: Content, sought: Sought, scope: Scope) -> None:
        self.sought, self.scope = sought, scope
        self.states = PathStates(log)
        self.places = Places(log, content)
        self._records = Records(log)

    def moment(self, position: int, version: int) -> Moment:
        return Moment(position, version, self._records.changeset(position).time)

    def kind(self, path: bytes) -> object:
        """Return what stands for all that is said of *path* but for its name and contents; None where that is its own.

        Paths of one directory of which imported layers say the same are found in the same places.
        """
        if self.sought.paths[path] is not None or any(isinstance(fact.told, Brought) for fact in self.states.above(path)):
            return None
        said: list[tuple[object, ...]] = []
        for stream, _, _, told in self.states.own(path):
            if stream not in self.places.layers or isinstance(told, Brought | Linked):
                return None
            if told is not None and told.node in self.states.changes:
                return None
            said.append((stream, told and (told.is_dir, told.implied, self.sought.is_in(path, told))))
        return path.rpartition(b"/")[0], tuple(said)


class _Run(NamedTuple):
    """A run of a container's versions in which it shows, and as what from which version on (`states`).

    `began` is the event that brought it (None: what the container was made from), `ended` the one that took it away (None:
    it shows to this day).
    """

    began: Fact | None
    states: list[tuple[int, State]]
    ended: Fact | None

    @property
    def first(self) -> int:
        return self.began.version if self.began is not None else 0

    def holds(self, version: int) -> bool:
        return version >= self.first and (self.ended is None or version < self.ended.version)

    def at(self, version: int) -> State:
        """Return what shows at a version that it holds."""
        return next(state for first, state in reversed(self.states) if first <= version)


class _Finder:
    """Looks for one path in all places that may hold it, the lower ones first.

    `_passed` are the streams of imported layers that were asked, `_layers` those that carry it: no image from elsewhere need
    have them, as `import` puts a folder's layer below a container.  `_runs` gives what is known of the containers that were
    passed.
    """

    def __init__(self, search: _Search, path: bytes) -> None:
        self._search = search
        self._path = path
        self._facts = search.states.facts(path)
        self._passed: set[int] = set()
        self._layers: dict[int, State] = {}
        self._runs: dict[int, tuple[ContainerPlace, list[_Run]]] = {}

    def found(self) -> Iterator[Found]:
        bringing = {fact.stream for fact in self._facts if fact.told is not None}
        for place in self._search.places.on(bringing):
            yield from self._in_image(place) if isinstance(place, ImagePlace) else self._in_container(place)

    def _in_image(self, image: ImagePlace) -> Iterator[Found]:
        state = self._at(image.view, EVERYTHING)
        carried = self._carrying(image.view, frozenset())
        shown = self._is_sought(state)
        if (shown or carried) and self._search.scope.has_image(image.id, None):
            since = self._search.moment(image.since, 1)
            states = [state] if shown and state is not None else list(carried.values())
            yield self._found(PathOccurrence(self._path, "image", image.id, shown, (), 0, since, None, (image.id,)), states)

    def _carrying(self, view: View, known: frozenset[int]) -> dict[int, State]:
        """Return, and remember, what the imported layers of *view* that carry it, by their streams, have; those *known* are not
        asked again.
        """
        states = self._search.states
        streams = {fact.stream for fact in states.own(self._path)} - known
        layers = {rank: span.stream for rank, span in enumerate(view.spans) if span.layer and span.stream in streams}
        held = ((stream, states.carried(view, self._path, rank)) for rank, stream in layers.items())
        carried = {stream: state for stream, state in held if state is not None and self._is_sought(state)}
        self._passed.update(layers.values())
        self._layers |= carried
        return carried

    def _in_container(self, container: ContainerPlace) -> Iterator[Found]:
        self._carrying(container.view, frozenset(self._passed))
        runs = list(self._shown_runs(container))
        self._runs[container.stream] = container, runs
        hidden = tuple(self._hidden(container, runs))
        if self._search.scope.has_container(container.id):
            yield from self._in_all_of_it(container, runs, hidden)
        elif container.id in self._search.scope.passing and not self._search.scope.limited:
            for one, states in self._in_all_of_it(container, runs, hidden):
                yield (one._replace(kind="image", id=one.images[-1], ended=None) if one.images else one), states
        for version, image in container.seals:
            if self._search.scope.has_image(image, container.id):
                yield from self._in_sealed(container, runs, version, PathOccurrence(
                    self._path, "image", image, image not in hidden, (), 0, None, None, (image,)
                ))  # fmt: skip

    def _in_all_of_it(self, container: ContainerPlace, runs: list[_Run], hidden: tuple[str, ...]) -> Iterator[Found]:
        """Yield what a container has, had, and hides in the images that were made of it."""
        for run in runs:
            yield self._found(self._shown(container, run), [state for _, state in run.states])
        if hidden:
            held = PathOccurrence(self._path, "container", container.id, False, (), 0, None, None, hidden)
            yield self._found(held, list(self._held_below(container)))

    def _in_sealed(self, container: ContainerPlace, runs: list[_Run], version: int, image: PathOccurrence) -> Iterator[Found]:
        """Yield what an image has that is the seal at *version*."""
        run = next((run for run in runs if run.holds(version)), None)
        state = self._at(container.view, (len(container.view.spans) - 1, version + 1))
        if run is not None and state is not None:
            yield self._found(image._replace(since=self._shown(container, run).since), [state])
        elif not image.shown:
            yield self._found(image, list(self._held_below(container, version)))

    @staticmethod
    def _found(occurrence: PathOccurrence, states: Sequence[State]) -> Found:
        return occurrence._replace(**_had(states)), states

    def _shown(self, container: ContainerPlace, run: _Run) -> PathOccurrence:
        position, version = (run.began.position, run.began.version) if run.began is not None else (container.since, 1)
        since = self._search.moment(position, version)
        ended = self._search.moment(run.ended.position, run.ended.version) if run.ended is not None else None
        held = tuple(image for version, image in container.seals if run.holds(version))
        return PathOccurrence(self._path, "container", container.id, True, (), run.first, since, ended, held)

    def _shown_runs(self, container: ContainerPlace) -> Iterator[_Run]:
        """Yield the runs of the container's versions in which it shows, oldest first."""
        states = self._states(container, [])
        if self._search.sought.test is not None and (changes := self._search.states.changes):
            nodes = {state.node for _, state in states if state is not None}
            changed = (event for node in nodes for event in changes.get(node, ()))
            states = self._states(container, [Fact(event.stream, event.version, event.position, None) for event in changed])
        run: _Run | None = None
        for (fact, state), following in pairwise([*states, (None, None)]):
            if state is not None and self._is_sought(state):
                run = run or _Run(fact, [], None)
                run.states.append((fact.version if fact is not None else 0, state))
            if run is not None and not self._is_sought(following[1]):
                yield run._replace(ended=following[0])
                run = None

    def _states(self, container: ContainerPlace, more: list[Fact]) -> list[tuple[Fact | None, State | None]]:
        """Return what shows in the container before its events, and after each that tells of it or is one of *more*."""
        view, rank = container.view, len(container.view.spans) - 1
        own = {fact.version: fact for fact in (*more, *self._facts) if fact.stream == container.stream}
        states: list[tuple[Fact | None, State | None]] = [(None, self._at(view, (rank, 0)))]
        return states + [(own[version], self._at(view, (rank, version + 1))) for version in sorted(own)]

    def _hidden(self, container: ContainerPlace, runs: list[_Run]) -> Iterator[str]:
        """Yield the images that do not show it but carry it in a lower layer."""
        spans = container.view.spans
        first = 0 if any(self._carries(span) for span in spans[:-1]) else self._first_carrying(container, runs)
        for version, image in container.seals:
            if version > first and not any(run.holds(version) for run in runs):
                yield image

    def _carries(self, span: Span) -> bool:
        """Whether one of the layers that a span below a container makes carries it."""
        if span.layer:
            return span.stream in self._layers
        container, runs = self._runs.get(span.stream, (None, []))
        if container is None:
            return False
        sealed = [version for version, _ in container.seals if version <= span.upto]
        unsealed = any(run.holds(span.upto) and run.first > max(sealed, default=0) for run in runs)
        return unsealed or self._first_carrying(container, runs) <= span.upto

    def _held_below(self, container: ContainerPlace, version: int = LIVE) -> Iterator[State]:
        """Yield what the layers of a container up to *version*, and below it, have."""
        *below, own = container.view.spans
        own = own._replace(upto=min(own.upto, version))
        yield from (self._layers[span.stream] for span in below if span.stream in self._layers)
        ends = [(span.stream, span.upto) for span in below]
        ends += [(span.stream, version) for span in (*below, own) for version in self._seals(span)]
        passed = ((run, upto) for stream, upto in ends if stream in self._runs for run in self._runs[stream][1])
        yield from (run.at(upto) for run, upto in passed if run.holds(upto))

    def _seals(self, span: Span) -> Iterator[int]:
        if span.stream in self._runs:
            yield from (version for version, _ in self._runs[span.stream][0].seals if version <= span.upto)

    def _first_carrying(self, container: ContainerPlace, runs: list[_Run]) -> int:
        """Return the version of the first seal whose layer carries it, `LIVE` where none does."""
        carrying = (v for run in runs if run.began is not None for v, _ in container.seals if run.holds(v))
        return min(carrying, default=LIVE)

    def _at(self, view: View, before: Order) -> State | None:
        return self._search.states.at(view, self._path, before)

    def _is_sought(self, state: State | None) -> bool:
        return self._search.sought.is_in(self._path, state)
