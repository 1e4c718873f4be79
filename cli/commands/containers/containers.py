"""Containers: made, listed, named, sealed and removed."""

import sys
from itertools import islice

import click

from cli.display.output import Shape, json_line, listing, listing_options
from cli.options import completion
from cli.session import logs
from cli.session.failures import for_each
from cli.session.session import Session, first_session, session
from eventstore.index.names import container_named
from eventstore.log.log import Log
from eventstore.model.facts import Base
from eventstore.store import commands
from projections.refs import containers, references
from projections.refs.random_names import nickname

SCRATCH = "scratch"


@click.command()
@click.argument("image", metavar="IMAGE|REF@POINT|scratch", shell_complete=completion.references)
@click.option("--name", help="The container's name; one is made up without it.")
def create(image: str, name: str | None) -> None:
    r"""Put a writable layer on top of an image, or of any point of a container, and print the container's id.

    Nothing is copied. `scratch` is the empty tree.

    \b
      layerlog create --name web tomcat
      layerlog create --name early web@42
    """
    with first_session() if image == SCRATCH else session() as s:
        base = None if image == SCRATCH else references.as_base(s.base(image))
        _create(s, name, base)


@click.command()
@click.argument("point", metavar="REF@POINT", shell_complete=completion.references)
@click.option("--name", help="The container's name; one is made up without it.")
def fork(point: str, name: str | None) -> None:
    r"""Start a container from any point of another's history, and print its id.

    A point is a version (web@42), a time (web@{2026-11-24T10:00}, web@{2 days ago}) or an earlier image of a tag
    (app:1.0@{1}). Without one the container goes on from what is there now; the other one is left alone.
    """
    with session() as s:
        _create(s, name, references.as_base(s.resolve(point)))


def _create(s: Session, name: str | None, base: Base) -> None:
    with s.writer() as writer:
        print(commands.create_container(writer, name or _free_name(s.log), base))


def _free_name(log: Log) -> str:
    from secrets import randbelow

    return nickname(lambda name: container_named(log, name) is not None, randbelow)


@click.command()
@click.option("-a", "--all", "all_", is_flag=True, help="Removed ones too.")
@click.option("-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="name, ancestor (an image), status.")
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only so many, those made last.")
@click.option("-l", "--latest", "last", flag_value=1, help="Only the one made last.")
@listing_options(trunc=True)
def ps(shape: Shape, *, all_: bool, filters: tuple[str, ...], last: int | None) -> None:
    r"""List containers, newest first, and how many of their changes no commit has sealed.

    \b
      layerlog ps --filter status=unsealed       (or sealed, unchanged, removed)
      layerlog ps -q --filter ancestor=tomcat    made from it, or from what was made from it
    """
    from cli.display.containers import COLUMNS, container_row
    from cli.options.container_filters import wanted

    with session() as s:
        accepts, gone = wanted(s, filters), all_ or "status=removed" in filters
        found = (c for c in containers.all_containers(s.log) if (gone or not c.removed) and accepts(c))
        listing(shape, (container_row(s.log, c) for c in islice(found, last)), COLUMNS, "id")


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.argument("name")
def rename(container: str, name: str) -> None:
    """Give a container another name. Its id, and every point of its history, stay."""
    with session() as s, s.writer() as writer:
        commands.rename_container(writer, s.container(container), name)


@click.command()
@click.argument("names", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=completion.containers)
@click.pass_context
def rm(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Remove containers from the list and free their names; one that is refused does not keep the others.

    Nothing is lost: their events stay, sealed or not, and `layerlog undelete` brings them back.
    """
    with session() as s, s.writer() as writer:

        def remove(name: str) -> None:
            with writer.transaction():
                container = s.container(name)
                commands.remove_container(writer, container)
            logs.event("removed", container=container, undo=f"layerlog undelete {container[:12]}")
            print(name)

        code = for_each(names, remove)
    ctx.exit(code)


@click.command("status")
@click.argument("container", shell_complete=completion.containers)
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object.")
def status_(container: str, output_format: str) -> None:
    """Show what a container's next commit would seal: paths added (A), changed (C) and deleted (D), and config changes."""
    from cli.display.containers import print_status, status_row

    with session() as s:
        found = containers.get(s.log, s.container(container))
        if output_format == "json":
            print(json_line(status_row(s.store, found)))
        else:
            print_status(s.store, found, sys.stdout)
