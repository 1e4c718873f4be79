"""Everything that reaches the user's terminal or the next program of a pipe passes through here."""

import functools
import json
import os
import sys
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, TextIO, TypeVar, cast

import click

from cli.display.formats import columns_of, fitted, padded
from eventstore.model.batches import batches
from eventstore.model.paths import shown as escape

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Row = Mapping[str, Any]

ROWS_AT_ONCE = 1000
_DOCKERS = {"created": ("CreatedSince", "RunningFor", "CreatedAt"), "name": ("Names",), "names": ("Names",), "id": ("ID",)}
"""What docker's templates call the values of our keys, beside their own names and those of their columns."""
REMEMBERED = 500
GAP, INDENT = 2, 4


def plain(value: Any) -> str:
    return escape(value) if isinstance(value, bytes) else str(value)


class Column(NamedTuple):
    """One column of a table: *to_text* shows the row's value of *key*, *full* is for --no-trunc, *none* for no value.

    A list of texts is shown whole.  One that is *kept* stands on a terminal even where no row has anything in it.
    """

    key: str
    header: str
    to_text: Callable[[Any], str | list[str]] = plain
    full: Callable[[Any], str] | None = None
    none: str = ""
    kept: bool = False

    def cell(self, row: Row, shape: "Shape") -> str:
        value = row.get(self.key)
        return self.none if value is None else self.text(value, shape)

    def text(self, value: Any, shape: "Shape") -> str:
        to_text = (shape.no_trunc and self.full) or self.to_text
        text = to_text(value)
        return escape(text) if isinstance(text, str) else ", ".join(map(escape, text))


class Shape(NamedTuple):
    """How the user wants a listing."""

    format: str = "table"
    quiet: bool = False
    no_trunc: bool = False


def listing_options(*, trunc: bool = False) -> Callable[[F], F]:
    """Add --format, -q and (*trunc*) --no-trunc; the command gets them as one argument, `shape`."""

    def decorate(command: F) -> F:
        if trunc:
            command = click.option("--no-trunc", is_flag=True, help="Show ids and texts in full.")(command)

        @click.option(
            "--format", "output_format", metavar="table|json|TEMPLATE", default="table", callback=_checked_format,
            help="json: one object a line; '{{.ID}}', 'table {{.ID}}\\t{{.Name}}': docker's templates.",
        )  # fmt: skip
        @click.option("-q", "--quiet", is_flag=True, help="Print ids or names alone.")
        @functools.wraps(command)
        def with_shape(*args: Any, output_format: str, quiet: bool, no_trunc: bool = False, **rest: Any) -> Any:
            return command(*args, shape=Shape(output_format, quiet, no_trunc), **rest)

        return cast("F", with_shape)

    return decorate


def listing(shape: Shape, rows: Iterable[Row], columns: Sequence[Column], quiet_key: str) -> None:
    """Print *rows* in the asked shape; json and -q print each row as it comes, a table a thousand at a time, on a terminal no
    wider than that.

    json shows every key of a row, whole; bytes are text (a path), so digests must come as hex.
    """
    if shape.quiet:
        column = next((c for c in columns if c.key == quiet_key), Column(quiet_key, ""))
        lines: Iterable[str] = (column.cell(row, shape) for row in rows)
    elif shape.format == "json":
        lines = map(json_line, rows)
    elif "{{" in shape.format:
        lines = _filled(shape, rows, columns)
    else:
        lines = table_lines(shape, rows, columns, _room())
    for line in lines:
        print(line)


def _checked_format(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if text not in ("table", "json") and "{{" not in text:
        raise click.BadParameter(f"{escape(text)!r} is not table, json or a template with {{{{.Field}}}} in it")
    return text


def _filled(shape: Shape, rows: Iterable[Row], columns: Sequence[Column]) -> Iterator[str]:
    """Yield a line for each row as a template of docker's has it; "table " before it makes columns of what tabs part."""
    from cli.go_template import Template

    text = shape.format.replace("\\t", "\t").replace("\\n", "\n")
    is_table = text.startswith("table ")
    template = Template(text.removeprefix("table "))
    by_key = {column.key: column for column in columns}
    lines = (template.filled(_fields(row, by_key, shape)) for row in rows)
    if not is_table:
        yield from lines
        return
    headers = {name: column.header for column in columns for name in _names(column.key, column.header)}
    cells = [line.split("\t") for line in (template.with_headers(headers), *lines)]
    widths = [max(columns_of(row[n]) if n < len(row) else 0 for row in cells) for n in range(max(map(len, cells)))]
    for row in cells:
        yield (" " * GAP).join(map(padded, row, widths)).rstrip()


def _fields(row: Row, columns: Mapping[str, Column], shape: Shape) -> dict[str, Any]:
    """Return what a template may name of a row: each key, as the table shows it where it does, by docker's names, too."""
    found: dict[str, Any] = {}
    for key, value in json_ready(row).items():
        column = columns.get(key)
        cell = value if column is None else column.cell(row, shape)
        found |= dict.fromkeys(_names(key, column.header if column else ""), cell)
    return found


def _names(key: str, header: str) -> list[str]:
    words = ["".join(word.capitalize() for word in text.replace(" ", "_").split("_")) for text in (key, header) if text]
    own = [name.removesuffix("Id") + "ID" if name.endswith("Id") else name for name in words]
    return list(dict.fromkeys([*own, *_DOCKERS.get(key, ())]))


def table_lines(shape: Shape, rows: Iterable[Row], columns: Sequence[Column], room: int | None = None) -> Iterator[str]:
    """Yield Docker's kind of table in parts, so that a very long one takes no more memory than a part.

    A row is one line.  Where *room* is given (the columns of a terminal), what is wider stands on further lines, indented, with
    the headers above in the same way; and what is empty in all rows is left out.
    """
    headers, tell = [column.header for column in columns], [_remembering(column, shape) for column in columns]
    natural, above = list(map(columns_of, headers)), None
    for batch in batches(rows, ROWS_AT_ONCE):
        lines = [[cell(row) for cell in tell] for row in batch]
        by_column = list(zip(*lines, strict=True))
        natural = [max(width, *map(columns_of, cells)) for width, cells in zip(natural, by_column, strict=True)]
        told = [n for n, cells in enumerate(by_column) if room is None or columns[n].kept or any(cells)]
        layout = _laid_out(headers, natural, room, told)
        if layout.places != above:
            above = layout.places
            yield from layout.lines(headers)
        for cells in lines:
            yield from layout.lines(cells)
    if above is None:
        yield from _laid_out(headers, natural, room, range(len(headers))).lines(headers)


def _remembering(column: Column, shape: Shape) -> Callable[[Row], str]:
    """Return what makes *column*'s cells, those that many rows share once."""
    remembered = functools.lru_cache(REMEMBERED)(functools.partial(column.text, shape=shape))

    def cell(row: Row) -> str:
        value = row.get(column.key)
        if isinstance(value, str | Ready):
            return remembered(value)
        return column.none if value is None else column.text(value, shape)

    return cell


class _Layout(NamedTuple):
    """Which columns (by their numbers) stand on which line of a row, and what makes the lines of its cells."""

    places: list[list[int]]
    lines: Callable[[Sequence[str]], Iterable[str]]


def _laid_out(headers: Sequence[str], natural: Sequence[int], room: int | None, told: Sequence[int]) -> _Layout:
    """Return how the columns *told* (by their numbers) stand, each as wide as *natural* says."""
    wide = [max(natural[n], columns_of(headers[n]) + GAP) for n in told[:-1]] + [natural[n] for n in told[-1:]]
    if room is None or sum(wide) + GAP * (len(wide) - 1) <= room:
        widths = dict(zip(told, wide, strict=True))
        return _Layout([list(told)], lambda cells: (_line(cells, widths),))
    widths = {n: min(natural[n], max(room - INDENT, 1)) for n in told}
    places, used = list[list[int]](), room
    for column, width in widths.items():
        if used + GAP + width > room:
            used = (INDENT if places else 0) + width
            places.append([column])
        else:
            used += GAP + width
            places[-1].append(column)
    return _Layout(places, lambda cells: _folded(cells, places, widths))


def _line(cells: Sequence[str], widths: Mapping[int, int]) -> str:
    return (" " * GAP).join(padded(cells[column], width) for column, width in widths.items()).rstrip()


def _folded(cells: Sequence[str], places: Iterable[list[int]], widths: Mapping[int, int]) -> Iterator[str]:
    """Yield the lines of one row, those of *places* that have something to say."""
    margin = ""
    for place in places:
        for parts in zip_longest(*(_wrapped(cells[column], widths[column]) for column in place), fillvalue=""):
            line = (padded(part, widths[column]) for column, part in zip(place, parts, strict=True))
            yield (margin + (" " * GAP).join(line)).rstrip()
        margin = " " * INDENT


def _wrapped(text: str, width: int) -> list[str]:
    """Return *text* in parts that are no wider, cut behind blanks where there are any; [] of nothing."""
    parts = []
    while columns_of(text) > width:
        room = len(fitted(text, width)) or 1  # a wide character takes more than a single column, and must go somewhere
        end = text.rfind(" ", 1, room + 1)
        parts.append(text[: end if end > 0 else room])
        text = text[end + 1 if end > 0 else room :]
    return [*parts, text] if text else parts


def _room() -> int | None:
    """Return how wide a line of standard output is, None where that is no terminal."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def json_line(row: Row) -> str:
    """Return *row* as one line of ASCII, so no terminal and no encoding is hurt by it."""
    return _encode(json_ready(row))


def json_ready(row: Row) -> dict[str, Any]:
    """Return *row* with bytes as text; what is not UTF-8 is approximated, and KEY_b64 beside it is exact."""
    ready: dict[str, Any] = {}
    for key, value in row.items():
        name = key if _is_ready(key) else _text(key)
        ready[name] = value
        if not _is_ready(value):
            ready[name] = _text(value)
            if _approximate(value, ready[name]):
                ready[f"{name}_b64"] = _base64(value)
    return ready


def note(counts: Mapping[str, int], what: str) -> None:
    """Say on stderr how many of which things *what* happened to; nothing where it happened to none."""
    if any(counts.values()):
        listed = ", ".join(f"{escape(name)} ({count})" for name, count in sorted(counts.items()) if count)
        print(f"layerlog: {what}: {listed}", file=sys.stderr)


def or_say_nothing_found(items: Iterable[T], what: str | Callable[[], str]) -> Iterator[T]:
    """Yield *items*; at their end say on stderr that there were none, where there were none: *what* was looked for, or returns
    that.
    """
    nothing = True
    for item in items:
        nothing = False
        yield item
    if nothing:
        say_nothing_found(what if isinstance(what, str) else what())


def say_nothing_found(what: str) -> None:
    print(f"layerlog: nothing found: {escape(what)}", file=sys.stderr)


def colours(stream: TextIO) -> bool:
    """Return whether *stream* is a terminal whose user takes colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """Return *text* in *colour* (click's names) where stdout takes colours."""
    return click.style(text, fg=colour) if colours(sys.stdout) else text


class Ready(list[dict[str, Any]]):
    """Rows within a row that are JSON as they stand (`json_ready`): many rows share them, and so one is known by what it is."""

    __hash__ = object.__hash__  # type: ignore[assignment]


_READY = (float, type(None), Ready)
_EXACT = 2**53
"""Up to here every reader of JSON has the same whole number; jq, JavaScript and Datasette keep doubles (RFC 8259, 6)."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _raw(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _is_ready(value: Any) -> bool:
    if isinstance(value, int):
        return -_EXACT <= value <= _EXACT
    return value.isascii() if isinstance(value, str) else isinstance(value, _READY)


def _text(value: Any) -> Any:
    match value:
        case str() | bytes():
            return _raw(value).decode("utf-8", "replace")
        case Mapping():
            return json_ready(value)
        case list() | tuple():
            return [_text(item) for item in value]
        case int() if not _is_ready(value):
            return str(value)
    return value


def _approximate(value: Any, text: Any) -> bool:
    """Return whether `_text` lost something of *value*; a mapping inside it says that for itself."""
    if isinstance(value, str | bytes):
        return bool(text.encode() != _raw(value))
    return isinstance(value, list | tuple) and any(map(_approximate, value, text))


def _base64(value: Any) -> Any:
    if isinstance(value, str | bytes):
        return b2a_base64(_raw(value), newline=False).decode()
    return [_base64(item) for item in value] if isinstance(value, list | tuple) else _text(value)
