"""One writer: content is put, then events are appended, in transactions that become true whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from time import monotonic

from eventstore.content.writer import ContentWriter
from eventstore.disk.folder import require_writable
from eventstore.disk.lock import exclusive, shared
from eventstore.log.changeset_writer import Appending, changeset
from eventstore.log.log import Context
from eventstore.model.changes import Change
from eventstore.model.events import Kind
from eventstore.store.store import Store, when_unlocked

_AGAIN = '{"reason":"made again"}'


def writing(store: Store, context: Context) -> AbstractContextManager["Writer"]:
    """Write in the name of *context*; a garbage collection waits for the writers that are open."""
    return _behind(shared, store, context)


def alone(store: Store, context: Context) -> AbstractContextManager["Writer"]:
    """As `writing`, with every other writer kept out; waits for those that are open, so never inside `writing`."""
    return _behind(exclusive, store, context)


@contextmanager
def _behind(lock: Callable[[str], AbstractContextManager[None]], store: Store, context: Context) -> Iterator["Writer"]:
    require_writable(store.path)
    store.migrate()
    began = monotonic()
    with lock(store.path), closing(Writer(store, context)) as writer:
        writer.waited = monotonic() - began
        yield writer


class Writer:
    """Puts content, then appends: everything inside one `transaction` becomes true together, durably, or not at all."""

    def __init__(self, store: Store, context: Context) -> None:
        self.store = store
        self.context = context
        self.log = store.log
        self.waited = 0.0
        """Seconds that it waited for others, to get the lock and to begin its transactions."""
        self.moved: dict[str, tuple[str, str]] = {}
        """The image that each tag had, and the other one that it has now, of those that changed hands."""
        self.content = ContentWriter(store.db, store.content)
        self._originals: ContentWriter | None = None
        self._open = False
        self._appending: Appending | None = None

    @property
    def originals(self) -> ContentWriter:
        """Where blobs that cannot be derived are put: they can be dropped apart from all else."""
        if self._originals is None:
            self._originals = ContentWriter(self.store.db, self.store.content, originals=True)
        return self._originals

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One intent.  Inside another transaction it joins that one."""
        if self._open:
            yield
            return
        for content in self._contents():
            content.sync()
        began = monotonic()
        when_unlocked(self.store.db, self.store.path, lambda: self.store.db.execute("BEGIN IMMEDIATE"))
        self.waited += monotonic() - began
        self._open = True
        try:
            yield
            self._readmit()
            for content in self._contents():
                content.name()
            self.store.db.execute("COMMIT")
            for content in self._contents():
                content.named()
        except BaseException:
            if self.store.db.in_transaction:
                self.store.db.execute("ROLLBACK")
            raise
        finally:
            self._open = False

    def _readmit(self) -> None:
        """Record which contents came back that were erased until somebody would make them again."""
        digests = [digest for content in self._contents() for digest in content.returning]
        if digests:
            with changeset(self.log, self.context) as appending:
                stream = appending.open("store", "store")
                for digest in digests:
                    appending.add(stream, Change(Kind.CONTENT_READMITTED, b"", content=digest, detail=_AGAIN), about_path=False)

    @contextmanager
    def changeset(self, key: str | None = None) -> Iterator[Appending]:
        """Append one changeset, all or nothing, in the transaction that is open or in one of its own.

        Inside another one, and without a key of its own, it joins that one.
        """
        if self._appending is not None and key is None:
            yield self._appending
            return
        intent = self._savepoint() if self._open else self.transaction()
        with intent, changeset(self.log, self.context, key) as appending:
            self._appending = appending
            try:
                yield appending
            finally:
                self._appending = None

    def close(self) -> None:
        for content in self._contents():
            content.close()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """A part of the transaction that is open, undone alone where it fails."""
        self.store.db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.store.db.execute("ROLLBACK TO part")
            raise
        finally:
            self.store.db.execute("RELEASE part")

    def _contents(self) -> list[ContentWriter]:
        return [self.content] if self._originals is None else [self.content, self._originals]
