"""Reading files in a view."""

import sys
from collections.abc import Iterator
from typing import Any

import click

from cli.display.entries import LONG, entry_row, long_row, print_stat, stat_row
from cli.display.output import Shape, json_line, listing, listing_options
from cli.options import completion
from cli.session.session import Session, session
from eventstore.model.entries import Entry
from eventstore.model.paths import shown
from projections.events.records import Records
from projections.events.rows import event_row
from projections.tree.subtree import listed
from projections.tree.symlinks import follow, require, require_file
from projections.tree.view import View

_PLACE = "REF[@POINT][:PATH]"


@click.command()
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.paths)
@click.option("-l", "long_", is_flag=True, help="Mode, owner, size and time too, as a table.")
@click.option("-R", "--recursive", is_flag=True, help="All that is below it, too.")
@click.option("-d", "--directory", is_flag=True, help="The directory itself, not what is in it.")
@listing_options()
def ls(shape: Shape, places: tuple[str, ...], *, long_: bool, recursive: bool, directory: bool) -> None:
    r"""List a directory of an image or a container, at any point of its history; one name a line.

    \b
      layerlog ls web                         its root
      layerlog ls -l web:/usr/local/tomcat
      layerlog ls web@42:/etc tomcat:/etc     as it was at its 42nd event; and in the image
    """
    with session() as s:
        for number, place in enumerate(places):
            view, path = s.view_of(place)
            path = follow(view, path, last=place.endswith("/") or not (long_ or directory))
            found = listed(view, path, recursive=recursive, itself=directory)
            if len(places) > 1 and shape.format != "json":
                print("\n" * bool(number) + shown(place) + ":")
            _print(shape, place, found, long_=long_)


def _print(shape: Shape, place: str, found: Iterator[tuple[bytes, Entry]], *, long_: bool) -> None:
    if shape.format == "json":
        listing(shape, ({"ref": place, "name": name, **entry_row(entry)} for name, entry in found), LONG, "name")
    elif long_ and not shape.quiet:
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
    view, path = s.view_of(place)
    return view, require_file(view, follow(view, path))


@click.command("stat")
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.paths)
@click.option("-L", "--dereference", is_flag=True, help="What a symbolic link leads to, not the link.")
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
def stat_(places: tuple[str, ...], *, dereference: bool, output_format: str) -> None:
    """Show all attributes of a path, the digest of its content, and the event that made it what it is: who and when."""
    with session() as s:
        rows = [_stat(s, place, dereference=dereference) for place in places]
        for number, row in enumerate(rows):
            print(json_line(row)) if output_format == "json" else print_stat(row, first=not number)


def _stat(s: Session, place: str, *, dereference: bool) -> dict[str, Any]:
    view, path = s.view_of(place)
    entry = require(view, follow(view, path, last=dereference or place.endswith("/")))
    erased = view.content.erased(entry.content) if entry.content else None
    return {"ref": place, **stat_row(s.log, entry), "erased": erased and event_row(Records(s.log).at(erased))}
