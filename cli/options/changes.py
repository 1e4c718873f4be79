"""How changes are shown: -p, -U, --stat, --name-status, --name-only, as git has them."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
CONTEXT = 3
AROUND = "A patch, with N lines around each change in place of 3."

WAYS = {
    "stat": ("--stat", "How much of each path changed."),
    "letters": ("--name-status", "Every path that changed, and how: A, C or D."),
    "names": ("--name-only", "Every path that changed."),
    "patch": ("-p", "--patch", "Texts line by line, modes and owners: a patch."),
}


def changes_options(command: F) -> F:
    """Add the options; the command gets the ways to print (of `diff_lines.WAYS`) that were asked for as `ways`, and how many
    equal lines stand around a patch's as `context`.
    """

    @functools.wraps(command)
    def with_ways(*args: Any, **options: Any) -> Any:
        lines = options.pop("unified")
        ways = [way for way in WAYS if options.pop(way) or (way == "patch" and lines is not None)]
        return command(*args, ways=ways, context=CONTEXT if lines is None else lines, **options)

    decorated: Any = click.option("-U", "--unified", type=click.IntRange(0), metavar="N", help=AROUND)(with_ways)
    for way, (*names, text) in WAYS.items():
        decorated = click.option(*names, way, is_flag=True, help=text)(decorated)
    return decorated  # type: ignore[no-any-return]


text_or_json = click.option(
    "--format", "shape", type=click.Choice(["text", "json"]), default="text", help="json: one object a line."
)
"""--format of what is text for people or JSON for programs."""
