"""Memory: answers that are kept, as long as they are few."""

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(dict[K, V]):
    """A dict of about *most* keys: it forgets all but *always* before it takes one more.

    Reading it costs what a dict costs, and so does asking whether a key is there.
    """

    def __init__(self, most: int, always: Mapping[K, V] | None = None) -> None:
        super().__init__(always or {})
        self._most, self._always = most, always or {}

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= self._most:
            self.clear()
            self.update(self._always)
        super().__setitem__(key, value)
