"""What only removed things hold: contents that no live container and no image, at any point of its history, shows."""

from collections.abc import Iterator

from eventstore.index import streams
from eventstore.log.log import Log
from eventstore.model.events import Kind
from projections.images import images
from projections.refs import containers, targets
from projections.tree import lineage

NEVER = 2**63 - 1


def prunable(log: Log, before: int = NEVER) -> set[bytes]:
    """Return the digests that only containers and images removed before *before* (ns) hold: O(events).

    Files and layers' framing count; configs and manifests stay, so that what was there can still be listed.
    """
    alive: dict[int, int] = {}  # stream -> the last version that something which is not removed holds
    for span in _alive(log, before):
        alive[span.stream] = max(alive.get(span.stream, 0), span.upto)
    trees = [stream for stream, kind, _ in streams.every(log) if kind in ("layer", "container")]
    found = {digest for stream in trees for digest in log.contents(stream, alive.get(stream, 0) + 1)}
    if found:
        for stream, upto in alive.items():
            found.difference_update(log.contents(stream, 1, upto))
    return found


def _alive(log: Log, before: int) -> Iterator[lineage.Span]:
    """Yield what containers and images that are not removed hold."""
    for container in containers.all_containers(log):
        if not container.removed or _when(log, container.stream, Kind.CONTAINER_REMOVED) >= before:
            yield from lineage.of_container(log, container.id)
    for image in images.all_images(log):
        stream = log.stream("image", image.id)
        if not image.removed or stream is None or _when(log, stream.id, Kind.IMAGE_REMOVED) >= before:
            yield from targets.spans(log, targets.of_image(log, "", image.id))


def _when(log: Log, stream: int, kind: Kind) -> int:
    """Return the time (ns) of the stream's latest event of *kind*."""
    latest = log.latest(kind, stream)
    assert latest is not None
    return log.time_of(latest.position)
