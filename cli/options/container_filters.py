"""Which containers `ps --filter` asks for."""

from collections.abc import Callable, Sequence

from cli.options import filters
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
_KNOWN = f"name=PATTERN, ancestor=IMAGE and status={'|'.join(STATES)}"


def wanted(s: Session, given: Sequence[str]) -> Wanted:
    """Return what `--filter KEY=VALUE` asks for; raise InvalidError."""

    def make(key: str, value: str) -> Wanted | None:
        match key:
            case "name":
                matches = matcher(value, "--filter name")
                return lambda container: matches(container.name) or matches(f"/{container.name}")  # Docker's spelling
            case "ancestor":
                stands = standing_on(s, s.image(value))
                return lambda container: stands(targets.of_container(container))
            case "status" if value in STATES:
                return lambda container: STATES[value](container, status.count_unsealed(s.log, container))
        return None

    return filters.wanted(given, make, _KNOWN)
