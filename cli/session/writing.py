"""How commands write: they look without a lock, refuse what is to be refused, and append in a short transaction."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import chain
from typing import TypeVar

from cli.session import logs
from cli.session.session import Session
from eventstore.errors import ConcurrencyError
from eventstore.log.log import PARTED, Context, Log
from eventstore.model.changes import Change
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import shown
from eventstore.model.times import local
from eventstore.store import commands
from eventstore.store import writer as writers
from eventstore.store.rules import require_allowed
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer
from projections.refs.targets import Target
from projections.tree.view import View

T = TypeVar("T")
TRIES = 20
LONG = 1.0
MOST_TOLD = 3
MOST_LACKING = 10


@contextmanager
def writing(
    s: Session, known: str = "recorded", *, context: Context | None = None,
    opened: Callable[..., AbstractContextManager[Writer]] = writers.writing,
) -> Iterator[Writer]:  # fmt: skip
    """Write in this command's name, or as *context* says; says in the operational log what was appended, and on stderr which
    tags another image had, and where the clock has gone back.
    """
    _migrate(s)
    with opened(s.store, context or s.context(known)) as writer, _told(writer), _clocked(s.log):
        commands.create_store(writer)
        yield writer
    if writer.moved:
        _tell_moved(writer)


def _tell_moved(writer: Writer) -> None:
    from cli.display import bars
    from projections.refs.tags import shown_names

    for tag, (old, new) in writer.moved.items():
        name = shown(*shown_names([tag]))
        bars.say(f"layerlog: {name} moved from {old[:12]} (now {name}@{{1}}) to {new[:12]}")


def alone(s: Session) -> AbstractContextManager[Writer]:
    """As `writing`, with every other writer kept out; never inside `writing`."""
    return writing(s, opened=writers.alone)


def record(s: Session, writer: Writer, container: str, make: Callable[[View], Iterable[Change]], now: View) -> int:
    """As `change`, with a writer that is open for the contents; *now* is the container as it was looked at."""
    views = chain([now], iter(lambda: s.now(container), None))

    def act() -> int:
        view = next(views)
        version = commands.record(writer, container, make(view), view, expected=view.version)
        _tell_erased(s, container, view.version, version)
        return version

    return repeated(act)


def repeated(act: Callable[[], T]) -> T:
    """Return what *act* returns; where another writer was faster, look again and repeat, a few times."""
    for attempt in range(1, TRIES):
        try:
            return act()
        except ConcurrencyError as error:
            logs.event("conflict", why=str(error), attempt=attempt)
    return act()


def change(s: Session, container: str, make: Callable[[View], Iterable[Change]]) -> tuple[View, int]:
    """Append, as one changeset, what *make* says of the container as it is now; return that view, and the new version."""

    def act() -> tuple[View, int]:
        now = s.now(container)
        return now, append(s, container, now, make(now))

    return repeated(act)


def append(
    s: Session, container: str, now: View, changes: Iterable[Change], configs: Iterable[ConfigChange] = (),
    context: Context | None = None,
) -> int:  # fmt: skip
    """Append *changes*, which come of looking at *now* and are read to their end before anything is locked, and *configs*.

    Return the container's new version; raise ConcurrencyError where the container is no longer *now*.
    """
    with closing(Staged(s.store, changes)) as staged:
        require_allowed(staged, now)
        with writing(s, context=context) as writer:
            version = commands.record(writer, container, staged, now, configs=configs, expected=now.version)
    _tell_erased(s, container, now.version, version)
    return version


def _tell_erased(s: Session, container: str, before: int, after: int) -> None:
    """Say which files that came after version *before* have only their names, since their contents were erased."""
    if after == before or not s.store.content.has_erasures():
        return
    from cli.display.formats import listed
    from eventstore.retention.reachability import lacked

    gone = lacked(s.log)
    written = s.log.written(s.log.existing("container", container).id, before + 1, after)
    paths = sorted({b"/" + s.log.path_text(path) for path, digest in written if path is not None and digest in gone})
    if paths:
        only = "came without its bytes, which were" if len(paths) == 1 else "came without their bytes, which were"
        print(f"layerlog: {listed(paths, MOST_TOLD)} {only} erased; `layerlog blame` says by whom and why", file=sys.stderr)


def tell_lacking(s: Session, target: Target) -> None:
    """Say which files of an image, or a point, have no bytes, as they were erased here, and how to go on: one look-up where
    nothing ever was.
    """
    if not s.store.content.has_erasures():
        return
    from cli.display.formats import listed
    from eventstore.model.digests import named
    from eventstore.retention.reachability import returning
    from projections.history.derivation import latest_of
    from projections.images import images, oci_form
    from projections.images.lacking import lacking

    gone = list(lacking(s.log, s.store.content, oci_form.exported_layers(s.log, images.of_target(s.log, target))))
    if not gone:
        return
    paths = listed(sorted({b"/" + path for _, path, _ in gone if path is not None}), MOST_LACKING) or "a layer's framing"
    let = f"`layerlog erase --let-return --content {named(gone[0][2])} --reason TEXT`, then "
    back = f"{'' if gone[0][2] in returning(s.log) else let}`layerlog repair --from FILE` brings that back"
    anew = latest_of(s.log, target.image) if target.image else None
    step = f"{anew[:12]} was made of it without that" if anew else back
    print(f"layerlog: {shown(target.text)} lacks what was erased here: {paths}; {step}", file=sys.stderr)


def _migrate(s: Session) -> None:
    old = s.store.schema
    if s.store.migrate():
        logs.event("migrated", before=old, after=s.store.schema)
        now = f"brought from schema {old} to schema {s.store.schema}"
        print(f"layerlog: the store {shown(s.store.path)} was {now}", file=sys.stderr)


@contextmanager
def _clocked(log: Log) -> Iterator[None]:
    """Warn once, where the clock begins to say less than it had said by more than a minute: nobody knows which was wrong."""
    before = log.behind()
    yield
    if before <= PARTED < log.behind():
        from cli.display import bars

        last = log.changeset(log.head().position)
        bars.say(
            f"layerlog: the clock says {local(last.wall)}, and had said {local(last.time)} for an earlier write: one of them "
            "is wrong; correct the clock if it is this one (order is kept, and `layerlog verify` tells where)"
        )


@contextmanager
def _told(writer: Writer) -> Iterator[None]:
    if not logs.wanted():
        yield
        return
    before = writer.log.head()
    yield
    after = writer.log.head()
    if writer.waited > LONG:
        logs.event("waited for others", seconds=round(writer.waited, 3))
    if after.changesets > before.changesets:
        logs.event(
            "appended", changesets=after.changesets - before.changesets, head=after.changesets,
            events=after.position - before.position, author=writer.context.author,
        )  # fmt: skip
