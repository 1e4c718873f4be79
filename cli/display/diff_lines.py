"""What differs between two views and their configs, in the same words everywhere: letters, names, amounts, a patch, or JSON.

The row is a `Difference`: letter, path, before, after. Its amount is asked for only where shown: that reads contents.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from cli.display.entries import entry_row
from cli.display.formats import counted
from cli.display.output import ROWS_AT_ONCE, json_line, paint
from eventstore.model.batches import batches
from eventstore.model.paths import shown
from projections.diff import patches
from projections.diff.patches import Amount
from projections.diff.tree_diff import Difference
from projections.history.status import topmost
from projections.oci.config_diff import ConfigDifference
from projections.tree.view import View

T = TypeVar("T")
WORDS = {"A": "added", "C": "changed", "D": "deleted"}
_COLOURS = {"A": "green", "C": "yellow", "D": "red", "+": "green", "-": "red", "@": "cyan"}
_BAR, _WIDEST = 40, 60


class Compared(NamedTuple):
    """Two views, and each path that differs between them, in tree order, once; a patch has `context` lines around each."""

    before: View
    after: View
    rows: Iterator[Difference]
    context: int = patches.CONTEXT


def print_changes(ways: Iterable[str], compare: Callable[[], Compared]) -> bool:
    """Print in each of *ways* (keys of `WAYS`) what *compare* finds; return whether anything differs."""
    differs = [WAYS[way](compare()) for way in ways]
    return any(differs)


def print_config(ways: Sequence[str], found: Iterable[ConfigDifference]) -> bool:
    """Print what differs of two configs, as JSON or line by line, but not among mere names; return whether anything does."""
    differs = list(found)
    if "json" in ways:
        _write((json_line(config_row(difference)) for difference in differs), print)
    elif any(way != "names" for way in ways):
        _write((line for difference in differs for line in _config_lines(difference)), print)
    return bool(differs)


def _config_lines(found: ConfigDifference) -> Iterator[str]:
    return (paint(f"{mark} {shown(text)}", _COLOURS[mark]) for mark, text in found.lines())


def config_row(found: ConfigDifference) -> dict[str, Any]:
    """Return a difference of configs for JSON: `path` is null, as it is about no file."""
    return {"change": found.letter, "path": None, **found._asdict()}


def difference_row(row: Difference) -> dict[str, Any]:
    """Return *row* for JSON: what `stat` says of the path, before and after; null where it was not there."""
    return {
        "change": row.letter,
        "path": b"/" + row.path,
        "before": entry_row(row.before) if row.before else None,
        "after": entry_row(row.after) if row.after else None,
    }


def letter_line(row: Difference) -> str:
    """Return *row* as docker diff prints it."""
    return paint(f"{row.letter} /{shown(row.path)}", _COLOURS[row.letter])


def stat_lines(compared: Compared) -> Iterator[str]:
    """Yield what git diff --stat prints; columns are as wide as a thousand rows need, so that memory stays flat."""
    paths = added = removed = 0
    for rows in batches(compared.rows, ROWS_AT_ONCE):
        amounts = [patches.amount(compared.before, compared.after, row) for row in rows]
        yield from _stat_table(rows, amounts)
        paths += len(rows)
        added += sum(amount.added for amount in amounts if not amount.binary)
        removed += sum(amount.removed for amount in amounts if not amount.binary)
    if paths:
        parts = [f"{counted(paths, 'path')} changed"]
        parts += [f"{counted(added, 'insertion')}(+)"] if added else []
        parts += [f"{counted(removed, 'deletion')}(-)"] if removed else []
        yield f" {', '.join(parts)}"


def _stat_table(rows: Sequence[Difference], amounts: Sequence[Amount]) -> Iterator[str]:
    names = [f"/{shown(row.path)}" for row in rows]
    width = min(max(map(len, names)), _WIDEST)
    most = max(0 if amount.binary else amount.added + amount.removed for amount in amounts)
    for name, row, amount in zip(names, rows, amounts, strict=True):
        yield f" {name:<{width}} | {_amount_text(row, amount, most)}"


def _amount_text(row: Difference, amount: Amount, most: int) -> str:
    if amount.binary:
        return f"Bin {amount.removed} -> {amount.added} bytes"
    if not amount.added and not amount.removed:
        return "attributes" if row.letter == "C" else WORDS[row.letter]
    bar = _bar("+", amount.added, most) + _bar("-", amount.removed, most)
    return f"{amount.added + amount.removed:>{len(str(most))}} {bar}"


def _bar(mark: str, count: int, most: int) -> str:
    """Return *count* marks, fewer where *most* is too wide, but one at least."""
    if not count:
        return ""
    return paint(mark * (count if most <= _BAR else 1 + count * (_BAR - 1) // most), _COLOURS[mark])


def _write(parts: Iterable[T], write: Callable[[T], object]) -> bool:
    """*write* each of *parts*; return whether there were any."""
    anything = False
    for part in parts:
        write(part)
        anything = True
    return anything


def _print_patch(compared: Compared) -> bool:
    """Bytes as they are to a file or a program; escaped, and in colours, to a terminal."""
    texts = (text for row in compared.rows for text in patches.patch(compared.before, compared.after, row, compared.context))
    if sys.stdout.isatty():
        lines = (_patch_line(line) for text in texts for line in text.removesuffix(b"\n").split(b"\n"))
        return _write(lines, print)
    sys.stdout.flush()
    anything = _write(texts, sys.stdout.buffer.write)
    sys.stdout.buffer.flush()
    return anything


def _patch_line(line: bytes) -> str:
    text = "\t".join(map(shown, line.split(b"\t")))
    return paint(text, _COLOURS[text[0]]) if text[:1] in ("+", "-", "@") else text


WAYS: dict[str, Callable[[Compared], bool]] = {
    "topmost": lambda compared: _write(map(letter_line, topmost(compared.rows)), print),
    "letters": lambda compared: _write(map(letter_line, compared.rows), print),
    "names": lambda compared: _write((f"/{shown(row.path)}" for row in compared.rows), print),
    "stat": lambda compared: _write(stat_lines(compared), print),
    "patch": _print_patch,
    "json": lambda compared: _write((json_line(difference_row(row)) for row in compared.rows), print),
}
"""How differences are printed: "topmost" as docker diff, without what lies below a deleted directory; the others say all."""
