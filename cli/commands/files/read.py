"""`ls` and `cat`: what is in a view."""

import sys
from collections.abc import Iterator

import click

from cli.display.entries import LONG, entry_row, long_row
from cli.display.output import Shape, listing, listing_options
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.session.session import Session, session
from eventstore.model.entries import Entry
from eventstore.model.paths import shown
from projections.tree.subtree import listed
from projections.tree.symlinks import follow, require_file
from projections.tree.view import View

_PLACE = "REF[@POINT][:PATH]"


@click.command()
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.paths)
@click.option("-l", "long_", is_flag=True, help="Mode, owner, size and time too, as a table.")
@click.option("-a", "--all", is_flag=True, hidden=True, expose_value=False, help="No name is hidden anyway.")
@click.option("-R", "--recursive", is_flag=True, help="All that is below it, too.")
@click.option("-d", "--directory", is_flag=True, help="The directory itself, not what is in it.")
@date_option()
@listing_options()
def ls(shape: Shape, places: tuple[str, ...], *, long_: bool, recursive: bool, directory: bool) -> None:
    r"""List a directory of an image or a container, at any point of its history; one name a line.

    \b
      layerlog ls web                         its root
      layerlog ls -l web:/usr/local/tomcat
      layerlog ls web@42:/etc tomcat:/etc     as it was at its 42nd event; and in the image
      layerlog ls 2a1f4c3b5d6e                one layer alone, of those that `layers` lists
    """
    with session() as s:
        for number, place in enumerate(places):
            view, path = s.view_or_layer_of(place)
            path = follow(view, path, last=not (long_ or directory))
            found = listed(view, path, recursive=recursive, itself=directory)
            if len(places) > 1 and shape.format != "json":
                print("\n" * bool(number) + shown(place) + ":")
            _print(shape, place, found, long_=long_)


def _print(shape: Shape, place: str, found: Iterator[tuple[bytes, Entry]], *, long_: bool) -> None:
    if shape.format == "json":
        listing(shape, ({"ref": place, "name": name, **entry_row(entry)} for name, entry in found), LONG, "name")
    elif (long_ or shape.format != "table") and not shape.quiet:
        listing(shape, (long_row(entry, name) for name, entry in found), LONG, "name")
    else:
        listing(Shape(quiet=True), ({"name": name} for name, _ in found), LONG, "name")


@click.command()
@click.argument("places", metavar="REF[@POINT]:PATH...", nargs=-1, required=True, shell_complete=completion.paths)
def cat(places: tuple[str, ...]) -> None:
    """Print files of an image or a container, as they are at any point of its history; every byte is verified."""
    with session() as s:
        for view, entry in [_file(s, place) for place in places]:
            sys.stdout.buffer.writelines(view.read(entry))


def _file(s: Session, place: str) -> tuple[View, Entry]:
    view, path = s.view_or_layer_of(place)
    return view, require_file(view, follow(view, path))
