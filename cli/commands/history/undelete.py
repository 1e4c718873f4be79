"""`undelete`: what was removed comes back."""

import sys

import click

from cli.display.output import Column, Shape, listing
from cli.options import completion
from cli.session.session import Session, session
from cli.session.writing import writing
from eventstore.errors import InvalidError
from eventstore.model.spelling import check_tag
from eventstore.store import commands
from eventstore.store.writer import Writer
from projections.images import images
from projections.images.removal import Removed, all_removed, find_removed
from projections.refs import containers

_REMOVED = (Column("kind", "KIND"), Column("id", "ID"), Column("name", "NAME"))


@click.command()
@click.argument("name", metavar="[CONTAINER|IMAGE|TAG]", required=False, shell_complete=completion.removed)
@click.option("--name", "new_name", help="What a container is called from now on, where its old name is taken.")
def undelete(name: str | None, new_name: str | None) -> None:
    r"""Bring back what `rm` or `rmi` removed: a container, an image with its names, or a tag with its last image.

    It is found by the name that it had, or by its id. Without one, what could be brought back is listed.

    \b
      layerlog undelete web
      layerlog undelete mytomcat:1.0
      layerlog undelete --name web-old 6b6585a6169b
    """
    with session() as s:
        if name is None:
            rows = ({"kind": each.kind, "id": each.shown(12), "name": each.name} for each in all_removed(s.log))
            listing(Shape(), rows, _REMOVED, "id")
            return
        removed = find_removed(s.log, name)
        if removed.kind == "container":
            _restore_container(s, removed.id, new_name)
        else:
            with writing(s) as writer, writer.transaction():
                removed = find_removed(s.log, name)  # as it is now that nobody else can change it
                _restore_image(s, writer, removed)
        print(removed.shown())


def _restore_container(s: Session, container: str, new_name: str | None) -> None:
    found = containers.get(s.log, container)
    name = new_name or found.name
    commands.require_free_name(s.log, name)
    with writing(s) as writer:
        commands.restore_container(writer, container, name, expected=found.version)


def _restore_image(s: Session, writer: Writer, removed: Removed) -> None:
    image = removed.image or removed.id
    if images.get(s.log, image).removed:
        commands.restore_image(writer, image)
    for tag in (removed.id,) if removed.kind == "tag" else removed.tags:
        try:
            commands.move_tag(writer, check_tag(tag), image)
        except InvalidError as error:  # earlier versions let such names in
            if removed.kind == "tag":
                raise
            print(f"layerlog: brought back without a name: {error}", file=sys.stderr)
