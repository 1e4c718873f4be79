"""What changed, as lines for people: A, C and D, how much, or the patch; and as JSON."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from cli.display.entries import entry_row
from cli.display.formats import counted, human_size
from cli.display.output import json_line, paint
from eventstore.model.paths import shown
from projections.diff import patches
from projections.diff.between import Around
from projections.diff.patches import Stat
from projections.diff.tree_diff import Difference
from projections.history import status
from projections.tree.view import View

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
    for text in patches.patch(before, after, difference):
        yield from map(_patch_line, text.removesuffix(b"\n").split(b"\n"))


def coloured(difference: Difference) -> str:
    return paint(patches.line(difference), _COLOURS[difference.letter])


def _amount(found: Around, difference: Difference) -> str:
    before, after = difference.before, difference.after
    amount = patches.stat_of(found.before, found.after, difference)
    if amount.binary:
        return f"{human_size(before.size if before else 0)} -> {human_size(after.size if after else 0)}"
    if not amount.added and not amount.removed:
        return "attributes" if before is not None and after is not None else "no lines"
    return f"{amount.added}+ {amount.removed}-"


def _patch_line(line: bytes) -> str:
    text = "\t".join(map(shown, line.split(b"\t")))
    return paint(text, _COLOURS[text[0]]) if text[:1] in ("+", "-", "@") else text


# -- diff

Show = Callable[["Compared"], bool]
"""Prints what differs, and returns whether anything does."""


class Compared(NamedTuple):
    before: View
    after: View
    differences: Iterator[Difference]


def print_lines(compared: Compared) -> bool:
    """As docker diff: what was below a deleted directory is not listed."""
    return _print(map(coloured, status.topmost(compared.differences)))


def print_status(compared: Compared) -> bool:
    return _print(map(coloured, compared.differences))


def print_names(compared: Compared) -> bool:
    return _print(f"/{shown(d.path)}" for d in compared.differences)


def print_json(compared: Compared) -> bool:
    return _print(map(json_line, map(_row, compared.differences)))


def print_patch(compared: Compared) -> bool:
    """Bytes as they are to a file or a program; escaped, and in colours, to a terminal."""
    before, after = compared.before, compared.after
    if sys.stdout.isatty():
        return _print(line for d in compared.differences for line in patch_lines(before, after, d))
    anything = False
    for difference in compared.differences:
        anything = True
        sys.stdout.buffer.writelines(patches.patch(before, after, difference))
    return anything


def print_stat(compared: Compared) -> bool:
    """As git diff --stat."""
    total = Stat(0, 0, binary=False)
    count = 0
    for difference in compared.differences:
        found = patches.stat_of(compared.before, compared.after, difference)
        print(f" /{shown(difference.path)} | {_stat_text(found)}")
        count += 1
        if not found.binary:
            total = Stat(total.added + found.added, total.removed + found.removed, binary=False)
    if count:
        print(f" {counted(count, 'path')} changed, {total.added} insertions(+), {total.removed} deletions(-)")
    return count > 0


def _stat_text(found: Stat) -> str:
    if found.binary:
        return f"Bin {found.removed} -> {found.added} bytes"
    if not found.added and not found.removed:
        return "attributes"
    most = max(found.added + found.removed, 1)
    scale = min(1.0, 40 / most)
    marks = ("+" * round(found.added * scale), "-" * round(found.removed * scale))
    return f"{found.added + found.removed} {''.join(marks)}"


def _row(difference: Difference) -> dict[str, Any]:
    before, after = difference.before, difference.after
    return {
        "change": difference.letter,
        "path": b"/" + difference.path,
        "before": entry_row(before) if before else None,
        "after": entry_row(after) if after else None,
    }


def _print(lines: Iterable[str]) -> bool:
    anything = False
    for line in lines:
        anything = True
        print(line)
    return anything
