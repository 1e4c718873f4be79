"""--compress[=HOW]: what stands behind it after a blank is its value only where it names a compression."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
HOW = ("gzip", "zstd", "none")


class Compressing(click.Command):
    """A command whose option --compress may stand alone: it means gzip then."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_spelled_out(args)))


def _spelled_out(args: list[str]) -> Iterator[str]:
    end = args.index("--") if "--" in args else len(args)
    for place, arg in enumerate(args):
        alone = arg == "--compress" and place < end and [*args, ""][place + 1] not in HOW
        yield "--compress=gzip" if alone else arg


def compress_option(default: str, what: str) -> Callable[[F], F]:
    """Add --compress; the command gets what packs a layer: "gzip", "zstd" or "" for nothing."""
    return click.option(
        "--compress", type=click.Choice(HOW), default=default, show_default=True, help=what,
        callback=lambda _ctx, _param, how: "" if how == "none" else how,
    )  # fmt: skip
