"""Sizes and times, as people type them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.display.formats import DATES
from eventstore.errors import InvalidError
from eventstore.model.paths import shown

if TYPE_CHECKING:
    from projections.events.node_tests import Size

F = TypeVar("F", bound=Callable[..., Any])

_SIZE = r"(?ai)(\d{1,15})\s?(?:([kmgt])(i?)b?|b)?"


def parse_size(text: str) -> int:
    """Return the bytes that *text* says: 5000, 64GiB, 10 MB; units with i, or of one letter (as in Docker), are of 1,024."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise InvalidError(f"{shown(text[:40])!r} is not a size; write bytes, or as 512MiB or 64GiB")
    number, unit, binary = match.groups()
    decimal = unit and not binary and text.strip().lower().endswith("b")
    power = " kmgt".index(unit.lower()) if unit else 0
    return int(number) * int((1000 if decimal else 1024) ** power)


def parse_size_test(text: str) -> "Size":
    """Return the size that +1M (more), -10k (fewer) or 1G (so much) says, of bytes; find(1)'s c for bytes is taken, too."""
    from projections.events.node_tests import Size

    how = text[:1] if text[:1] in ("+", "-") else ""
    size = text[len(how) :]
    return Size(how, parse_size(size[:-1] if size[-1:] == "c" else size))


def begins(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Return where what the user calls *text* begins: its first ns since 1970.  A callback of options, as is `ends`."""
    return None if text is None else _times(text)[0]


def ends(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Return its last ns."""
    return None if text is None else _times(text)[1]


def _times(text: str) -> tuple[int, int]:
    from eventstore.model.time_phrases import parse_times

    return parse_times(text)


def date_option(default: str = "iso") -> Callable[[F], F]:
    """Add --date, which says how `formats.shown_time` shows people a time; programs get UTC."""

    def keep(ctx: click.Context, _param: click.Parameter, way: str) -> None:
        ctx.meta[DATES] = way

    return click.option(
        "--date", type=click.Choice(["iso", "relative", "utc"]), default=default, show_default=True, expose_value=False,
        callback=keep, help="Show times in local time with its offset, as how long ago, or in UTC.",
    )  # fmt: skip


def period_options(command: F) -> F:
    """Add --since and --until; the command gets both in ns since 1970, both included, or None."""
    command = click.option(
        "--until", "--before", metavar="TIME", callback=ends, help="Up to then; a day, a week or a month with all of it."
    )(command)
    return click.option(
        "--since", "--after", metavar="TIME", callback=begins,
        help="From then on: 2026-11-24, '2026-11-24 10:00', yesterday, 'last Tuesday', '2 days ago', 10m, ...; local time, "
        "unless it says UTC or +02:00.",
    )(command)  # fmt: skip
