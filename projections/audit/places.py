"""Places that may hold something: the images taken from elsewhere and all containers, removed ones too."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import FolderBase
from projections.images import images
from projections.refs import containers
from projections.tree import lineage
from projections.tree.view import View


class ImagePlace(NamedTuple):
    """An image taken from elsewhere, and the position at which it first came in."""

    id: str
    view: View
    since: int


class ContainerPlace(NamedTuple):
    """A container, the position of its beginning, and the (version, commit) of its seals, oldest first."""

    id: str
    view: View
    since: int
    seals: tuple[tuple[int, str], ...]

    @property
    def stream(self) -> int:
        return self.view.spans[-1].stream


class Scope(NamedTuple):
    """Of which places it is told: of those containers and of those images (None: of everything), and of images alone that are
    `tagged` so, where that is asked.

    An image is told of by itself where it is asked for; else what is said of its container says it.  Of the containers that
    are `passing` nobody knows, and so it is their images that are told of.
    """

    images: frozenset[str] | None = None
    containers: frozenset[str] = frozenset()
    tagged: frozenset[str] | None = None
    passing: frozenset[str] = frozenset()

    @property
    def limited(self) -> bool:
        return self.images is not None or self.tagged is not None

    def has_container(self, container: str) -> bool:
        everywhere = self.images is None and container not in self.passing
        return self.tagged is None and (everywhere or container in self.containers)

    def has_image(self, image: str, container: str | None) -> bool:
        """Whether an image, sealed in *container* (None: taken from elsewhere), is told of by itself."""
        if self.tagged is not None and image not in self.tagged:
            return False
        if self.images is None:
            return container is None or self.tagged is not None
        return image in self.images or (self.tagged is not None and container in self.containers)


EVERYWHERE = Scope()


def passing(log: Log) -> frozenset[str]:
    """Return the containers that nobody asked for, of which images were made: by `import`, `build` and `erase --derive`."""
    every = (one for one in containers.all_containers(log) if one.removed and one.asked is None)
    return frozenset(one.id for one in every if isinstance(one.base, FolderBase) or one.name.startswith(("build-", "erase-")))


class Places:
    """All of them, images first, the oldest first: so what a container stands on comes before it."""

    def __init__(self, log: Log, content: Content) -> None:
        self._all: list[ImagePlace | ContainerPlace] = [*_images(log, content), *_containers(log, content)]
        self._by_stream: dict[int, list[int]] = {}
        self.layers = {span.stream for place in self._all for span in place.view.spans if span.layer}
        """The streams of imported layers."""
        for number, place in enumerate(self._all):
            for span in place.view.spans:
                self._by_stream.setdefault(span.stream, []).append(number)

    def all(self) -> Iterator[ImagePlace | ContainerPlace]:
        """Yield all, in their order."""
        return iter(self._all)

    def on(self, streams: Iterable[int]) -> Iterator[ImagePlace | ContainerPlace]:
        """Yield those that stand on one of *streams*."""
        numbers = {number for stream in streams for number in self._by_stream.get(stream, ())}
        return (self._all[number] for number in sorted(numbers))


def _images(log: Log, content: Content) -> Iterator[ImagePlace]:
    for image in sorted(images.arrived(log), key=lambda image: image.position):
        yield ImagePlace(image.id, View(log, content, lineage.of_layers(log, lineage.layers_of(log, image.id))), image.position)


def _containers(log: Log, content: Content) -> Iterator[ContainerPlace]:
    for container in list(containers.all_containers(log))[::-1]:
        seals = tuple((seal.version, seal.commit) for seal in log.of_kind(Kind.COMMITTED, container.stream))
        view = View(log, content, lineage.of_container(log, container.id, container.version))
        yield ContainerPlace(container.id, view, container.created, seals)
