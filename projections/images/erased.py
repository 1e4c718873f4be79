"""What was erased of an image, for whoever looks at it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from eventstore.errors import ErasedError
from eventstore.log.log import Log
from eventstore.retention import reachability
from projections.images import images
from projections.images.images import Image
from projections.tree import lineage

T = TypeVar("T")


class Erased(NamedTuple):
    """A content that an image was made of: where it stood (None: beside the files), and the event that erased it."""

    path: bytes | None
    digest: bytes
    position: int


def unless_erased(ask: Callable[[], T]) -> T | None:
    """Return what *ask* returns, None where what it takes was erased."""
    try:
        return ask()
    except ErasedError:
        return None


def of_image(log: Log, image: Image) -> Iterator[Erased]:
    """Yield what was erased of an image and its layers, hidden files too: O(events of its layers), if anything ever was."""
    gone = reachability.erased(log)
    if not gone:
        return
    base = images.base_image(log, image)
    for digest in sorted({digest for event in lineage.arrivals(log, base or "") for digest in reachability.kept_by(event)}):
        if digest in gone:
            yield Erased(None, digest, gone[digest])
    for layer in dict.fromkeys(images.layers_of(log, image)):
        for path, digest in log.written(*images.events_of(log, layer)):
            if digest in gone:
                yield Erased(None if path is None else log.path_text(path), digest, gone[digest])
