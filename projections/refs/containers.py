"""Containers: what each is called, what it was made from, what is sealed, and its view at any version."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.errors import NotFoundError
from eventstore.index import names, streams
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import Base, base_in
from eventstore.store.store import Store
from projections.tree import lineage
from projections.tree.view import View


class Container(NamedTuple):
    """A container as it is now: `sealed` is its last commit's version (0: none), `base` what it was made from.

    `asked` is the reference that was given for that: a tag in full, or what else was written; None where none is on record.
    """

    id: str
    stream: int
    name: str
    version: int
    sealed: int
    base: Base
    asked: str | None
    created: int
    removed: bool


def get(log: Log, container: str) -> Container:
    """Return a container by its whole id; raise NotFoundError."""
    stream = log.stream("container", container)
    if stream is None:
        raise NotFoundError(f"no container {container[:12]}; `layerlog ps` lists those there are")
    return _container(log, stream.id, container, stream.version)


def all_containers(log: Log) -> Iterator[Container]:
    """Yield every container there ever was, newest first."""
    for stream, name in streams.newest(log, "container"):
        yield _container(log, stream, name, log.version(stream))


def removed_named(log: Log, name: str) -> str | None:
    """Return the id of the removed container that bore *name* last, or None."""
    bore = ((stream, c) for stream, c in names.bearers(log, name) if names.name_of(log, stream) == name)
    return next((container for stream, container in bore if names.is_removed(log, stream)), None)


def _container(log: Log, stream: int, container: str, version: int) -> Container:
    created = next(log.of_kind(Kind.CONTAINER_CREATED, stream))
    sealed = log.latest(Kind.COMMITTED, stream)
    return Container(
        container, stream, names.name_of(log, stream), version, sealed.version if sealed else 0, base_in(created),
        created.stated.get("asked"), created.position, names.is_removed(log, stream),
    )  # fmt: skip


def live_view(store: Store, container: str) -> View:
    """Return the container as it is at each moment of asking: what the appender's rules need."""
    return View(store.log, store.content, lineage.of_container(store.log, container))


def view_now(store: Store, container: str) -> View:
    """Return the container as it is now; what is appended later does not show."""
    return view_at(store, container, store.log.existing("container", container).version)


def view_at(store: Store, container: str, version: int) -> View:
    """Return the container after its event *version*: its base plus events 1..version, across its own commits."""
    return View(store.log, store.content, lineage.of_container(store.log, container, version))
