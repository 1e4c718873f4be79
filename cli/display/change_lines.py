"""What changed, as lines for people: A, C and D, how much, or the patch."""

from collections.abc import Iterable, Iterator

from cli.formats import counted, human_size
from cli.output import paint
from eventstore.paths import shown
from projections import difference_text
from projections.around import Around
from projections.diff import Difference
from projections.view import View

_COLOURS = {"A": "green", "C": "yellow", "D": "red", "+": "green", "-": "red", "@": "cyan"}
WORDS = {"A": "added", "C": "changed", "D": "deleted"}


def change_lines(
    found: Around, differences: Iterable[Difference], *, name_only: bool = False, stat: bool = False, patch: bool = False
) -> Iterator[str]:
    """Yield the lines of what changed: one for each path; with *stat* how much, and a last line that sums up."""
    counts = dict.fromkeys(WORDS, 0)
    for difference in differences:
        counts[difference.letter] += 1
        if stat:
            yield f" {coloured(difference)} | {_amount(found, difference)}"
        elif name_only:
            yield f"/{shown(difference.path)}"
        elif not patch:
            yield coloured(difference)
        if patch:
            yield from patch_lines(found.before, found.after, difference)
    if stat:
        total = sum(counts.values())
        words = [f"{count} {WORDS[letter]}" for letter, count in counts.items() if count]
        yield f" {counted(total, 'path')}" + (f": {', '.join(words)}" if words else "")


def patch_lines(before: View, after: View, difference: Difference) -> Iterator[str]:
    """Yield the lines of one path's patch, escaped, and in colours where stdout takes them."""
    for text in difference_text.patch(before, after, difference):
        yield from map(_patch_line, text.removesuffix(b"\n").split(b"\n"))


def coloured(difference: Difference) -> str:
    return paint(difference_text.line(difference), _COLOURS[difference.letter])


def _amount(found: Around, difference: Difference) -> str:
    before, after = difference.before, difference.after
    amount = difference_text.stat_of(found.before, found.after, difference)
    if amount.binary:
        return f"{human_size(before.size if before else 0)} -> {human_size(after.size if after else 0)}"
    if not amount.added and not amount.removed:
        return "attributes" if before is not None and after is not None else "no lines"
    return f"{amount.added}+ {amount.removed}-"


def _patch_line(line: bytes) -> str:
    text = "\t".join(map(shown, line.split(b"\t")))
    return paint(text, _COLOURS[text[0]]) if text[:1] in ("+", "-", "@") else text
