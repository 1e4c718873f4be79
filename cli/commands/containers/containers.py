"""Containers: listed, and what the next commit of one would seal."""

from itertools import islice

import click

from cli.display.containers import COLUMNS, container_row, print_overview, print_status, status_row
from cli.display.output import Shape, json_line, listing, listing_options
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.session.session import session
from projections.refs import containers, references


@click.command()
@click.option("-a", "--all", "all_", is_flag=True, help="Removed ones too.")
@click.option(
    "-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="name, ancestor (an image), status.",
    shell_complete=completion.filters("cli.options.container_filters"),
)  # fmt: skip
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only so many, those made last.")
@click.option("-l", "--latest", "last", flag_value=1, help="Only the one made last.")
@date_option("relative")
@listing_options(trunc=True)
def ps(shape: Shape, *, all_: bool, filters: tuple[str, ...], last: int | None) -> None:
    r"""List containers, newest first, and how many of their changes no commit has sealed.

    \b
      layerlog ps --filter status=unsealed       (or sealed, unchanged, running, removed)
      layerlog ps -q --filter ancestor=tomcat    made from it, or from what was made from it
    """
    from cli.options.container_filters import wanted

    with session() as s:
        accepts, gone = wanted(s, filters), all_ or "status=removed" in filters
        found = (c for c in containers.all_containers(s.log) if (gone or not c.removed) and accepts(c))
        listing(shape, (container_row(s.store, c) for c in islice(found, last)), COLUMNS, "id")


@click.command("status")
@click.argument("container", required=False, shell_complete=completion.containers)
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object each.")
def status_(container: str | None, output_format: str) -> None:
    """Show what a container's next commit would seal: paths added (A), changed (C) and deleted (D), and config changes.

    Without CONTAINER: of every container, how much that is, and whether a process runs in it.
    """
    with session() as s:
        if container is None:
            live = (found for found in containers.all_containers(s.log) if not found.removed)
            if output_format == "json":
                for found in live:
                    print(json_line(status_row(s.store, found)))
            else:
                print_overview(s.store, live)
            return
        found = containers.get(s.log, references.resolve_container(s.log, container))
        if output_format == "json":
            print(json_line(status_row(s.store, found)))
        else:
            print_status(s.store, found)
