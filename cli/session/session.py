"""What every command starts with: the store, who is asking, and what a reference means."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import click

from cli.session import logs
from cli.session.actor import claimed_author, observed_actor
from cli.session.settings import Settings
from eventstore.disk.folder import require_writable
from eventstore.errors import ConflictError, ErasedError, InvalidError, NotFoundError, StoreError
from eventstore.log.log import Context
from eventstore.model.events import Event
from eventstore.model.paths import shown
from eventstore.store import visits
from eventstore.store.store import Store
from projections.refs import containers, references, suggestions, tags, targets
from projections.refs.places import split_place
from projections.refs.targets import Target
from projections.tree.lineage import of_layers
from projections.tree.symlinks import follow
from projections.tree.view import View

if TYPE_CHECKING:
    from projections.images.images import Image


class Session:
    """One command's work: `store` is open while the command runs."""

    def __init__(self, settings: Settings, open_store: Callable[[str], Store] = Store.open) -> None:
        self.settings = settings
        self.store = open_store(settings.store)
        self._told = set[str]()
        self.build: Mapping[str, Any] | None = None
        """The step of a build that is being done, for what is recorded meanwhile."""
        self.log = self.store.log
        if logs.wanted():
            logs.bind(head=self.log.head().changesets)
            self.store.cache.asked = lambda name, found: logs.detail("cache hit" if found else "cache miss", file=name)

    def context(
        self, known: str = "recorded", process: tuple[str, Sequence[str]] | None = None, *,
        undoes: Sequence[tuple[int, int]] = (), redoes: Sequence[tuple[int, int]] = (),
    ) -> Context:  # fmt: skip
        """Return who and why, as the log keeps it; of what a *process* in a container did, its id and how it was begun; of an
        undo or a redo, what it takes or brings back.
        """
        name, argv = process or (None, self.settings.argv)
        return Context(
            observed_actor(), tuple(argv), self._author, known, name, undoes=undoes, redoes=redoes, build=self.build
        )

    @cached_property
    def _author(self) -> str | None:
        """Who says to have done it: git is asked once, however often a command writes."""
        return claimed_author(self.settings.author)

    def spool_folder(self) -> str:
        """Return where large unnamed files may be put while the command runs."""
        from cli.distribution.send import spool_folder

        return spool_folder(self.store)

    def resolve(self, ref: str) -> Target:
        found = references.resolve(self.log, ref, _end_of)
        logs.detail("resolved", ref=ref, image=found.image, container=found.container, version=found.version)
        return self._with_process_told(found)

    def _with_process_told(self, target: Target) -> Target:
        """Return *target*; of a container as it is now, say what the log does not have of it."""
        if target.live and target.container is not None:
            self._tell_process(target.container, target.text)
        return target

    def tell_processes(self) -> None:
        """Say of every container what the log does not have of it: one listing of a folder, where nothing runs."""
        for container in filter(partial(self.log.stream, "container"), visits.containers(self.store.path)):
            self._tell_process(container, containers.get(self.log, container).name)

    def _tell_process(self, container: str, name: str) -> None:
        """Say, once, that a process runs in a container, or left what is not recorded, where that is so."""
        process = "" if container in self._told else visits.state(self.store.path, container)
        if process:
            from cli.display.containers import open_line

            self._told.add(container)
            print(f"layerlog: {open_line(process, name)}", file=sys.stderr)

    def event_or_target(self, text: str) -> Event | Target:
        """Return what `show` and `prove` take: the event at a position of the log, else as `resolve`."""
        event = self.event_at(text)
        if event is not None:
            return event
        try:
            return self.resolve(text)
        except NotFoundError:
            if not text.isdecimal():
                raise
            number, last = shown(text[:40]), self.log.head().position
            raise NotFoundError(f"no such event: {number}; there are 1 to {last}, and nothing else is called so") from None

    def event_at(self, text: str) -> Event | None:
        """Return the event whose position in the log *text* is, None where it is none's."""
        is_position = re.fullmatch(r"\d{1,18}", text, re.ASCII) and 0 < int(text) <= self.log.head().position
        return self.log.at(int(text)) if is_position else None

    def image(self, ref: str) -> str:
        return references.resolve_image(self.log, ref, _end_of)

    def exported(self, ref: str) -> "Image":
        """Return what is to leave the store: an image, or what a point of a container would be as one."""
        from projections.images import images

        found = references.resolve_exported(self.log, ref, _end_of)
        return images.require_there(self.log, found.image) if found.image else images.of_target(self.log, found)

    def base(self, ref: str) -> Target:
        return self._with_process_told(references.resolve_base(self.log, ref, _end_of))

    def container(self, ref: str) -> str:
        """Return the live container that a command is to change; UnrecordedError where what a process left comes first."""
        found = references.resolve_container(self.log, ref)
        visits.require_recorded(self.store.path, found)
        return found

    def view(self, target: Target) -> View:
        return targets.view(self.store, target)

    def view_of(self, text: str) -> tuple[View, bytes]:
        """Return the view and the path of REF[@POINT]:PATH, as it is written; without a path, the root."""
        ref, path = self.split(text)
        return self.view(self.resolve(ref)), path or b""

    def view_or_layer_of(self, text: str) -> tuple[View, bytes]:
        """As `view_of`; a layer's id is that layer alone, too."""
        ref, path = self.split(text)
        layer = references.layer_alone(self.log, ref)
        if layer is None:
            return self.view(self.resolve(ref)), path or b""
        return View(self.log, self.store.content, of_layers(self.log, [layer])), path or b""

    def split(self, text: str) -> tuple[str, bytes | None]:
        """Return the reference and the path, as it is written, of REF[@POINT]:PATH; of CONTAINER:PATH without its slash what
        looks like an image's name is a path only where there is one.
        """
        ref, path = split_place(self.log, text)
        if path is not None and ":/" not in text and tags.spellings(text):
            view = self.view(self.resolve(ref))
            return (text, None) if view.lookup(follow(view, path)) is None else (ref, path)
        return ref, path

    def content(self, text: str) -> bytes:
        """Return the digest of what the file REF[@POINT]:PATH holds."""
        view, path = self.view_of(text)
        from cli.session.named_paths import led

        entry = view.get(led(view, path))
        if entry.content is None:
            raise ConflictError(f"{shown(text)} is no file with a content of its own; name a regular file")
        return entry.content

    def split_named(self, text: str) -> tuple[str, bytes]:
        """As `split`, of what must name a path; raise InvalidError."""
        ref, path = self.split(text)
        if path is None:
            spelled = suggestions.before_slash(self.log, text) or f"name a path behind it, as in {shown(text)}:/etc/motd"
            raise InvalidError(f"{shown(text)}: {spelled}")
        return ref, path

    def place(self, text: str) -> tuple[str, bytes]:
        """Return the live container and the path of REF:PATH, of what a command changes."""
        ref, path = split_place(self.log, text)
        if path is None:
            spelled = suggestions.before_slash(self.log, text) or "write CONTAINER:/PATH"
            raise InvalidError(f"{shown(text)!r} names no path in a container; {spelled}")
        return self.container(ref), path

    def places(self, texts: Iterable[str]) -> tuple[str, list[bytes]]:
        """As `place`, for several paths that must lie in one container, so that they change together or not at all."""
        places = [self.place(text) for text in texts]
        found = {container for container, _ in places}
        if len(found) > 1:
            raise InvalidError("the paths lie in several containers; change one container at a time")
        return found.pop(), [path for _, path in places]

    def now(self, container: str) -> View:
        """Return the container as it is now; what is appended later does not show."""
        return containers.view_now(self.store, container)


def _end_of(text: str) -> int:
    from eventstore.model.time_phrases import end_of  # few commands are given one

    return end_of(text)


@contextmanager
def session(open_store: Callable[[str], Store] = Store.open) -> Iterator[Session]:
    """Open the store that the options before the command name; raise StoreError where it is not there.

    Who meets what was erased is told where it was.
    """
    opened = Session(click.get_current_context().obj, open_store)
    try:
        yield opened
    except ErasedError as error:
        from cli.display.integrity import met

        raise met(opened.log, error) from error
    finally:
        opened.store.close()


def become_root() -> None:
    """Let this process be root by name, with its user's own range of ids; who asks stays on record as he is."""
    from cli.sandbox import namespaces

    observed_actor()  # asked before it is root
    namespaces.become_root()


def whole_session() -> AbstractContextManager[Session]:
    """As `session`, where every file of the store can be removed: those too that processes in this user's containers own."""
    store = click.get_current_context().obj.store
    if os.geteuid() and any(os.path.isdir(os.path.join(store, name)) for name in ("cache/lower", "running", "mounts")):
        become_root()
    return session()


def first_session() -> AbstractContextManager[Session]:
    """As `session`, for the commands that can be a store's first: it is made where it is not there."""
    return session(_writable)


def _writable(path: str) -> Store:
    """Return the store, open or made anew, before anything is read that could not come in then."""
    found = Store.open_or_create(path)
    try:
        require_writable(found.path)
    except StoreError:
        found.close()
        raise
    return found
