"""`config`: what a container's images say about running them."""

import json
from collections.abc import Iterator
from typing import Any

import click

from cli.options import completion
from cli.session.session import Session, session
from cli.session.writing import repeated, writing
from eventstore.store import commands
from projections.images import run_config
from projections.oci import config_changes
from projections.oci.dockerfile import Instruction
from projections.refs import containers, targets

_PAIRS = {"env": "ENV", "label": "LABEL"}
_WORDS = {"user": "USER", "workdir": "WORKDIR", "stop_signal": "STOPSIGNAL"}
_COMMANDS = {"entrypoint": "ENTRYPOINT", "cmd": "CMD"}


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("-l", "--label", multiple=True, metavar="NAME=VALUE", help="Set a label.")
@click.option("--cmd", metavar="COMMAND", help='The default command: ["sh", "-c", "..."] or a line for the shell.')
@click.option("--entrypoint", metavar="COMMAND", help="What the command is given to, written like it.")
@click.option("-u", "--user", help="Who runs it: a name or number, with :GROUP or without.")
@click.option("-w", "--workdir", metavar="PATH", help="Where it runs.")
@click.option("--expose", multiple=True, metavar="PORT[/PROTO]", help="Say that it listens there.")
@click.option("--volume", multiple=True, metavar="PATH", help="Say that this directory lies outside of the image.")
@click.option("--stop-signal", metavar="SIGNAL", help="What tells it to stop.")
@click.option("--unset", multiple=True, metavar="FIELD[=NAME]", help="Take away a field, or one name in it: CMD, ENV=PORT.")
@click.option("--show", is_flag=True, help="Print the config that results, as JSON.")
def config(container: str, *, show: bool, **options: Any) -> None:
    r"""Set what a container's images say about running them; without an option, show it.

    The next commit seals it, as `commit --change` does at once. Values are stored as they are: they travel with the image.

    \b
      layerlog config web --env PORT=8080 --cmd '["catalina.sh", "run"]'
      layerlog config web --unset ENV=PORT --unset HEALTHCHECK
    """
    instructions = list(_instructions(options))
    with session() as s:
        if instructions:
            repeated(lambda: _configure(s, container, instructions))
        if show or not instructions:
            print(json.dumps(run_config.run_config(s.log, s.store.content, s.resolve(container)), indent=4))


def _configure(s: Session, container: str, instructions: list[Instruction]) -> None:
    found = containers.get(s.log, s.container(container))
    if change := run_config.change(s.log, s.store.content, targets.of_container(found), instructions):
        with writing(s) as writer:
            commands.configure(writer, found.id, change, expected=found.version)


def _instructions(options: dict[str, Any]) -> Iterator[Instruction]:
    yield from map(config_changes.unset, _unset(options))
    for option, word in _PAIRS.items():
        yield from (config_changes.pair(word, text) for text in options[option] if not _takes_away(text))
    for option, word in _WORDS.items():
        if options[option]:
            yield config_changes.literal(word, options[option])
    if exposed := [text for text in options["expose"] if not _takes_away(text)]:
        yield config_changes.literal("EXPOSE", *exposed)
    if options["volume"]:
        yield config_changes.volumes(options["volume"])
    for option, word in _COMMANDS.items():
        if options[option] is not None:
            yield config_changes.command(word, options[option].strip() or "[]")


def _unset(options: dict[str, Any]) -> Iterator[str]:
    """Yield what goes, before anything is set: --unset, `--env NAME-` as buildah has it, and `--user ''`."""
    yield from options["unset"]
    for option, word in (*_PAIRS.items(), ("expose", "EXPOSE")):
        yield from (f"{word}={text[:-1]}" for text in options[option] if _takes_away(text))
    yield from (word for option, word in _WORDS.items() if options[option] == "")


def _takes_away(text: str) -> bool:
    return len(text) > 1 and text.endswith("-") and "=" not in text
