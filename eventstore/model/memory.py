"""Memory: answers that are kept, as long as they are few."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Generic, TypeVar

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


class Recent(Generic[K]):
    """The byte strings that were put or asked for latest, by their keys: *most* bytes of them, or one that is larger."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[K, bytes] = OrderedDict()
        self._most, self._bytes = most, 0

    def get(self, key: K) -> bytes | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, data: bytes) -> None:
        """Keep *data*, which stands for the *key* for ever."""
        if key not in self._kept:
            self._kept[key] = data
            self._bytes += len(data)
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0
