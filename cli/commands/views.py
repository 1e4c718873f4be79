"""Whole views: compared, and written out."""

import sys
from collections import Counter

import click

from cli import complete
from cli.compare import Compared, compare, print_json, print_lines, print_names, print_patch, print_stat
from cli.output import note, progress
from cli.session import session
from cli.transfer import counted, reader_of, tar_output, write_tar
from projections.resolve import follow, require_directory
from projections.subtree import below
from projections.walk import linked_nodes

SHOW = {"lines": print_lines, "names": print_names, "patch": print_patch, "stat": print_stat, "json": print_json}


@click.command()
@click.argument("first", metavar="REF[:PATH]", shell_complete=complete.paths)
@click.argument("second", metavar="[REF[:PATH]]", required=False, shell_complete=complete.paths)
@click.option("--base", is_flag=True, help="All since the container's base, sealed or not: what docker diff shows.")
@click.option("-p", "--patch", "how", flag_value="patch", help="Texts line by line, modes and owners: a patch.")
@click.option("--stat", "how", flag_value="stat", help="How much of each path changed.")
@click.option("--name-only", "how", flag_value="names", help="Paths alone.")
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
@click.option("--exit-code", is_flag=True, help="Exit 1 where something differs, 0 where nothing does.")
@click.pass_context
def diff(
    ctx: click.Context, first: str, second: str | None, how: str | None, output_format: str, *, base: bool, exit_code: bool
) -> None:
    r"""Show what differs: paths added (A), changed (C) and deleted (D).

    Of one container, what no commit has sealed; of two views, what leads from the first to the second.

    \b
      layerlog diff web                     not sealed yet
      layerlog diff --base web              all since the image it was made from
      layerlog diff -p tomcat web:/etc      from an image to a container, below /etc, line by line
      layerlog diff --stat web@10 web@42    between two events
    """
    shown = SHOW["json" if output_format == "json" else how or "lines"]
    with session() as s:
        compared: Compared = compare(s, first, second, base=base)
        if shown(compared) and exit_code:
            ctx.exit(1)


@click.command()
@click.argument("ref", metavar="REF[@POINT][:PATH]", shell_complete=complete.paths)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write to this file, whole or not at all.")
def export(ref: str, output: str | None) -> None:
    r"""Write a view's files as one plain tar, as docker export does; its history and config stay behind.

    \b
      layerlog export web | tar t
      layerlog export -o rootfs.tar tomcat
    """
    from cli.adapters.whole_file import whole_file

    with session() as s:
        view, path = s.view_of(ref)
        path = follow(view, path)
        require_directory(view, path)
        with progress(None, "Exporting", "bytes") as advance:
            if output is None or output == "-":
                write_tar(view, below(view, path), tar_output(), advance)
            else:
                with whole_file(output) as out:
                    write_tar(view, below(view, path), out, advance)


@click.command()
@click.argument("ref", metavar="REF[@POINT][:PATH]", shell_complete=complete.paths)
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--safe", is_flag=True, help="Leave out devices, owners, setuid bits and what else grants rights.")
def checkout(ref: str, folder: str, *, safe: bool) -> None:
    r"""Write a view's files into a new or an empty folder, as they were at any point of history.

    As root this restores owners, devices and setuid bits; otherwise what you may not set is left out and counted.

    \b
      layerlog checkout mytomcat:1.0 /srv/tomcat
      layerlog checkout web@42 before
      layerlog checkout web:/etc etc
    """
    from cli.adapters.ahead import read_ahead
    from cli.adapters.checkout import checkout as write_tree

    with session() as s:
        view, path = s.view_of(ref)
        path = follow(view, path)
        require_directory(view, path)
        reading = reader_of(s.settings, view, path)
        with progress(None, "Checking out", "bytes") as advance, read_ahead(reading) as (entries, read):
            report = write_tree(entries, counted(read, advance), folder, safe=safe, linked=linked_nodes(view))
    note(Counter(report.skipped), "left out")
    sys.stdout.flush()
