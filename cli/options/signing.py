"""--sign[=KEY]: what stands behind it after a blank is an argument, never a key."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Signing(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        options = [f"--signing-key={arg[7:]}" if arg.startswith("--sign=") else arg for arg in args[:end]]
        return super().parse_args(ctx, options + args[end:])


def signing_options(command: F) -> F:
    """Add --sign and --sign=KEY; the command gets them as `sign` and `signing_key`."""
    help_text = "Sign it with SSH, as git does: with git's signing key or your own, or with the one named by --sign=KEY."
    with_key = click.option("--signing-key", hidden=True)(command)
    return click.option("--sign", is_flag=True, help=help_text)(with_key)
