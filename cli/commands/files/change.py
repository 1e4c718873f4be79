"""Changing files in a container: each command is one changeset, all or nothing."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import click

from cli.options import completion
from cli.session.session import session
from cli.session.writing import change, record, writing
from cli.streams.reader import pieces_of
from cli.streams.spool import at_hand, put, spooled
from eventstore.errors import InvalidError
from eventstore.model.changes import Change
from eventstore.model.paths import as_bytes
from eventstore.store.rules import require_allowed
from eventstore.store.writer import Writer
from projections.edits import edits, modes
from projections.edits.modes import parse_owner
from projections.tree.symlinks import follow
from projections.tree.view import View

_PLACE = "CONTAINER:PATH"


def _change(texts: Sequence[str], make: Callable[[View, list[bytes]], Iterable[Change]]) -> None:
    """Append what *make* says of the paths *texts*, which lie in one container."""
    with session() as s:
        container, paths = s.places(texts)
        change(s, container, lambda view: make(view, paths))


@click.command()
@click.argument("place", metavar=_PLACE, shell_complete=completion.container_paths)
@click.option("--text", help="Write this, not what comes on standard input; nothing is added to it.")
@click.option("--mode", metavar="OCTAL", help="The file's permissions; a new file has 0644, an old one keeps its own.")
@click.option("--append", is_flag=True, help="Add to the file's end.")
@click.option("-p", "--parents", is_flag=True, help="Make the directories above it that are missing.")
def write(place: str, text: str | None, mode: str | None, *, append: bool, parents: bool) -> None:
    r"""Write a file from standard input, or from --text. An existing file keeps its owner, mode and xattrs.

    \b
      echo hello | layerlog write web:/etc/motd
      layerlog write --text 'PORT=8080' -p web:/etc/app/env
    """
    permissions = None if mode is None else modes.octal(mode)

    def written(view: View, content: bytes, size: int) -> list[Change]:
        return list(edits.written(view, path, content, size, mode=permissions, parents=parents, now=time.time_ns()))

    with session() as s:
        container, path = s.place(place)
        now = s.now(container)
        require_allowed(written(now, b"", 0), now)
        data = iter([as_bytes(text)]) if text is not None else pieces_of(at_hand(sys.stdin.buffer, s.spool_folder))
        if append:  # what it is added to may be another file by the time that it is recorded
            with spooled(data, s.spool_folder) as again, writing(s) as writer:
                record(s, writer, container, lambda view: written(view, *_put(writer, view, path, again, append=True)), now)
        else:
            with writing(s) as writer:
                new = _put(writer, now, path, lambda: data)
                record(s, writer, container, lambda view: written(view, *new), now)


def _put(
    writer: Writer, view: View, path: bytes, data: Callable[[], Iterator[bytes]], *, append: bool = False
) -> tuple[bytes, int]:
    """Put *data* as what comes after the file that is at *path*, or behind its bytes; return (digest, size)."""
    old = view.lookup(follow(view, path))
    before = view.read(old) if old and append else iter(())
    return put(writer.content, chain(before, data()), old.content if old else None)


@click.command()
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.container_paths)
@click.option("-r", "-R", "--recursive", is_flag=True, help="Directories with all that is below them.")
@click.option("-f", "--force", is_flag=True, help="Be content where there is nothing to delete.")
def delete(places: tuple[str, ...], *, recursive: bool, force: bool) -> None:
    """Delete files, and directories that are empty or that -r names. Earlier points of the history keep them."""
    _change(places, lambda view, paths: edits.deleted(view, paths, recursive=recursive, missing_ok=force))


@click.command()
@click.argument("places", metavar=f"{_PLACE}... DST", nargs=-1, required=True, shell_complete=completion.container_paths)
def move(places: tuple[str, ...]) -> None:
    r"""Rename a file or a directory, or move several into a directory. Nothing is copied: history knows it as a move.

    \b
      layerlog move web:/srv/old web:/srv/new
      layerlog move web:/a web:/b web:/srv
    """
    if len(places) < 2:
        raise click.UsageError("Missing argument 'DST'.")
    _change(places, lambda view, paths: edits.moved(view, paths[:-1], paths[-1]))


@click.command()
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.container_paths)
@click.option("-p", "--parents", is_flag=True, help="Make those above too; be content with what is there.")
@click.option("-m", "--mode", metavar="OCTAL", default="0755", show_default=True, help="Their permissions.")
def mkdir(places: tuple[str, ...], mode: str, *, parents: bool) -> None:
    """Make directories, root's own."""
    permissions, now = modes.octal(mode), time.time_ns()
    _change(places, lambda view, paths: edits.made(view, paths, mode=permissions, parents=parents, now=now))


@click.command()
@click.argument("target", shell_complete=completion.container_paths)
@click.argument("name", metavar="LINK", shell_complete=completion.container_paths)
@click.option("-s", "--symbolic", is_flag=True, help="A symbolic link: TARGET is any text, kept as it is.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
def link(target: str, name: str, *, symbolic: bool, force: bool) -> None:
    r"""Give a file one more name (a hard link), or make a symbolic link.

    \b
      layerlog link web:/usr/bin/vim web:/usr/bin/vi
      layerlog link -s ../etc/motd web:/srv/motd
    """
    if symbolic:
        raw = as_bytes(target)
        if not raw:
            raise InvalidError("a symbolic link leads somewhere; TARGET is empty")
        _change([name], lambda view, paths: edits.symlinked(view, raw, paths[0], force=force, now=time.time_ns()))
    else:
        _change([target, name], lambda view, paths: edits.linked(view, paths[0], paths[1], force=force))


@click.command()
@click.argument("mode")
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.container_paths)
@click.option("-R", "--recursive", is_flag=True, help="All that is below, too.")
def chmod(mode: str, places: tuple[str, ...], *, recursive: bool) -> None:
    """Change the mode of files: octal (0755), or symbolic (u+x,go-w). What has it already is left alone.

    A mode that begins with a minus stands behind --: layerlog chmod -- -w web:/etc/motd
    """
    remode = modes.parse_mode(mode)
    _change(places, lambda view, paths: edits.remoded(view, paths, remode, recursive=recursive))


@click.command()
@click.argument("owner", metavar="USER[:GROUP]")
@click.argument("places", metavar=f"{_PLACE}...", nargs=-1, required=True, shell_complete=completion.container_paths)
@click.option("-R", "--recursive", is_flag=True, help="All that is below, too; symbolic links themselves.")
@click.option("-h", "--no-dereference", is_flag=True, help="A symbolic link itself, not what it leads to.")
def chown(owner: str, places: tuple[str, ...], *, recursive: bool, no_dereference: bool) -> None:
    """Change the owner of files: numbers, or names that the container's own /etc/passwd and /etc/group know.

    As the kernel does it, a program that changes hands loses its setuid and setgid bits and its capabilities.
    """

    def make(view: View, paths: list[bytes]) -> Iterable[Change]:
        found = parse_owner(view, owner)
        return edits.reowned(view, paths, found, recursive=recursive, follow_last=not (recursive or no_dereference))

    _change(places, make)
