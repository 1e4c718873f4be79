"""`cp`, and the ways that it knows: into a container from the host, a view or a tar; out of a view to the host or a tar."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import click

from cli.commands.files.outgoing import counted, tar_output, write_tar
from cli.display.bars import progress
from cli.display.output import note
from cli.hostfs import scan
from cli.options import completion
from cli.session.session import Session, session
from cli.session.writing import record, writing
from cli.streams.spool import at_hand
from cli.streams.tee import tee
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.changes import Change
from eventstore.model.entries import Like
from eventstore.model.paths import join, shown, split
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer
from projections.edits.copying import Source, There, destination, kind_of, placed
from projections.layers import plain_tar
from projections.refs import suggestions
from projections.refs.places import split_place
from projections.tree.hard_links import linked_nodes
from projections.tree.subtree import as_changes, below, beneath
from projections.tree.symlinks import follow, require
from projections.tree.view import View

STREAM = "-"


class How(NamedTuple):
    """`archive` keeps owners, `follow` copies what a symlink leads to; `skipped` counts what could not be copied."""

    archive: bool
    follow: bool
    quiet: bool
    skipped: Counter[str]


@click.command()
@click.argument("source", metavar="SRC|-", shell_complete=completion.any_paths)
@click.argument("target", metavar="DST|-", shell_complete=completion.any_paths)
@click.option("-a", "--archive", is_flag=True, help="Keep owners (between containers they are kept anyway).")
@click.option("-r", "-R", "--recursive", is_flag=True, hidden=True, expose_value=False, help="Folders are copied whole anyway.")
@click.option("-L", "--follow-link", is_flag=True, help="Copy what the symbolic link SRC leads to, not the link.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cp(source: str, target: str, *, archive: bool, follow_link: bool, quiet: bool) -> None:
    r"""Copy files into a container, out of an image or a container, or from one to another.

    SRC and DST are REF:PATH, or paths of this machine, or - for a tar. As with docker cp: a directory that is there is
    copied into, one that is not is made; SRC/. copies what is in a directory without itself. Into a container, what
    comes from this machine becomes root's; on its way out it becomes yours, and devices and setuid bits are left out.

    \b
      layerlog cp web:/usr/local/tomcat/webapps.dist/. web:/usr/local/tomcat/webapps
      layerlog cp index.html web:/srv/
      layerlog cp web@42:/etc/motd web:/etc/motd
      tar c . | layerlog cp - web:/srv
      layerlog cp web:/etc - | tar t
    """
    skipped: Counter[str] = Counter()
    how = How(archive, follow_link, quiet, skipped)
    with session() as s:
        if _in_view(s, target):
            _into_container(s, source, target, how)
        elif not _in_view(s, source):
            hints = (suggestions.before_slash(s.log, text) for text in (source, target))
            spelled = next(filter(None, hints), "write CONTAINER:/PATH")
            raise InvalidError(f"neither {shown(source)!r} nor {shown(target)!r} is in a container; {spelled}")
        elif target == STREAM:
            _to_stream(s, source, how)
        else:
            _to_host(s, source, target, how)
    note(skipped, "left out")


def _in_view(s: Session, text: str) -> bool:
    """Whether *text* is REF:PATH; what begins as a path (/ or .) is the host's whatever it holds."""
    return not text.startswith(("/", ".")) and split_place(s.log, text)[1] is not None


# -- into a container


class _Incoming(NamedTuple):
    """What comes in: `changes` reads it, given a keeper of contents and what is there to be like."""

    source: Source
    changes: Callable[[Writer, Like], Iterator[Change]]


def _into_container(s: Session, source: str, target: str, how: How) -> None:
    container, path = s.place(target)
    now = s.now(container)
    path = follow(now, path)
    there = kind_of(now.lookup(path))
    incoming = _incoming(s, source, there, path, how)
    top = destination(incoming.source, path, there, slash=target.endswith("/"))
    with writing(s) as writer, progress(None, "Copying", quiet=how.quiet) as advance:
        staged = Staged(s.store, tee(incoming.changes(writer, _like(now, top)), lambda _: advance(1)))
        record(s, writer, container, lambda view: placed(staged, view, top, contents=incoming.source.contents), now)
        staged.close()


def _incoming(s: Session, source: str, there: There, path: bytes, how: How) -> _Incoming:
    if source == STREAM:
        if there is not There.DIRECTORY:
            raise ConflictError(f"/{shown(path)} is not a directory, and a tar is unpacked into one; make it first")
        whole = Source(b"", directory=True, contents=True)
        tar = _standard_input(s)
        return _Incoming(whole, lambda writer, like: plain_tar.decoded(tar, writer.content, like))
    if _in_view(s, source):
        view, found, described = _of_view(s, source, how)
        return _Incoming(described, lambda *_: as_changes(view, below(view, found)))
    return _of_host(source, how)


def _of_host(text: str, how: How) -> _Incoming:
    place = os.path.realpath(text) if how.follow else text
    directory = os.path.isdir(place) and (not os.path.islink(place) or text.endswith("/"))
    if not directory:
        os.lstat(place)
    name = os.fsencode(os.path.basename(os.path.abspath(text)))
    source = Source(name, directory, directory and (not name or os.path.basename(text) == "."))

    def changes(writer: Writer, like: Like) -> Iterator[Change]:
        read = scan.scan if directory else scan.single
        found = read(place, writer.content, skipped=how.skipped, like=like)
        return found if how.archive else (change._replace(uid=0, gid=0) for change in found)

    return _Incoming(source, changes)


def _of_view(s: Session, text: str, how: How) -> tuple[View, bytes, Source]:
    view, named = s.view_of(text)
    path = follow(view, named, last=how.follow)
    entry, name = require(view, path), split(named.rstrip(b"/"))[1]
    contents = entry.is_dir and (not path or text.endswith("/."))
    return view, path, Source(split(path)[1] if name == b".." else name, entry.is_dir, contents)


def _like(view: View, top: bytes) -> Like:
    """Return what names, for a path relative to *top*, the content that a copy there replaces."""
    if view.lookup(top) is None:
        return lambda _: None

    def like(path: bytes) -> bytes | None:
        found = view.lookup(join(top, path) if path else top)
        return found.content if found else None

    return like


def _standard_input(s: Session) -> BinaryIO:
    from cli.streams.compression import decompressed

    if sys.stdin.isatty():
        raise InvalidError("'-' reads a tar from standard input, which is a terminal; pipe one in")
    return decompressed(at_hand(sys.stdin.buffer, s.spool_folder), what="standard input")


# -- out of a view


def _to_stream(s: Session, source: str, how: How) -> None:
    view, path, described = _of_view(s, source, how)
    entries = below(view, path) if described.contents else beneath(below(view, path), described.name)
    with progress(None, "Copying", "bytes", quiet=how.quiet) as advance:
        write_tar(view, entries, tar_output(), advance)


def _to_host(s: Session, source: str, target: str, how: How) -> None:
    from cli.hostfs.merge import merge

    view, path, described = _of_view(s, source, how)
    place = os.path.realpath(target) if os.path.islink(target) else target
    there = There.DIRECTORY if os.path.isdir(place) else There.OTHER if os.path.lexists(place) else There.NOTHING
    top = os.fsdecode(destination(described, os.fsencode(place), there, slash=target.endswith("/"))).rstrip("/")
    merging = described.contents and there is There.DIRECTORY
    folder, name = (place, b"") if merging else (os.path.dirname(top) or ".", os.fsencode(os.path.basename(top)))
    entries = (e for e in below(view, path) if e.path) if merging else beneath(below(view, path), name)
    with progress(None, "Copying", "bytes", quiet=how.quiet) as advance:
        report = merge(entries, counted(view.read, advance), folder, archive=how.archive, linked=linked_nodes(view))
    how.skipped.update(report.skipped)
