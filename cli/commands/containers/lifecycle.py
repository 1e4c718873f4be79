"""Containers: made, named and removed."""

import os
import sys

import click

from cli.commands.images.missing import pull_option, pulled_base, pulling_session
from cli.display.formats import counted
from cli.options import completion
from cli.session import logs
from cli.session.failures import for_each
from cli.session.session import Session, first_session, session
from cli.session.writing import repeated, tell_lacking, writing
from eventstore.errors import ConflictError, NotFoundError
from eventstore.index.names import container_named
from eventstore.log.log import Log
from eventstore.model.facts import ImageBase
from eventstore.model.paths import shown
from eventstore.store import commands, visits
from projections.refs import containers, references, targets
from projections.refs.random_names import nickname
from projections.refs.targets import Target
from projections.tree import lineage

SCRATCH = "scratch"


@click.command()
@click.argument("image", metavar="IMAGE|REF@POINT|scratch", shell_complete=completion.references)
@click.option("--name", help="The container's name; one is made up without it.")
@pull_option
def create(image: str, name: str | None, pull: str) -> None:
    r"""Put a writable layer on top of an image, or of any point of a container, and print the container's id.

    Nothing is copied. An image that is not here is pulled first. `scratch` is the empty tree.

    \b
      layerlog create --name web tomcat
      layerlog create --name early web@42
      layerlog create --name below tomcat~2           without its two uppermost layers
    """
    if image == SCRATCH:
        with first_session() as s:
            _create(s, name, None)
        return
    with pulling_session(image, pull) as s:
        _create(s, name, pulled_base(s, image, pull))


@click.command()
@click.argument("point", metavar="REF@POINT", shell_complete=completion.references)
@click.option("--name", help="The container's name; one is made up without it.")
def fork(point: str, name: str | None) -> None:
    r"""Start a container from any point of another's history, and print its id.

    A point is a version (web@42), a local time (web@{2026-11-24 10:00}; web@{yesterday} is the end of that day) or an
    earlier image of a tag (app:1.0@{1}). Without one the container goes on from what is there now; the other one is left alone.
    """
    with session() as s:
        _create(s, name, s.resolve(point))


def _create(s: Session, name: str | None, target: Target | None) -> None:
    base, asked = (targets.as_base(target), references.asked(s.log, target)) if target else (None, None)
    chosen = name or free_name(s.log)
    commands.require_free_name(s.log, chosen)
    with writing(s) as writer:
        print(commands.create_container(writer, chosen, base, asked))
    if target:
        if target.cut:
            _tell_cut(s, target.cut)
        tell_lacking(s, target)


def _tell_cut(s: Session, cut: ImageBase) -> None:
    """Say on stderr whose config the container has: some layers of an image have none of their own."""
    total = len(lineage.layers_of(s.log, cut.image))
    config = f"the config is all of image {cut.image[:12]}'s, its diff_ids and history cut"
    print(f"layerlog: the lowest {cut.layers} of {counted(total, 'layer')}: {config}", file=sys.stderr)


def free_name(log: Log) -> str:
    return nickname(lambda name: container_named(log, name) is not None, lambda below: int.from_bytes(os.urandom(8)) % below)


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.argument("name")
def rename(container: str, name: str) -> None:
    """Give a container another name. Its id, and every point of its history, stay."""
    with session() as s:

        def act() -> None:
            found = containers.get(s.log, s.container(container))
            commands.require_free_name(s.log, name)
            with writing(s) as writer:
                commands.rename_container(writer, found.id, name, expected=found.version)

        repeated(act)


@click.command()
@click.argument("names", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=completion.containers)
@click.option("-f", "--force", is_flag=True, help="One that is not there is no error; what runs in one is killed.")
@click.pass_context
def rm(ctx: click.Context, names: tuple[str, ...], *, force: bool) -> None:
    """Remove containers from the list and free their names; one that is refused does not keep the others.

    Nothing is lost: their events stay, sealed or not, and `layerlog undelete` brings them back.
    """
    with session() as s:

        def remove(name: str) -> None:
            if references.tagged(s.log, name) and not container_named(s.log, name):
                raise ConflictError(f"{shown(name)} is an image, not a container; `layerlog rmi {shown(name)}` removes it")
            try:
                found = containers.get(s.log, references.resolve_container(s.log, name))
            except NotFoundError:
                if not force:
                    raise
                return
            if force and visits.state(s.store.path, found.id) == visits.RUNNING:
                from cli.session import visiting

                visiting.kill(s, found.id)
                found = containers.get(s.log, found.id)
            if visits.state(s.store.path, found.id) == visits.UNRECORDED:
                from cli.session import visiting

                visiting.recover(s, found.id)  # undelete brings back all of it
                found = containers.get(s.log, found.id)
            with writing(s) as writer:
                commands.remove_container(writer, found.id, expected=found.version)
            if found.id in visits.containers(s.store.path):
                from cli.session import visiting

                visiting.forget_refused(s, found.id)
            logs.event("removed", container=found.id, undo=f"layerlog undelete {found.id[:12]}")
            print(name)

        code = for_each(names, lambda name: repeated(lambda: remove(name)))
    ctx.exit(code)
