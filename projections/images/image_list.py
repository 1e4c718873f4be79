"""The images to list, what stands on each of them, and how large they are: without a fold over the commits."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from eventstore.index import provenance, seals
from eventstore.index.streams import bytes_written
from eventstore.log.log import Log
from eventstore.model.facts import Base, ImageBase
from projections.images import images
from projections.layers import layers
from projections.refs import containers, tags
from projections.tree import lineage


def listed(log: Log) -> Iterator[images.Image]:
    """Yield, newest first, the images that have a name and those that no other was made from, removed ones left out.

    O(names + containers + images taken from elsewhere), however many commits the containers hold.
    """
    # what each container's first commit was made on; a later one is made on the one before it, which is left out
    made_from = {parent for _, parent in seals.first_commits(log) if parent}
    named = tags.current(log)
    heads = map(images.of_seal, seals.last_of_each(log))
    found = {image.id: image for image in (*images.arrived(log), *heads) if image.id in named or image.id not in made_from}
    for name in named.keys() - found.keys():
        found[name] = images.get(log, name)
    yield from (image for image in images.newest_first(log, found.values()) if not image.removed)


def children(log: Log, image: images.Image) -> list[str]:
    """Return the images, removed ones left out, that were made directly on *image*: O(containers)."""
    found = [commit for commit, parent in seals.first_commits(log) if parent == image.id]
    following = image.seal and seals.over(log, image.seal.stream, image.seal.version + 1)
    if following is not None:
        found.append(following.commit)
    return [commit for commit in found if not images.get(log, commit).removed]


def users(log: Log, image: images.Image) -> list[str]:
    """Return the ids of the live containers that stand directly on *image*: O(containers)."""
    if image.seal is None:
        found = provenance.containers_on(log, image.id)
    else:
        found = provenance.containers_from(log, log.stream_of(image.seal.stream).name, image.seal.version)
    return [container for container in found if not containers.get(log, container).removed]


def sizes(log: Log, found: Sequence[images.Image]) -> dict[str, int]:
    """Return image id -> the bytes that its layers hold: tar bytes of imported ones, file bytes written in those born here.

    One pass over the events of each container involved, however many images of it there are.
    """
    chains = {image.id: images.containers_under(log, image) for image in found}
    written = _written(log, {point for chain in chains.values() for point in chain})

    @cache
    def below(container: int) -> int:
        return _layers_size(log, lineage.base_of(log, container))

    came = {image.id: image.cut or ImageBase(image.id) for image in found}
    return {
        image: (below(chain[-1][0]) if chain else _layers_size(log, came[image])) + sum(written[point] for point in chain)
        for image, chain in chains.items()
    }


def _layers_size(log: Log, base: Base) -> int:
    return sum(images.layer_size(log, layer) for layer in layers.of_base(log, base))


def _written(log: Log, points: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the bytes written to files in a stream's events 1..version, for each (stream, version)."""
    found: dict[tuple[int, int], int] = {}
    for (below, version), (stream, upto) in pairwise([(0, 0), *sorted(points)]):
        counted = version if below == stream else 0
        found[stream, upto] = found.get((stream, counted), 0) + bytes_written(log, stream, counted + 1, upto)
    return found
