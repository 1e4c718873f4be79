"""What only removed things hold: contents that no live container and no image, at any point of its history, shows."""

from collections.abc import Iterator

from eventstore.index import streams
from eventstore.log.log import Log
from eventstore.model.events import Kind
from projections.images import image_list, images
from projections.refs import containers, tags, targets
from projections.tree import lineage

NEVER = 2**63 - 1


def prunable(log: Log, before: int = NEVER, *, steps: bool = True) -> set[bytes]:
    """Return the digests that only containers and images removed before *before* (ns) hold: O(events).

    Without *steps*, those of builds that nothing needs count as removed.

    Files and layers' framing count; configs and manifests stay, so that what was there can still be listed.
    """
    alive: dict[int, int] = {}  # stream -> the last version that something which is not removed holds
    for span in _alive(log, before, steps=steps):
        alive[span.stream] = max(alive.get(span.stream, 0), span.upto)
    trees = [stream for stream, kind, _ in streams.every(log) if kind in ("layer", "container")]
    found = {digest for stream in trees for digest in log.contents(stream, alive.get(stream, 0) + 1)}
    if found:
        for stream, upto in alive.items():
            found.difference_update(log.contents(stream, 1, upto))
    return found


def of_build_cache(log: Log) -> set[bytes]:
    """Return the digests that only steps of builds hold which lie under no image with a name, no result and no container.

    A step whose contents are erased is built anew.  O(events).
    """
    return prunable(log, steps=False) - prunable(log)


def _alive(log: Log, before: int, *, steps: bool) -> Iterator[lineage.Span]:
    """Yield what containers and images that are not removed hold, *steps* of builds, too, though nothing needs them."""
    for container in containers.all_containers(log):
        if not container.removed or _when(log, container.stream, Kind.CONTAINER_REMOVED) >= before:
            yield from lineage.of_container(log, container.id)
    for image in images.all_images(log):
        if not steps and image_list.is_step(log, image) and not tags.now(log, image.id):
            continue
        stream = log.stream("image", image.id)
        if not image.removed or stream is None or _when(log, stream.id, Kind.IMAGE_REMOVED) >= before:
            yield from targets.spans(log, targets.of_image(log, "", image.id))


def _when(log: Log, stream: int, kind: Kind) -> int:
    """Return the time (ns) of the stream's latest event of *kind*."""
    latest = log.latest(kind, stream)
    assert latest is not None
    return log.time_of(latest.position)
