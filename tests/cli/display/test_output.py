import json
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.display import output
from cli.display.formats import columns_of, human_size, short_id
from cli.display.output import Column, Shape, listing, listing_options, table_lines
from eventstore.model import paths
from tests.cli.invoking import with_base
from tests.cli.running import on_terminal, python

COLUMNS = [Column("name", "NAME"), Column("id", "IMAGE ID", short_id, full=str), Column("size", "SIZE", human_size)]
ROWS: list[dict[str, Any]] = [
    {"name": "debian:12", "id": "ab" * 32, "size": 116_234_567, "created": "2026-11-24T12:00:00Z"},
    {"name": b"odd\xff\x1b[2J", "id": "cd" * 32, "size": None},
]


@click.command()
@listing_options(trunc=True)
def images(shape: Shape) -> None:
    """List."""
    listing(shape, ROWS, COLUMNS, "id")


def shown(*args: str) -> list[str]:
    result = CliRunner().invoke(images, args)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_a_table_is_dockers() -> None:
    assert shown() == [
        "NAME            IMAGE ID      SIZE",
        "debian:12       abababababab  116MB",
        r"odd\xff\x1b[2J  cdcdcdcdcdcd",
    ]


def test_no_trunc_shows_ids_in_full() -> None:
    assert shown("--no-trunc")[1] == f"debian:12       {'ab' * 32}  116MB"
    assert shown("--no-trunc", "-q") == ["ab" * 32, "cd" * 32]


def test_quiet_is_the_key_alone() -> None:
    assert shown("-q") == shown("--quiet") == shown("-q", "--format", "json") == ["abababababab", "cdcdcdcdcdcd"]


def test_json_is_every_key_whole_one_object_a_line() -> None:
    first, second = map(json.loads, shown("--format", "json"))
    assert first == ROWS[0]
    assert second["name"] == "odd\N{REPLACEMENT CHARACTER}\x1b[2J"
    assert b64decode(second["name_b64"]) == ROWS[1]["name"]


def test_json_and_quiet_come_as_they_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    for shape in (Shape(format="json"), Shape(quiet=True)):
        listing(shape, rows_that_look(capsys), COLUMNS, "id")
        assert capsys.readouterr().out.count("\n") == 1


def rows_that_look(capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    yield ROWS[0]
    assert capsys.readouterr().out.count("\n") == 1
    yield ROWS[1]


def test_an_empty_listing_has_a_head_and_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    listing(Shape(), [], COLUMNS, "id")
    listing(Shape(format="json"), [], COLUMNS, "id")
    listing(Shape(quiet=True), [], COLUMNS, "id")
    assert capsys.readouterr().out == "NAME    IMAGE ID    SIZE\n"


def test_cells_that_look_like_numbers_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    listing(Shape(), [{"a": "1e5", "b": "007"}, {"a": "1.0", "b": "-"}], [Column("a", "A"), Column("b", "B")], "a")
    assert capsys.readouterr().out == "A    B\n1e5  007\n1.0  -\n"


CELLS = st.lists(st.text("abc /,.-\u00e9\u65e5e\u0301", max_size=90).map(str.strip), min_size=5, max_size=5)
FIVE = [Column(f"{number}", "COLUMNS"[: 3 + number]) for number in range(5)]


@given(st.lists(CELLS, max_size=6), st.integers(10, 300))
def test_a_table_fits_the_terminal_and_loses_nothing(rows: list[list[str]], room: int) -> None:
    cells = [{f"{number}": text for number, text in enumerate(row)} for row in rows]
    lines = list(table_lines(Shape(), cells, FIVE, room))
    assert max(map(columns_of, lines)) <= room
    told = [n for n in range(5) if not rows or any(row[n] for row in rows)]
    texts = [row[n] for row in [[column.header for column in FIVE], *rows] for n in told]
    assert Counter("".join(lines).replace(" ", "")) == Counter("".join(texts).replace(" ", ""))
    for text in texts:
        assert columns_of(text) > room - output.INDENT or any(text in line for line in lines)


def test_columns_stand_below_each_other_whatever_the_script() -> None:
    rows = [{"a": "\u65e5\u672c", "b": "x"}, {"a": "e\u0301", "b": "y"}, {"a": "abcdefgh", "b": "z"}]
    for room in (None, 80):
        lines = list(table_lines(Shape(), rows, [Column("a", "A"), Column("b", "B")], room))
        assert {columns_of(line[:-1]) for line in lines} == {10}


def test_a_column_without_anything_in_it_is_left_out_on_a_terminal() -> None:
    columns = [Column("a", "A"), Column("b", "B"), Column("c", "C"), Column("d", "D", kept=True)]
    rows: list[dict[str, Any]] = [{"a": "x", "b": None, "c": ""}] * output.ROWS_AT_ONCE + [{"a": "x", "b": "y"}]
    lines = list(table_lines(Shape(), rows, columns, 80))
    assert (lines[0].split(), lines[1]) == (["A", "D"], "x")
    assert [line.split() for line in lines[-2:]] == [["A", "B", "D"], ["x", "y"]]
    assert next(table_lines(Shape(), rows, columns)).split() == next(table_lines(Shape(), [], columns, 80)).split() == ["A", "B", "C", "D"]


def test_a_table_is_one_line_a_row_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    listing(Shape(), [{"a": ["x" * 30] * 9, "b": "y" * 200}] * 3, [Column("a", "A", list), Column("b", "B")], "a")
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_row_that_is_wider_than_the_terminal_takes_more_lines() -> None:
    columns = [Column(name, name.upper()) for name in ("when", "what", "who", "where")]
    rows: list[dict[str, Any]] = [
        {"when": "2026-11-28 13:40:21", "what": "save", "who": "Ada", "where": "a very long way to /some/place"},
        {"when": "2026-11-28 13:40:22", "what": "tag", "who": None, "where": None},
    ]
    assert list(table_lines(Shape(), rows, columns, 29)) == [
        "WHEN                 WHAT",
        "    WHO",
        "    WHERE",
        "2026-11-28 13:40:21  save",
        "    Ada",
        "    a very long way to",
        "    /some/place",
        "2026-11-28 13:40:22  tag",
    ]
    assert list(table_lines(Shape(), rows, columns, 80))[:2] == [
        "WHEN                 WHAT    WHO    WHERE",
        "2026-11-28 13:40:21  save    Ada    a very long way to /some/place",
    ]


def test_columns_that_grow_in_a_later_part_get_their_headers_again() -> None:
    rows: list[dict[str, Any]] = [{"a": "x", "b": "y"}] * output.ROWS_AT_ONCE + [{"a": "x" * 30, "b": "y" * 30}]
    lines = list(table_lines(Shape(), rows, [Column("a", "A"), Column("b", "B")], 40))
    assert [number for number, line in enumerate(lines) if line.startswith("A")] == [0, output.ROWS_AT_ONCE + 1]
    assert lines[-4:] == ["A", "    B", "x" * 30, "    " + "y" * 30]


@pytest.mark.parametrize("command", ["audit", "find"])
def test_long_listings_are_read_on_80_columns(tmp_path: Path, command: str) -> None:
    ll = with_base(tmp_path / "store")
    ll("commit", "--allow-empty", "-m", "a message " * 9, "-a", "Somebody With A Name <somebody@example.org>", "web", "shop/web:1.0")
    asked = [command, *(["motd"] if command == "find" else [])]
    argv = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, *asked]
    lines = on_terminal(argv, {"COLUMNS": "80"}).decode().replace("\r\n", "\n").splitlines()
    piped = ll.lines(*asked)
    assert max(map(len, piped)) > 80 >= max(map(len, lines))
    assert len([line for line in lines if not line.startswith(" ")]) == len(piped)
    assert set(" ".join(piped[1:]).split()) <= set(" ".join(lines).split())
    assert set(piped[0].split()) - set(" ".join(lines).split()) <= {"BEFORE", "SENT", "SIGNED", "BY"}  # where nothing was


def test_the_help_of_a_listing() -> None:
    text = CliRunner().invoke(images, ["--help"]).output
    for option in ("--format table|json|TEMPLATE", "-q, --quiet", "--no-trunc"):
        assert option in text


LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.binary()


@settings(deadline=None)
@given(st.dictionaries(st.text(), LEAVES | st.lists(LEAVES) | st.dictionaries(st.text(), st.binary())))
def test_any_row_is_one_line_of_ascii_json(row: dict[str, Any]) -> None:
    line = output.json_line(row)
    assert line.isascii()
    assert line.isprintable()
    assert set(row) <= set(json.loads(line))


@given(st.binary())
def test_bytes_are_exact_in_json(path: bytes) -> None:
    row = json.loads(output.json_line({"path": path}))
    assert (b64decode(row["path_b64"]) if "path_b64" in row else row["path"].encode()) == path


@given(st.binary())
def test_surrogates_of_argv_are_exact_in_json(argument: bytes) -> None:
    row = json.loads(output.json_line({"arg": argument.decode("utf-8", "surrogateescape")}))
    assert (b64decode(row["arg_b64"]) if "arg_b64" in row else row["arg"].encode()) == argument


@given(st.integers(-(2**70), 2**70) | st.sampled_from([2**53, -(2**53), 2**53 + 1, -(2**53) - 1]))
def test_whole_numbers_are_exact_for_readers_that_keep_doubles(number: int) -> None:
    row = json.loads(output.json_line({"at": number, "list": [number], "inner": {"at": number}}), parse_int=float)
    assert int(row["at"]) == int(row["list"][0]) == int(row["inner"]["at"]) == number
    assert isinstance(row["at"], str) == (abs(number) > 2**53)


def test_items_of_a_list_keep_their_order_where_one_is_not_text() -> None:
    listed: dict[Any, Any] = {"argv": ["rm", "\udcff"], "changes": [{"path": b"\xff"}], "odd": [None, [b"\xff"]], b"key": 1}
    row = json.loads(output.json_line(listed))
    assert (row["odd_b64"], row["key"]) == ([None, ["/w=="]], 1)
    assert [b64decode(item) for item in row["argv_b64"]] == [b"rm", b"\xff"]
    assert row["changes"] == [{"path": "\N{REPLACEMENT CHARACTER}", "path_b64": "/w=="}]


@given(st.text() | st.binary())
def test_nothing_that_steers_a_terminal_gets_out(text: str | bytes) -> None:
    assert paths.shown(text).isprintable()


PAINT = "from cli.display.output import paint; print(paint('a', 'red'))"


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(env: dict[str, str], coloured: bool) -> None:
    assert (b"\x1b" in on_terminal([sys.executable, "-c", PAINT], env)) is coloured
    assert python(PAINT, env=env).stdout == "a\n"


def test_a_table_longer_than_one_part_has_every_row_and_one_header(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": f"row-{number}", "id": "ab" * 32} for number in range(2 * output.ROWS_AT_ONCE + 1)]
    listing(Shape(), iter(rows), COLUMNS, "id")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "IMAGE", "ID", "SIZE"]
    assert [line.split()[0] for line in lines[1:]] == [row["name"] for row in rows]
