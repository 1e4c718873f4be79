"""Which containers `ps --filter` asks for."""

from collections.abc import Callable, Sequence

from cli.options import filters
from cli.options.filters import Key
from cli.options.image_filters import standing_on
from cli.options.regexes import matcher
from cli.session.session import Session
from eventstore.store import visits
from projections.history import status
from projections.refs import targets
from projections.refs.containers import Container

Wanted = Callable[[Container], bool]
STATES: dict[str, Callable[[Container, int, str], bool]] = {
    "unsealed": lambda container, count, process: not container.removed and (count > 0 or process == visits.UNRECORDED),
    "sealed": lambda container, count, process: not (container.removed or count or process) and container.sealed > 0,
    "unchanged": lambda container, count, process: not (container.removed or count or process or container.sealed),
    "running": lambda _container, _count, process: process == visits.RUNNING,
    "removed": lambda container, _count, _process: container.removed,
}
"""What each asks of a container, of how many of its events are not sealed, and of its process."""


def wanted(s: Session, given: Sequence[str]) -> Wanted:
    """Return what `--filter KEY=VALUE` asks for; raise InvalidError."""
    return filters.wanted(s, given, KEYS)


def _called(_s: Session, pattern: str) -> Wanted:
    matches = matcher(pattern, "--filter name")
    return lambda container: matches(container.name) or matches(f"/{container.name}")  # Docker's spelling


def _standing_on(s: Session, image: str) -> Wanted:
    stands = standing_on(s, s.image(image))
    return lambda container: stands(targets.of_container(container))


def _in_state(s: Session, state: str) -> Wanted | None:
    holds = STATES.get(state)
    return holds and (lambda c: holds(c, status.count_unsealed(s.log, c), visits.state(s.store.path, c.id)))


KEYS: dict[str, Key[Container]] = {
    "name": Key("CONTAINER|PATTERN", _called),
    "ancestor": Key("IMAGE", _standing_on),
    "status": Key("|".join(STATES), _in_state),
}
