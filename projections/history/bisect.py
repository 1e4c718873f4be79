"""Bisection: which event made good into bad, by halving - over commits first, then over the events of the guilty one."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.errors import ConflictError, InvalidError
from eventstore.index import seals
from eventstore.index.streams import tree_versions
from eventstore.log.log import Log
from eventstore.model.paths import shown
from projections.history.derivation import whole_before
from projections.refs.points import Points
from projections.refs.targets import Target, as_base, bottom, containers_under


class Point(NamedTuple):
    """A version of one of a line's containers; points of a line are ordered as they happened."""

    segment: int
    version: int


class Segment(NamedTuple):
    """A container up to a version; `erased` where what lies above was made anew without contents that were erased."""

    container: str
    upto: int
    erased: bool = False


Line = list[Segment]
"""The containers that a view stands on, the lowest first, each up to where the next one forked off."""


class State(NamedTuple):
    """What is known so far.  `good` is before `bad`."""

    line: Line
    good: Point | None = None
    bad: Point | None = None
    skipped: tuple[Point, ...] = ()

    def marked(self, verdict: str, point: Point) -> "State":
        """Return the state once *point* is known to be good or bad, or is to be skipped."""
        if verdict == "good":
            return self._replace(good=point)
        return self._replace(bad=point) if verdict == "bad" else self._replace(skipped=(*self.skipped, point))


class Step(NamedTuple):
    """What to check next (`point`), out of how many `left`, commits or events; or, with `point` None, the answer:
    the first bad event, unless all that is left was `skipped`.
    """

    point: Point | None
    left: int
    over: str
    guilty: Point | None = None
    skipped: tuple[Point, ...] = ()


def line_to(log: Log, target: Target) -> Line:
    """Return the line that ends at *target*; raise ConflictError for an image made elsewhere."""
    line = _line_to(log, target)
    if not line:
        raise ConflictError(
            f"{shown(target.text)} was made elsewhere, so its writes are not known; bisect a container or an image made here"
        )
    return line


def _line_to(log: Log, target: Target) -> Line:
    """Return the line; it goes on below an image that an erasure made anew, in the one that this was made of."""
    anew = whole_before(log, target)
    below = [] if anew is None else [segment._replace(erased=True) for segment in _line_to(log, anew.older)]
    above = containers_under(log, target) if anew is None else anew.above
    return [*below, *(Segment(log.stream_of(stream).name, version) for stream, version in above[::-1])]


def point_of(log: Log, line: Line, target: Target) -> Point:
    """Return where *target* lies on the line; an image made elsewhere that it begins with is its first point."""
    if target.container is None and as_base(target) == bottom(log, Target("", None, line[0].container, 0)):
        return Point(0, 0)
    for index, (container, upto, _) in enumerate(line):
        if container == target.container and target.version <= upto:
            return Point(index, target.version)
    anew = whole_before(log, target)
    if anew is not None and not anew.above:
        return point_of(log, line, anew.older._replace(text=target.text))
    raise InvalidError(f"{shown(target.text)} is no point of what is bisected ({point_text(log, line, end(line))} and before)")


def end(line: Line) -> Point:
    return Point(len(line) - 1, line[-1].upto)


def target_of(line: Line, point: Point) -> Target:
    container = line[point.segment].container
    return Target(f"{container[:12]}@{point.version}", None, container, point.version)


def point_text(log: Log, line: Line, point: Point) -> str:
    """Return *point* as other commands take it: web@42."""
    return Points(log).spelled(line[point.segment].container, point.version)


def next_step(log: Log, state: State) -> Step:
    """Return what to check next, or the answer; both ends must be known.  O(commits, then events, between them)."""
    assert state.good is not None
    assert state.bad is not None
    between = [point for point in _seals(log, state) if point not in state.skipped]
    if between:
        return Step(_middle(between), len(between), "commits")
    events = _events(log, state)
    if not events:
        raise ConflictError("no file changed between the good point and the bad one, so no write can be guilty; mark others")
    left = [point for point in events[:-1] if point not in state.skipped]
    if left:
        return Step(_middle(left), len(left), "events")
    return Step(None, 0, "events", events[-1], tuple(events[:-1]))


def _middle(points: list[Point]) -> Point:
    return points[(len(points) - 1) // 2]


def _seals(log: Log, state: State) -> list[Point]:
    """Return the commits after the good point and before the bad one."""
    found = (Point(segment, version) for segment, *span in _spans(log, state) for version in seals.versions(log, *span))
    return [point for point in found if point != state.bad]


def _events(log: Log, state: State) -> list[Point]:
    """Return the events after the good point, up to the bad one, that changed files; the last of them made the bad state."""
    return [Point(segment, version) for segment, *span in _spans(log, state) for version in tree_versions(log, *span)]


def _spans(log: Log, state: State) -> Iterator[tuple[int, int, int, int]]:
    """Yield (segment, stream, first, last) of what lies after the good point, up to the bad one, in order."""
    good, bad = state.good or Point(0, 0), state.bad or Point(0, 0)
    for segment in range(good.segment, bad.segment + 1):
        container, upto, _ = state.line[segment]
        first = good.version + 1 if segment == good.segment else 1
        yield segment, log.existing("container", container).id, first, upto if segment < bad.segment else bad.version


def require_order(log: Log, state: State) -> State:
    """Return *state*; raise InvalidError where what is good does not come before what is bad."""
    if state.good is not None and state.bad is not None and state.good >= state.bad:
        good, bad = (point_text(log, state.line, point) for point in (state.good, state.bad))
        raise InvalidError(f"the good point {good} must come before the bad one, {bad}; `layerlog bisect reset` begins anew")
    return state


def steps_left(count: int) -> int:
    """Return about how many checks halving *count* points takes."""
    return count.bit_length()
