"""The frame of the command line: options before the command, the lazy table of commands, and the way out."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from cli.catalog import COMMANDS, DESTROYING, GROUPS, HEADINGS, INSTEAD, OTHER_A, SELDOM, SYNONYMS, WRITING, Entry
from cli.options import completion
from cli.session import failures, logs, waiting
from cli.session.actor import author_option, observed_actor
from cli.session.redact import redacted
from cli.session.settings import Settings, default_store
from cli.version import VERSION
from eventstore.disk import lock
from eventstore.errors import UnrecordedError

_ALL = "layerlog.all"
_TYPED = "layerlog.typed"
_STORE_HELP = "The store; load, import and create make it.  [env: LAYERLOG_STORE; default: ~/.local/share/layerlog]"

POINTS = """\b
REF is a container, an image or an id; these are points of its history:
  web@42            after its 42nd event
  web@{yesterday}   then: a date with all its day, a time, 'last Tuesday'
  web~1             one commit before its last, and below those its image's
                    layers; app:1~1 one commit or layer below the image
  app:1@{1}         what the tag named one move ago"""
"""What every command that takes a point says of it."""


class Commands(click.Group):
    """Imports a command's module when that command is called, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)
        return _with_author(cmd_name, _with_points(_with_examples(command)))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _with_examples(self)
        super().format_help_text(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if ctx.resilient_parsing:
            ctx.meta[_TYPED] = args
        args = _translated(ctx, args)
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}.{_suggestion(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for heading, rows in HEADINGS.items():
            shown = [(name.ljust(width), row.help) for name, row in rows.items() if ctx.meta.get(_ALL) or name not in SELDOM]
            with formatter.section(heading):
                formatter.write_dl(shown)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        words = _words(ctx.meta.get(_TYPED, []))
        found = [(word, entry) for word, entry in words.items() if word.startswith(incomplete)]
        known = [(word, entry) for word, entry in found if entry] or found
        names = [CompletionItem(word, help=entry and entry.help) for word, entry in known]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run one command line and leave with its exit code."""
        complete_if_asked(self)
        sys.exit(run(self, list(sys.argv[1:] if args is None else args)))


def _translated(ctx: click.Context, args: list[str]) -> list[str]:
    """Return what the words of docker's and git's users mean here."""
    first, *rest = args
    if ctx.resilient_parsing and first in ("help", "version"):
        return args
    if first == "version" and not rest:
        print(f"layerlog version {VERSION}")
        ctx.exit()
    if first == "help" and (not rest or rest in (["-a"], ["--all"])):
        ctx.meta[_ALL] = bool(rest)
        print(ctx.get_help())
        ctx.exit()
    if first == "help":
        return [*_translated(ctx, rest), "--help"]
    if first in GROUPS and rest and rest[0] in GROUPS[first]:
        return [GROUPS[first][rest[0]], *rest[1:]]
    return [SYNONYMS.get(first, first), *rest]


def _words(typed: Sequence[str]) -> dict[str, Entry | None]:
    """Return what may follow what was typed: commands, and last, without an entry, the words that are no commands of ours."""
    match typed:
        case ["help", *rest] if rest != ["help"]:
            return _words(rest)
        case []:
            return {**COMMANDS, **dict.fromkeys(["help", "version", *GROUPS, *SYNONYMS])}
        case [group] if group in GROUPS:
            return {word: COMMANDS.get(command) for word, command in GROUPS[group].items()}
    return {}


def _with_examples(command: click.Command) -> click.Command:
    r"""Return *command*, whose help has "\b" as raw docstrings spell it, with click's sign that lines stay as they are."""
    command.help = command.help and command.help.replace("\\b\n", "\b\n")
    return command


def _with_points(command: click.Command) -> click.Command:
    """Return *command*, whose help says how a point is spelled where it takes one."""
    if any("REF" in param.metavar for param in command.params if isinstance(param, click.Argument) and param.metavar):
        command.epilog = POINTS
    return command


def _with_author(name: str, command: click.Command) -> click.Command:
    """Return *command*, which takes --author where what it does is recorded."""
    if name in WRITING and all(param.name != "author" for param in command.params):
        author_option(*(() if name in OTHER_A else ("-a",)))(command)
    return command


def run(group: click.Group, arguments: list[str]) -> int:
    """Return the exit code; what failed has been said on stderr."""
    settings = Settings(default_store(), argv=tuple(redacted(["layerlog", *arguments])))
    context, code = None, 0

    def attempt(words: list[str]) -> None:
        nonlocal context
        with group.make_context("layerlog", [*words], obj=settings) as context:
            group.invoke(context)

    try:
        _stand_in_for_closed_streams()
        _accept_any_text()
        try:
            try:
                attempt(arguments)
            except UnrecordedError as left:
                settings = context.obj if context else settings
                attempt(["--store", settings.store, "recover", left.container])
                attempt(arguments)
        except click.exceptions.Exit as stop:
            code = stop.exit_code
        failures.flush_output()
    except click.ClickException as error:
        return failures.show_usage_error(_with_quotes(_with_place(error), arguments))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        return failures.report(error, context.obj if context is not None else settings)
    return code


def complete_if_asked(group: click.Group) -> None:
    instruction = os.environ.get("_LAYERLOG_COMPLETE")
    if instruction:
        from click.shell_completion import shell_complete

        from cli.options import shells

        shells.register()
        try:
            sys.exit(shell_complete(group, {}, "layerlog", "_LAYERLOG_COMPLETE", instruction))
        except Exception:  # noqa: BLE001  nobody asked anything, and the prompt is no place to tell of what went wrong
            sys.exit(1)


def _stand_in_for_closed_streams() -> None:
    """No file of the store may get their numbers: output goes nowhere, and who reads the input is told (EBADF)."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", errors="backslashreplace"))  # noqa: SIM115


def _accept_any_text() -> None:
    """A name that the terminal's encoding lacks is shown escaped; it must not end the command."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure and sys.stdout.encoding.lower() != "utf-8":
        reconfigure(errors="backslashreplace")


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    if name in INSTEAD:
        return f" {INSTEAD[name]}"
    if name in GROUPS:
        return f" `layerlog {name}` goes before one of {', '.join(sorted(GROUPS[name]))}."
    close = [found for found in get_close_matches(name, COMMANDS) if found not in DESTROYING or _is_slip(name, found)]
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _is_slip(typed: str, meant: str) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, typed, meant).ratio() > 0.85


def _with_place(error: click.ClickException) -> click.ClickException:
    """Tell who writes a common option behind the command where it stands."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.parent is not None:
        common = {name for param in cli.params for name in param.opts}
        if error.option_name in common:
            place = f"it stands before the command: layerlog {error.option_name} ... {error.ctx.info_name}"
            return click.UsageError(f"No such option {error.option_name!r} here; {place}", error.ctx)
    return error


def _with_quotes(error: click.ClickException, arguments: Sequence[str]) -> click.ClickException:
    """Tell whose shell parted a point at its blanks how it is quoted."""
    if not isinstance(error, click.UsageError) or not any("@{" in word for word in arguments):
        return error
    from projections.refs.suggestions import unclosed

    said = next((f"{word}: {said}" for word in arguments if (said := unclosed(word))), "")
    return click.UsageError(f"{error.format_message()}; {said}", error.ctx) if said else error


@click.command(
    cls=Commands, epilog="`layerlog COMMAND --help` says more of each; `layerlog help -a` lists the rest, too.",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
@click.option("--store", metavar="DIR", envvar="LAYERLOG_STORE", shell_complete=completion.host_paths, help=_STORE_HELP)
@click.option("--no-pager", is_flag=True, help="Never page.  [env: LAYERLOG_PAGER, PAGER: which pager; cat for none]")
@click.option("-v", "--verbose", count=True, help="Log to stderr what is done (-vv: more).")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How -v logs.")
@click.version_option(VERSION, prog_name="layerlog", message="%(prog)s version %(version)s")
@click.pass_context
def cli(ctx: click.Context, store: str | None, verbose: int, log_format: str, *, no_pager: bool) -> None:
    r"""Keep images and containers, and every change that made them.

    An image is a list of read-only layers. A container adds one writable layer on top; commit seals it as a new
    image. Every write, delete and commit is an event that stays: any point of the history can be shown, compared
    and brought back.

    \b
      layerlog load -i tomcat.tar                    bring in an image
      layerlog create --name web tomcat              a container on top of it
      layerlog cp index.html web:/srv/index.html     change a file
      layerlog commit -m "Add a page" web site:1.0   seal it as a new image
      layerlog log web                               who changed what, and when
    """
    if store == "":
        raise click.BadParameter("it names no folder; leave the option out for the default store", param_hint="--store")
    ctx.obj = ctx.obj._replace(store=store or ctx.obj.store, verbosity=verbose, log_format=log_format)
    lock.tell = waiting.say
    logs.configure(verbose, log_format)
    if verbose:
        logs.bind(store=ctx.obj.store, command=ctx.invoked_subcommand, actor=observed_actor()["login"])
    logs.event("started", argv=ctx.obj.argv)
    if not no_pager and sys.stdout.isatty():
        from cli.session import pager

        if found := pager.opened(ctx.invoked_subcommand, ctx.obj.argv):
            ctx.call_on_close(found.close)
