"""The images to list, what stands on each of them, and how large they are: without a fold over the commits."""

from collections.abc import Iterable, Iterator

from eventstore.content.reader import Content
from eventstore.index import provenance, seals
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import Seal
from projections.images import images, oci_form
from projections.layers import sizes as layer_sizes
from projections.refs import containers, tags


def listed(log: Log) -> Iterator[images.Image]:
    """Yield, newest first, the images that have a name and those that no other was made from, removed ones left out.

    Of a build's stages the result alone counts.  O(names + containers + images taken from elsewhere), however many commits
    the containers hold.
    """
    # what each container's first commit was made on; a later one is made on the one before it, which is left out
    made_from = {parent for _, parent in seals.first_commits(log) if parent}
    named = tags.current(log)
    heads = map(images.of_seal, seals.last_of_each(log))
    shown = (image for image in (*images.arrived(log), *heads) if image.id in named or image.id not in made_from)
    found = {image.id: image for image in shown if image.id in named or not is_step(log, image)}
    for name in named.keys() - found.keys():
        found[name] = images.get(log, name)
    yield from (image for image in images.newest_first(log, found.values()) if not image.removed)


def is_step(log: Log, image: images.Image) -> bool:
    """Whether an image is what a stage of a build came to on the way to another one."""
    if image.seal is None or not Seal.of(image.seal).is_step:
        return False
    stream = log.stream("image", image.id)
    return stream is None or next(log.of_kind(Kind.IMAGE_BUILT, stream.id), None) is None


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


def sizes(log: Log, content: Content, found: Iterable[images.Image]) -> dict[str, int]:
    """Return image id -> the bytes of its layers, as `oci_form.layer_size` counts each: once, and then from cache/."""
    return {image.id: _size(log, content, image) for image in found}


def _size(log: Log, content: Content, image: images.Image) -> int:
    name = f"image-{image.id}" if image.id and image.seal is not None else None
    known = layer_sizes.remembered(log, name) if name else None
    if known is None:
        known = sum(oci_form.layer_size(log, content, layer) for layer in oci_form.exported_layers(log, image))
        if name:
            layer_sizes.remember(log, name, known)
    return known
