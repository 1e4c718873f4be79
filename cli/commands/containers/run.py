"""`run`, `exec` and `recover`: processes in containers."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import reduce
from typing import Any

import click

from cli.commands.containers.lifecycle import SCRATCH, free_name
from cli.commands.images.missing import pull_option, pulled_base, pulling_session
from cli.options import completion
from cli.sandbox import runtime
from cli.sandbox.bundle import TMPFS, Mount, Wishes
from cli.session import visiting
from cli.session.actor import observed_actor
from cli.session.redact import without_secrets
from cli.session.session import Session, become_root, session
from cli.session.writing import writing
from eventstore.errors import ConflictError, InvalidError, NotFoundError
from eventstore.model.paths import shown
from eventstore.store import commands, visits
from projections.refs import references, targets

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

_FOR_BOTH: tuple[Option, ...] = (
    click.option("-i", "--interactive", is_flag=True, help="Give it this command's standard input."),
    click.option("-t", "--tty", is_flag=True, help="Give it a terminal."),
    click.option("-e", "--env", multiple=True, metavar="NAME[=VALUE]", help="Set a variable, for this process alone."),
    click.option("-w", "--workdir", metavar="DIR", help="Begin in this directory."),
    click.option("-u", "--user", metavar="USER[:GROUP]", help="Run as this user, by the container's names or by number."),
)
_FOR_RUN: tuple[Option, ...] = (
    click.option("--rm", "forget", is_flag=True, help="Remove the container afterwards (undelete brings it back)."),
    click.option("--name", help="The container's name; one is made up without it."),
    pull_option,
    click.option("--env-file", type=click.File(), metavar="FILE", shell_complete=completion.host_paths,
                 help="Lines of NAME=VALUE."),
    click.option("-v", "--volume", "volumes", multiple=True, metavar="SRC:DST[:ro]", shell_complete=completion.host_paths,
                 help="Show a file or folder of this machine."),
    click.option("--tmpfs", multiple=True, metavar="DIR", help="An empty folder in memory, which is not recorded."),
    click.option("--network", type=click.Choice(["host", "none"]), default="host", show_default=True,
                 help="This machine's network (no bridge, no -p), or none."),
    click.option("--read-only", is_flag=True, help="Let nothing in the container be changed."),
    click.option("--entrypoint", metavar="PROGRAM", help="In place of the image's."),
    click.option("--hostname", metavar="NAME", help="[default: the container's id]"),
    click.option("--cap-add", multiple=True, metavar="CAP", help="One more capability, or ALL."),
    click.option("--cap-drop", multiple=True, metavar="CAP", help="One capability less, or ALL."),
    click.option("--no-record-args", is_flag=True, help="Leave what stands behind IMAGE out of the log."),
    click.option("--init", is_flag=True, help="Run it under an init that buries orphans (tini or catatonit)."),
    click.option("--runtime", metavar="PROGRAM", help="The OCI runtime.  [default: the first of runc, crun and youki]"),
)  # fmt: skip


_INSTEAD = {
    "-d --detach": "there is no daemon; put & behind the command, or run it by systemd-run",
    "-p --publish": "it has this machine's network, so its ports are there as they are",
    "-P --publish-all": "it has this machine's network, so its ports are there as they are",
    "-m --memory": "limits are systemd's: `systemd-run --scope -p MemoryMax=... layerlog run ...`",
    "--cpus": "limits are systemd's: `systemd-run --scope -p CPUQuota=... layerlog run ...`",
    "--privileged": "name what it needs with --cap-add",
    "--device": "this machine's devices are not given away; a file of one can be shown with -v",
    "--security-opt": "capabilities are named with --cap-add and --cap-drop; the rest is fixed",
    "--platform": "only this machine's kind of programs can run",
    "--restart": "there is no daemon; a unit of systemd starts it again",
    "--mount": "write it as -v SRC:DST[:ro]",
    "-l --label": "labels are the container's: `layerlog config --label`",
}
"""What Docker's run has and this one has not, and what to do instead."""


def _refused(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        spelled = " ".join(param.opts)
        raise click.UsageError(f"{param.opts[-1]} is not there: {_INSTEAD[spelled]}.")


_FLAGS = ("-d --detach", "-P --publish-all", "--privileged")
_NOT_THERE: tuple[Option, ...] = tuple(
    click.option(*spelled.split(), is_flag=spelled in _FLAGS, hidden=True, expose_value=False, callback=_refused)
    for spelled in _INSTEAD
)


def _with(options: tuple[Option, ...]) -> Option:
    return lambda function: reduce(lambda made, option: option(made), reversed(options), function)


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("target", metavar="IMAGE|CONTAINER|REF@POINT", shell_complete=completion.references)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@_with((*_FOR_BOTH, *_FOR_RUN, *_NOT_THERE))
@click.pass_context
def run(ctx: click.Context, /, target: str, command: tuple[str, ...], **options: Any) -> None:
    r"""Run a program in a container, and record every change that it makes.

    Of an image a new container is made, of a point of history a fork; a container goes on as it is. Whatever the program
    changed is in the log when it ends, and whenever `commit` asks. What -e sets is never committed; `config` sets what is.

    \b
      layerlog run -it tomcat bash
      layerlog run --name web tomcat sh -c 'cp -r webapps.dist/. webapps'
      layerlog run --rm web@42 ls /etc
    """
    kept = () if options["no_record_args"] else _recorded(ctx, command)
    ctx.obj = ctx.obj._replace(argv=(*ctx.obj.argv[: len(ctx.obj.argv) - len(command)], *kept))
    with runtime.own_failures():
        wishes = _wishes(command, options)
        become_root()
    with runtime.own_failures(), pulling_session(target, options["pull"]) as s:
        container, is_new = _container(s, target, options)
        try:
            code = visiting.run(s, container, wishes, ctx.obj.argv, options["runtime"])
        finally:
            if is_new and options["forget"] and not visits.state(s.store.path, container):  # what is not recorded stays
                with writing(s) as writer:
                    commands.remove_container(writer, container)
    ctx.exit(code)


def _recorded(ctx: click.Context, command: Sequence[str]) -> list[str]:
    """Return what the log keeps of the program's own words, which are the last of the command line."""
    words = ctx.obj.argv[len(ctx.obj.argv) - len(command) :]
    return without_secrets(words)


def _container(s: Session, target: str, options: dict[str, Any]) -> tuple[str, bool]:
    """Return the container that *target* is, or one that is made on it, and whether that is so."""
    if not options["name"]:
        with suppress(NotFoundError, ConflictError):  # it is an image, or a point
            return references.resolve_container(s.log, target), False
    base, asked = None, None
    if target != SCRATCH:
        found = pulled_base(s, target, options["pull"])
        base, asked = targets.as_base(found), references.asked(s.log, found)
    name = options["name"] or free_name(s.log)
    commands.require_free_name(s.log, name)
    with writing(s) as writer:
        return commands.create_container(writer, name, base, asked), True


def _wishes(command: tuple[str, ...], options: dict[str, Any]) -> Wishes:
    if options["tty"] and not sys.stdin.isatty():
        raise click.UsageError("-t wants a terminal as standard input; leave it out.")
    if not re.fullmatch(r"([a-zA-Z0-9][a-zA-Z0-9._-]{0,63})?", options["hostname"] or ""):
        raise InvalidError(f"host name {shown(options['hostname'])!r}: not 1 to 64 letters, digits, dots and hyphens")
    lines = options["env_file"].read().splitlines() if options["env_file"] else []
    from_file = [line for line in lines if line.strip() and not line.startswith("#")]
    mounts = [*map(_volume, options["volumes"]), *(Mount(TMPFS, _absolute(path)) for path in options["tmpfs"])]
    return Wishes(
        command, options["entrypoint"], (*from_file, *options["env"]), options["workdir"], options["user"], options["hostname"],
        tuple(mounts), options["cap_add"], options["cap_drop"], options["tty"], options["interactive"], options["network"],
        options["read_only"], options["init"],
    )  # fmt: skip


def _volume(text: str) -> Mount:
    source, colon, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not colon or not source or not target or mode not in ("", "ro", "rw"):
        raise InvalidError(f"volume {shown(text)!r}: not SOURCE:DESTINATION[:ro]; there are no named volumes here")
    found = os.path.abspath(source)
    if not os.path.exists(found):
        raise NotFoundError(f"volume {shown(text)!r}: {shown(found)} is not there on this machine; make it first")
    return Mount(found, _absolute(target), mode == "ro")


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise InvalidError(f"{shown(path)!r}: not an absolute path in the container; begin it with /")
    if os.path.normpath(path).strip("/") == "":
        raise InvalidError(f"{shown(path)!r}: nothing can be shown in place of the whole container; name a folder in it")
    return path


@click.command(name="exec", context_settings={"allow_interspersed_args": False})
@click.argument("container", shell_complete=completion.containers)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@_with(_FOR_BOTH)
@click.pass_context
def exec_(ctx: click.Context, /, container: str, command: tuple[str, ...], **options: Any) -> None:
    r"""Run one more program beside the one that runs in a container; alone where none does.

    \b
      layerlog exec -it web bash
    """
    wishes = Wishes(
        command, "", options["env"], options["workdir"], options["user"], terminal=options["tty"],
        interactive=options["interactive"],
    )  # fmt: skip
    observed_actor()
    ctx.obj = ctx.obj._replace(argv=(*ctx.obj.argv[: len(ctx.obj.argv) - len(command)], *_recorded(ctx, command)))
    with runtime.own_failures(), session() as s:
        code = visiting.beside(s, s.container(container), wishes, ctx.obj.argv)
    ctx.exit(code)


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.option("--discard", is_flag=True, help="Throw it away instead; it can't be brought back.")
def recover(container: str, *, discard: bool) -> None:
    """Record what a process that was killed left in a container. The next command that changes it does that, too."""
    observed_actor()
    act = visiting.discard if discard else visiting.recover
    with session() as s:
        if not act(s, references.resolve_container(s.log, container)):
            print(f"layerlog: container {shown(container)} has nothing unrecorded", file=sys.stderr)
