"""What is text, and which lines two texts share: unique ones anchor (patience), what lies between is compared closely.

O(n log n) where lines are mostly distinct; the close comparison is bounded, beyond it a gap counts as all new.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

CLOSE = 250_000  # pairs of lines compared in one gap
PROBE = 8_000  # bytes in which git looks for a NUL
MAX_TEXT = 4 << 20

Lines = Sequence[bytes]
Match = tuple[int, int, int]
"""(start in old, start in new, count): a run of equal lines."""


def is_binary(data: bytes) -> bool:
    return b"\0" in data[:PROBE]


def matches(old: Lines, new: Lines) -> Iterator[Match]:
    """Yield the runs of lines that *old* and *new* share, from first to last."""
    waiting = [(0, len(old), 0, len(new))]
    while waiting:
        low, high, start, end = waiting.pop()
        if low == high or start == end:
            continue
        count = _equal_ahead(old, new, low, high, start, end)
        if count:
            yield low, start, count
            low, start = low + count, start + count
        tail = _equal_behind(old, new, low, high, start, end)
        gap = (low, high - tail, start, end - tail)
        if tail:
            waiting.append((high - tail, high, end - tail, end))
        anchors = _anchors(old, new, *gap)
        if anchors:
            waiting.extend(reversed(list(_around(anchors, *gap))))
        else:
            yield from _closely(old, new, *gap)


def _equal_ahead(old: Lines, new: Lines, low: int, high: int, start: int, end: int) -> int:
    most = min(high - low, end - start)
    return next((count for count in range(most) if old[low + count] != new[start + count]), most)


def _equal_behind(old: Lines, new: Lines, low: int, high: int, start: int, end: int) -> int:
    most = min(high - low, end - start)
    return next((count for count in range(most) if old[high - 1 - count] != new[end - 1 - count]), most)


def _anchors(old: Lines, new: Lines, low: int, high: int, start: int, end: int) -> list[tuple[int, int]]:
    """Return the longest rising run of (index in old, index in new) of lines that each has once."""
    once = {line for line, count in Counter(new[start:end]).items() if count == 1}
    places = {line: index for index, line in enumerate(new[start:end], start) if line in once}
    counts = Counter(line for line in old[low:high] if line in places)
    return _rising([(index, places[line]) for index, line in enumerate(old[low:high], low) if counts.get(line) == 1])


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence of *pairs* whose second members rise; the first ones do already."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for index, (_, value) in enumerate(pairs):
        place = bisect_left(ends, value)
        before.append(tops[place - 1] if place else -1)
        ends[place : place + 1] = [value]
        tops[place : place + 1] = [index]
    found, index = [], tops[-1] if tops else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _around(anchors: list[tuple[int, int]], low: int, high: int, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the ranges that anchors cut a gap into, each but the first beginning with its anchor."""
    for old, new in anchors:
        yield low, old, start, new
        low, start = old, new
    yield low, high, start, end


def _closely(old: Lines, new: Lines, low: int, high: int, start: int, end: int) -> Iterator[Match]:
    if (high - low) * (end - start) > CLOSE:
        return
    from difflib import SequenceMatcher  # noqa: PLC0415 - who compares no texts does not pay for it

    for match in SequenceMatcher(None, old[low:high], new[start:end], autojunk=False).get_matching_blocks():
        if match.size:
            yield low + match.a, start + match.b, match.size
