"""Which containers `ps --filter` asks for."""

from collections.abc import Callable, Sequence

from cli.options import filters
from cli.options.filters import Key
from cli.options.image_filters import standing_on
from cli.options.regexes import matcher
from cli.session.session import Session
from projections.history import status
from projections.refs import targets
from projections.refs.containers import Container

Wanted = Callable[[Container], bool]
STATES: dict[str, Callable[[Container, int], bool]] = {
    "unsealed": lambda container, count: not container.removed and count > 0,
    "sealed": lambda container, count: not container.removed and not count and container.sealed > 0,
    "unchanged": lambda container, count: not container.removed and not count and not container.sealed,
    "removed": lambda container, _: container.removed,
}


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
    return holds and (lambda container: holds(container, status.count_unsealed(s.log, container)))


KEYS: dict[str, Key[Container]] = {
    "name": Key("CONTAINER|PATTERN", _called),
    "ancestor": Key("IMAGE", _standing_on),
    "status": Key("|".join(STATES), _in_state),
}
