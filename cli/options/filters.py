"""`--filter KEY=VALUE`, as docker has it: one key several times gives alternatives, different keys must all hold."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from cli.session.session import Session
from eventstore.errors import InvalidError
from eventstore.model.paths import shown

T = TypeVar("T")


class Key(NamedTuple, Generic[T]):
    """What a key's `value` is, as users are told, words in small letters as they are; `make` gives whether a row is asked for
    by one, None where it is none.
    """

    value: str
    make: Callable[[Session, str], Callable[[T], bool] | None]


def wanted(s: Session, given: Sequence[str], known: Mapping[str, Key[T]]) -> Callable[[T], bool]:
    """Return whether a row is asked for; labels must all hold, too.  Raise InvalidError, which says what is *known*."""
    asked: dict[str, list[Callable[[T], bool]]] = {}
    for text in given:
        key, _, value = text.partition("=")
        accepts = known[key].make(s, value) if value and key in known else None
        if accepts is None:
            raise InvalidError(f"filter {shown(text)!r}: {_listed(known)} are known")
        asked.setdefault(text if key == "label" else key, []).append(accepts)
    return lambda row: all(any(accepts(row) for accepts in group) for group in asked.values())


def _listed(known: Mapping[str, Key[T]]) -> str:
    *first, last = (f"{name}={key.value}" for name, key in known.items())
    return f"{', '.join(first)} and {last}"
