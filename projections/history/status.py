"""What a container holds that no commit has sealed, and where it stands."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.index.streams import count_changes
from eventstore.log.log import Log
from eventstore.model.facts import ContainerBase, ImageBase
from eventstore.store.store import Store
from projections.diff.tree_diff import Difference, between
from projections.images import images
from projections.layers import layers
from projections.refs import tags
from projections.refs.containers import Container, view_at
from projections.refs.points import Points
from projections.tree import lineage
from projections.tree.view import View


class Unsealed(NamedTuple):
    """The events first..last of a container that no seal covers, and the views before and after them."""

    before: View
    after: View
    first: int
    last: int


def unsealed(store: Store, container: str, version: int) -> Unsealed:
    """Return what was not sealed when the container was at *version*; nothing is read yet."""
    stream = store.log.existing("container", container).id
    first = layers.first_unsealed(store.log, stream, version)
    return Unsealed(view_at(store, container, first - 1), view_at(store, container, version), first, version)


def base_view(store: Store, container: str) -> View:
    stream = store.log.existing("container", container).id
    return View(store.log, store.content, lineage.of_base(store.log, lineage.base_of(store.log, stream)))


def differences(found: Unsealed) -> Iterator[Difference]:
    """Yield what a seal would hold: O(paths that the events touched)."""
    return between(found.before, found.after)


def topmost(found: Iterable[Difference]) -> Iterator[Difference]:
    """Yield *found* without what is below a deleted (or replaced) directory: one D says it all, as docker diff prints."""
    gone = b""
    for difference in found:
        if difference.after is None and gone and difference.path.startswith(gone):
            continue
        yield difference
        before, after = difference.before, difference.after
        if before is not None and before.is_dir and (after is None or not after.is_dir):
            gone = difference.path + b"/"


def count_unsealed(log: Log, container: Container) -> int:
    """Return how many events since the last seal change files or the config."""
    return count_changes(log, container.stream, container.sealed)


def unsealed_instructions(log: Log, container: Container) -> list[str]:
    """Return the config instructions that no commit has sealed."""
    return images.instructions(log, container.stream, container.sealed + 1, container.version)


def base_name(log: Log, container: Container) -> str:
    """Return what `ps` calls a container's base: an image's name or short id, NAME@VERSION, or scratch.

    As docker's: the name is the one that was given, as long as it still is that image's.  Where none is on record, any
    name that the image has.
    """
    match container.base:
        case ImageBase(image, None):
            return _image_name(log, image, container.asked)
        case ImageBase(image, int(lowest)):
            return f"{_image_name(log, image, None)}~{len(lineage.layers_of(log, image)) - lowest}"
        case ContainerBase(below, version):
            made = lineage.commit_at(log, below, version)
            return _image_name(log, made, container.asked) if made is not None else Points(log).spelled(below, version)
    return "scratch"


def _image_name(log: Log, image: str, asked: str | None) -> str:
    names = tags.now(log, image)
    name = next(iter(names), None) if asked is None else asked if asked in names else None
    if name is None:
        return image[:12]
    repository, tag = tags.familiar(name)
    return repository if tag == "latest" else f"{repository}:{tag}"
