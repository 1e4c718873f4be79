"""How `diff` shows what differs: names, letters, a patch, how much, JSON."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from cli.display.change_lines import coloured, patch_lines
from cli.display.entry_rows import entry_row
from cli.formats import counted
from cli.output import json_line
from eventstore.paths import shown
from projections import difference_text, status
from projections.diff import Difference
from projections.difference_text import Stat
from projections.view import View

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
        sys.stdout.buffer.writelines(difference_text.patch(before, after, difference))
    return anything


def print_stat(compared: Compared) -> bool:
    """As git diff --stat."""
    total = Stat(0, 0, binary=False)
    count = 0
    for difference in compared.differences:
        found = difference_text.stat_of(compared.before, compared.after, difference)
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
