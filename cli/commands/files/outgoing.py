"""Views on their way out: read ahead of who writes them, counted for the progress bar, or as one tar."""

import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cli.session.session import Session
from cli.session.settings import Settings
from cli.streams.prefetch import Reading
from cli.streams.tee import tee
from eventstore.errors import InvalidError
from eventstore.model.entries import Entry, Read
from projections.tree.subtree import below
from projections.tree.view import View
from projections.tree.walk import to_read


def counted(read: Read, advance: Callable[[int], None]) -> Read:
    """Return *read*, which tells *advance* of the bytes it gives."""
    return lambda entry: tee(read(entry), lambda chunk: advance(len(chunk)))


def reader_of(settings: Settings, view: View, path: bytes) -> Reading:
    """Return what opens, in whatever process calls it, the entries below *path* of *view* and how their bytes are read."""
    spans = view.spans

    def reading() -> tuple[Iterator[Entry], Callable[[Entry], Iterator[bytes]]]:
        s = Session(settings)
        same = View(s.log, s.store.content, spans)
        return to_read(same, below(same, path)), same.read

    return reading


def tar_output() -> BinaryIO:
    """Return standard output; raise InvalidError where it is a terminal."""
    if sys.stdout.isatty():
        raise InvalidError("a tar is not written to a terminal; send it to a file or a program (> file.tar, | tar t)")
    return sys.stdout.buffer


def write_tar(view: View, entries: Iterator[Entry], out: BinaryIO, advance: Callable[[int], None]) -> None:
    from projections.layers import plain_tar

    out.writelines(plain_tar.written(view, entries, advance))
    out.flush()
