"""`--filter KEY=VALUE`, as docker has it: one key several times gives alternatives, different keys must all hold."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

T = TypeVar("T")


def wanted(
    filters: Sequence[str], make: Callable[[str, str], Callable[[T], bool] | None], known: str
) -> Callable[[T], bool]:
    """Return whether a row is asked for; labels must all hold, too.

    *make* gives what one key and value ask for, None where it does not know them: InvalidError, which says what is *known*.
    """
    asked: dict[str, list[Callable[[T], bool]]] = {}
    for text in filters:
        key, _, value = text.partition("=")
        accepts = make(key, value) if value else None
        if accepts is None:
            raise InvalidError(f"filter {shown(text)!r}: {known} are known")
        asked.setdefault(text if key == "label" else key, []).append(accepts)
    return lambda row: all(any(accepts(row) for accepts in group) for group in asked.values())
