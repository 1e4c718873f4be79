"""What passes through on its way somewhere else, and who is told of it."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def tee(items: Iterable[T], tell: Callable[[T], object]) -> Iterator[T]:
    """Yield *items*, after *tell* was told of each."""
    for item in items:
        tell(item)
        yield item
