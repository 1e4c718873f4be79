"""Whole views, written out."""

from contextlib import nullcontext

import click

from cli.commands.files.outgoing import counted, reader_of, tar_output, write_tar
from cli.display.bars import progress
from cli.display.output import note
from cli.options import completion
from cli.session import logs
from cli.session.session import session
from projections.tree.hard_links import linked_nodes
from projections.tree.subtree import below
from projections.tree.symlinks import follow, require_directory


@click.command()
@click.argument("ref", metavar="REF[@POINT][:PATH]", shell_complete=completion.paths)
@click.option(
    "-o", "--output", metavar="FILE", help="Where to, not stdout; whole or not at all.", shell_complete=completion.host_paths
)
def export(ref: str, output: str | None) -> None:
    r"""Write a view's files as one plain tar, as docker export does; its history and config stay behind.

    \b
      layerlog export web | tar t
      layerlog export -o rootfs.tar tomcat
    """
    from cli.hostfs.whole_file import whole_file

    with session() as s:
        view, path = s.view_of(ref)
        path = follow(view, path)
        require_directory(view, path)
        opened = nullcontext(tar_output()) if output in (None, "-") else whole_file(output)
        with progress(None, "Exporting", "bytes") as advance, opened as out:
            write_tar(view, below(view, path), out, advance)


@click.command()
@click.argument("ref", metavar="REF[@POINT][:PATH]", shell_complete=completion.paths)
@click.argument("folder", metavar="DIR", shell_complete=completion.host_paths)
@click.option("--safe", is_flag=True, help="Leave out devices, owners, setuid bits and what else grants rights.")
def checkout(ref: str, folder: str, *, safe: bool) -> None:
    r"""Write a view's files into a new or an empty folder, as they were at any point of history.

    As root this restores owners, devices and setuid bits; otherwise what you may not set is left out and counted.

    \b
      layerlog checkout mytomcat:1.0 /srv/tomcat
      layerlog checkout web@42 before
      layerlog checkout web:/etc etc
    """
    from cli.hostfs.checkout import checkout as write_tree
    from cli.streams.prefetch import read_ahead

    with session() as s:
        view, path = s.view_of(ref)
        path = follow(view, path)
        require_directory(view, path)
        reading = reader_of(s.settings, view, path)
        with logs.step("checked out", ref=ref, folder=folder) as told:
            with progress(None, "Checking out", "bytes") as advance, read_ahead(reading) as (entries, read):
                report = write_tree(entries, counted(read, advance), folder, safe=safe, linked=linked_nodes(view))
            told.update(files=report.files, directories=report.directories, bytes=report.bytes)
    note(report.skipped, "left out")
