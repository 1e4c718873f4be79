"""The pickaxe: whether a change made a text occur more or less often, as git log -S has it."""

from collections.abc import Iterable

from eventstore.errors import ErasedError
from eventstore.model.entries import Entry
from eventstore.model.memory import Memory
from projections.diff.tree_diff import Difference
from projections.tree.view import View

REMEMBERED = 10_000


class Pickaxe:
    """Counts a text in contents, each once; `erased` are those that cannot be searched any more."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._known: Memory[bytes, int] = Memory(REMEMBERED)
        self.erased: set[bytes] = set()

    def strikes(self, before: View, after: View, rows: Iterable[Difference]) -> bool:
        """Whether one of *rows* changed how often the text occurs: reads the contents of those until one did."""
        changed = (row for row in rows if _body(row.before) != _body(row.after))
        return any(self._count(before, row.before) != self._count(after, row.after) for row in changed)

    def _count(self, view: View, entry: Entry | None) -> int:
        """Return how often the text occurs in a file, or in a symlink's target; where it overlaps itself, once."""
        if entry is None or not entry.is_file or entry.content is None:
            return (entry.target or b"").count(self._text) if entry is not None else 0
        found = self._known.get(entry.content)
        if found is None:
            found = self._known[entry.content] = self._read(view, entry, entry.content)
        return found

    def _read(self, view: View, entry: Entry, content: bytes) -> int:
        found, rest, size = 0, b"", len(self._text)
        try:
            for piece in view.read(entry):
                *whole, last = (rest + bytes(piece)).split(self._text)
                found += len(whole)
                rest = last[max(0, len(last) - size + 1) :]
        except ErasedError:
            self.erased.add(content)
            return 0
        return found


def _body(entry: Entry | None) -> bytes | None:
    return None if entry is None else entry.content or entry.target
