"""What comes one by one taken a few at a time, so that one statement serves them all."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

MOST = 256
T = TypeVar("T")


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield *things* in lists of *size*, the last one shorter; no more is taken of them than what is yielded."""
    arriving = iter(things)
    while batch := list(islice(arriving, size)):
        yield batch


def growing_batches(things: Iterable[T]) -> Iterator[list[T]]:
    """Yield *things* in lists of 1, 2, 4, ... up to `MOST`: who wants few of them waits for few, and memory stays flat."""
    arriving, size = iter(things), 1
    while batch := list(islice(arriving, size)):
        yield batch
        size = min(2 * size, MOST)
