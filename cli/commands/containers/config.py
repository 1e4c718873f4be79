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
from projections.refs import containers, references

_PAIRS = {"env": "ENV", "label": "LABEL"}
_WORDS = {"user": "USER", "workdir": "WORKDIR", "expose": "EXPOSE", "stop_signal": "STOPSIGNAL"}
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
@click.option("--show", is_flag=True, help="Print the config that results, as JSON.")
def config(container: str, *, show: bool, **options: Any) -> None:
    r"""Set what a container's images say about running them; without an option, show it.

    The next commit seals it, as `commit --change` does at once. Values are stored as they are: they travel with the image.

    \b
      layerlog config web --env PORT=8080 --cmd '["catalina.sh", "run"]'
    """
    instructions = list(_instructions(options))
    with session() as s:
        if instructions:
            repeated(lambda: _configure(s, container, instructions))
        if show or not instructions:
            print(json.dumps(run_config.run_config(s.log, s.store.content, s.resolve(container)), indent=4))


def _configure(s: Session, container: str, instructions: list[str]) -> None:
    found = containers.get(s.log, s.container(container))
    if change := run_config.change(s.log, s.store.content, references.target_of(found), instructions):
        with writing(s) as writer:
            commands.configure(writer, found.id, change, expected=found.version)


def _instructions(options: dict[str, Any]) -> Iterator[str]:
    for option, word in _PAIRS.items():
        yield from (run_config.pair(word, text) for text in options[option])
    for option, word in _WORDS.items():
        given = options[option] or ()
        yield from (f"{word} {run_config.quoted(text)}" for text in ((given,) if isinstance(given, str) else given))
    if options["volume"]:
        yield f"VOLUME {json.dumps(options['volume'])}"
    for option, word in _COMMANDS.items():
        if options[option] is not None:
            yield f"{word} {options[option].strip() or '[]'}"
