"""Targets: what references stand for, what their views stand on, and steps back from them."""

from itertools import chain
from typing import NamedTuple

from eventstore.errors import NotFoundError
from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import Base, ContainerBase, ImageBase, image_of
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.refs import containers
from projections.tree import lineage
from projections.tree.view import View


class Target(NamedTuple):
    """What a reference stands for: a container at `version`, an image by its id, or (`cut`) the lowest layers of one.

    For an image born here `container` and `version` say where its seal lies; for one taken from elsewhere, and for some of
    its layers, they are None and 0.  One is `live` that means a container as it is now, not a point of it.
    """

    text: str
    image: str | None
    container: str | None
    version: int
    cut: ImageBase | None = None
    live: bool = False


def of_container(container: containers.Container) -> Target:
    """Return what a container means as it is now."""
    return Target(container.name, None, container.id, container.version, live=True)


def of_image(log: Log, text: str, image: str) -> Target:
    """Return the target of an image by its whole id."""
    seal = log.seal(image)
    if seal is None:
        return Target(text, image, None, 0)
    return Target(text, image, log.stream_of(seal.stream).name, seal.version)


def event_of(log: Log, target: Target) -> Event:
    """Return the event that *target* is: a container's at its version, a commit, or an image's arrival from elsewhere."""
    if target.container is None:
        return lineage.arrival(log, image_of(as_base(target)) or "")
    return log.event(log.existing("container", target.container).id, target.version)


def view(store: Store, target: Target) -> View:
    """Return what *target* holds; nothing is read yet."""
    return View(store.log, store.content, spans(store.log, target))


def spans(log: Log, target: Target) -> list[lineage.Span]:
    return lineage.of_base(log, as_base(target))


# -- what a view stands on


def as_base(target: Target) -> Base:
    """Return *target* as a container's base: its point in the container where it was born here, else the image."""
    if target.container is not None:
        return ContainerBase(target.container, target.version)
    return target.cut or ImageBase(target.image or "")


def containers_under(log: Log, target: Target) -> list[tuple[int, int]]:
    """As `lineage.containers_under`; [] for an image taken from elsewhere."""
    if target.container is None:
        return []
    return lineage.containers_under(log, log.existing("container", target.container).id, target.version)


def bottom(log: Log, target: Target) -> Base:
    """Return what lies at the bottom of the view, below all containers."""
    under = containers_under(log, target)
    return lineage.base_of(log, under[-1][0]) if under else as_base(target)


def last_commit(log: Log, target: Target) -> str | None:
    """Return the id of the image that *target* is or, of a container, that its next commit is made on: its last commit,
    else its base's; None where there is none, or only some layers of one.
    """
    found = (log.latest(Kind.COMMITTED, stream, version) for stream, version in containers_under(log, target))
    last = next(filter(None, found), None)
    if last is not None:
        return last.commit
    base = bottom(log, target)
    return base.image if isinstance(base, ImageBase) and base.layers is None else None


# -- steps back


def back(log: Log, text: str, target: Target, count: int) -> Target:
    """Return what lies *count* steps below *target*, as git's HEAD~N: of a container, counted from its last commit.

    Each commit is a step, one of the config alone too; below the commits, each layer of the image that they stand on.
    Raise NotFoundError below the lowest.  O(steps).
    """
    left, commits = count, 0
    for seal in chain.from_iterable(seals.down(log, *under) for under in containers_under(log, target)):
        if not left:
            return of_image(log, text, seal.commit)
        left, commits = left - 1, commits + 1
    base = bottom(log, target)
    layers = len(lineage.layers_in(log, base)) if isinstance(base, ImageBase) else 0
    if isinstance(base, ImageBase) and (left < layers or not left):
        return _lowest(log, text, base, layers - left)
    raise NotFoundError(f"{shown(text)}: {_all_steps(shown(target.text), commits, layers)}")


def _lowest(log: Log, text: str, base: ImageBase, layers: int) -> Target:
    """Return the image, or its *layers* lowest layers where those are not all."""
    if layers == len(lineage.layers_of(log, base.image)):
        return of_image(log, text, base.image)
    return Target(text, None, None, 0, ImageBase(base.image, layers))


def _all_steps(name: str, commits: int, layers: int) -> str:
    """Return how many steps down *name* has, and which is the lowest."""
    made = f"{commits} commit{'s' * (commits != 1)}" if commits else ""
    came = f"{layers} layer{'s' * (layers != 1)}" if layers else ""
    if not commits + layers:
        return f"{name} has no commits, and stands on no image's layers"
    held = f"{made} and, below {'them' if commits > 1 else 'it'}, {came}" if made and came else made or came
    return f"{name} has {held}; {name}~{commits + layers - 1} is the lowest"
