"""How changes are shown: -p, --stat, --name-status, --name-only, as git has them."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

WAYS = {
    "stat": ("--stat", "How much of each path changed."),
    "letters": ("--name-status", "Every path that changed, and how: A, C or D."),
    "names": ("--name-only", "Every path that changed."),
    "patch": ("-p", "--patch", "Texts line by line, modes and owners: a patch."),
}


def changes_options(command: F) -> F:
    """Add the options; the command gets the ways to print (of `diff_lines.WAYS`) that were asked for as `ways`."""

    @functools.wraps(command)
    def with_ways(*args: Any, **options: Any) -> Any:
        return command(*args, ways=[way for way in WAYS if options.pop(way)], **options)

    decorated: Any = with_ways
    for way, (*names, text) in WAYS.items():
        decorated = click.option(*names, way, is_flag=True, help=text)(decorated)
    return decorated  # type: ignore[no-any-return]


text_or_json = click.option(
    "--format", "shape", type=click.Choice(["text", "json"]), default="text", help="json: one object a line."
)
"""--format of what is text for people or JSON for programs."""
