"""What `ls` lists: names beside their entries."""

from collections.abc import Iterator

from eventstore.entries import Entry
from eventstore.paths import join, split
from projections.resolve import require
from projections.subtree import below
from projections.view import View


def listed(view: View, path: bytes, *, recursive: bool = False, itself: bool = False) -> Iterator[tuple[bytes, Entry]]:
    """Yield (name, entry): what is in a directory, all that is below it, or *path* itself (whole, with its slash).

    Raise NotFoundError where nothing is.
    """
    entry = require(view, path)
    if itself or not entry.is_dir:
        yield b"/" + path, entry
    elif recursive:
        for found in below(view, path):
            if found.path:
                yield found.path, found._replace(path=join(path, found.path))
    else:
        for found in view.children(path):
            yield split(found.path)[1], found
