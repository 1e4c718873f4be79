"""The rules for changing a tree: what a container's events may say, given what the container is."""

import stat
from collections.abc import Callable, Iterable
from itertools import islice

from eventstore.errors import ConflictError, InvalidError, NotFoundError
from eventstore.log.changeset_writer import Appending
from eventstore.log.log import Stream
from eventstore.model.changes import Change
from eventstore.model.entries import Entry, Tree
from eventstore.model.events import TREE_KINDS, Kind
from eventstore.model.paths import ancestors, checked, is_marker, shown
from eventstore.store.writer import Writer

PUTS_NAME = (Kind.FILE_WRITTEN, Kind.LINK_MADE, Kind.PATH_MOVED, Kind.DIRECTORY_IMPLIED)


def check_name(change: Change) -> None:
    """Raise InvalidError where *change* would bring a name that no layer can hold: it would say that another one is deleted.

    What an earlier version let in may still be deleted, changed, or moved to another name.
    """
    if change.kind in PUTS_NAME and is_marker(change.path):
        raise InvalidError(f"/{shown(change.path)}: a name that begins with '.wh.' means a deletion in a layer; choose another")


def well_formed(change: Change) -> Change:
    """Return *change* with its path as the log spells it; raise ConflictError or InvalidError where it can be no tree's."""
    if change.kind not in TREE_KINDS:
        raise ConflictError(f"{Kind(change.kind).title} is no change of a tree")
    path = checked(change.path)
    check_name(change)
    return change if path is change.path else change._replace(path=path)


def require_allowed(changes: Iterable[Change], tree: Tree) -> None:
    """Raise what recording the first of *changes* would raise: most are alone, and to refuse one needs no lock."""
    for change in islice(changes, 1):
        change = well_formed(change)
        Rules(tree.lookup).check(change, tree.lookup(change.path))


class Rules:
    """What a change may do, given what its path is and what *find* says of other paths."""

    def __init__(self, find: Callable[[bytes], Entry | None]) -> None:
        self._find = find
        self._directories: set[bytes] = set()

    def check(self, change: Change, found: Entry | None) -> int | None:
        """Return the node that the event is about, where it is about one that exists; raise where a rule forbids it."""
        match change.kind:
            case Kind.PATH_DELETED | Kind.ATTRIBUTES_CHANGED | Kind.DIRECTORY_CLEARED:
                return self._check_existing(change, found)
            case Kind.LINK_MADE:
                self._require_parent(change.path)
                return self._link_node(change, found)
            case Kind.PATH_MOVED:
                self._require_parent(change.path)
                self._check_move(change, found)
            case _:
                self._require_parent(change.path)
                if not change.path and not stat.S_ISDIR(change.mode):
                    raise ConflictError("the root is a directory, and nothing else can take its place")
        return None

    def _check_existing(self, change: Change, found: Entry | None) -> int | None:
        if found is None:
            raise NotFoundError(f"no such path: /{shown(change.path)}")
        if change.kind == Kind.DIRECTORY_CLEARED and not found.is_dir:
            raise ConflictError(f"/{shown(change.path)} is not a directory, so it cannot be cleared")
        if change.kind == Kind.PATH_DELETED and not change.path:
            raise ConflictError("the root directory cannot be deleted")
        if change.kind != Kind.ATTRIBUTES_CHANGED:
            return None
        if stat.S_IFMT(change.mode) != stat.S_IFMT(found.mode):
            raise ConflictError(f"/{shown(change.path)} cannot change its file type; delete it and write another")
        return found.node

    def _link_node(self, change: Change, found: Entry | None) -> int:
        target = self._find(checked(change.target or b""))
        if target is None:
            raise NotFoundError(f"no such path to link to: /{shown(change.target or b'')}")
        if target.is_dir:
            raise ConflictError(f"/{shown(target.path)} is a directory, and directories have one name")
        if found is not None and found.is_dir:
            raise ConflictError(f"/{shown(change.path)} exists and is a directory")
        return target.node

    def _check_move(self, change: Change, found: Entry | None) -> None:
        source = checked(change.target or b"")
        moved = self._find(source)
        if moved is None:
            raise NotFoundError(f"no such path to move: /{shown(source)}")
        if not source or change.path == source or change.path.startswith(source + b"/"):
            raise ConflictError(f"/{shown(source)} cannot be moved into itself (/{shown(change.path)})")
        if found is not None and (found.is_dir or moved.is_dir):
            raise ConflictError(f"/{shown(change.path)} exists; delete it first")

    def _require_parent(self, path: bytes) -> None:
        parent = path.rpartition(b"/")[0]
        if not parent or parent in self._directories:
            return
        found = self._find(parent)
        if found is None:
            raise NotFoundError(f"no such directory: /{shown(parent)}; make it first (`layerlog mkdir -p`)")
        if not found.is_dir:
            raise ConflictError(f"/{shown(parent)} is not a directory, so /{shown(path)} cannot be below it")
        self._directories.add(parent)

    def passed(self, change: Change, found: Entry | None) -> None:
        """Remember that *change* is made of what was *found* at its path."""
        if change.kind == Kind.FILE_WRITTEN and stat.S_ISDIR(change.mode):
            self._directories.add(change.path)
        elif change.kind == Kind.PATH_MOVED or (found is not None and found.is_dir and change.kind != Kind.ATTRIBUTES_CHANGED):
            self._directories.clear()


class Recording:
    """Appends Changes to one container's stream.  Rows are buffered; a question about a buffered path flushes them."""

    def __init__(self, appending: Appending, writer: Writer, stream: Stream, tree: Tree) -> None:
        self._appending = appending
        self._db = writer.store.db
        self._stream = stream
        self._tree = tree
        """The tree as it was, which may remember its answers, until something that was appended must be seen."""
        self._rules = Rules(self._find)
        self._buffered: set[bytes] = set()
        self._about: set[bytes] = set()
        self._bare: set[bytes] = set()
        """Directories that this has made where nothing was: of what may lie in them only `_within` has been."""
        self._within: set[bytes] = set()
        self._moves = self._db.execute("SELECT 1 FROM event WHERE source IS NOT NULL LIMIT 1").fetchone() is not None

    def add(self, change: Change) -> None:
        """Append *change*; raise ConflictError, NotFoundError or InvalidError where a rule forbids it."""
        change = well_formed(change)
        known = self._known(change.path)
        found = self._lookup(change.path) if known else None
        node = self._rules.check(change, found)
        fresh = not known or not self._touched(change.path)
        self._appending.add(self._stream, change, about_path=True, node=node, fresh=fresh)
        self._remember(change)
        self._remember_bare(change, found)
        self._rules.passed(change, found)

    def _find(self, path: bytes) -> Entry | None:
        return self._lookup(path) if self._known(path) else None

    def _known(self, path: bytes) -> bool:
        """Whether *path* can exist: a path that no event was ever about does not, unless something was moved."""
        return self._moves or path in self._buffered or self._appending.path_id(path) is not None

    def _touched(self, path: bytes) -> bool:
        """Whether this stream already has an event about *path*."""
        if path in self._about:
            return True
        path_id = self._appending.path_id(path)
        row = self._db.execute(
            "SELECT 1 FROM event WHERE fresh = 1 AND stream = ? AND path = ?", (self._stream.id, path_id)
        ).fetchone()
        return row is not None

    def _lookup(self, path: bytes) -> Entry | None:
        if path and path not in self._within and path.rpartition(b"/")[0] in self._bare:
            return None
        if path in self._buffered or not self._buffered.isdisjoint(ancestors(path)):
            self._flush()
        return self._tree.lookup(path)

    def _remember(self, change: Change) -> None:
        self._buffered.add(change.path)
        self._about.add(change.path)
        if change.kind == Kind.PATH_MOVED:
            self._buffered.add(change.target or b"")
            self._moves = True
        if len(self._buffered) > 4096:
            self._flush()

    def _remember_bare(self, change: Change, found: Entry | None) -> None:
        if len(self._within) > 4096 or change.kind not in (Kind.FILE_WRITTEN, Kind.LINK_MADE, Kind.ATTRIBUTES_CHANGED):
            self._bare.clear()
            self._within.clear()
        elif change.path.rpartition(b"/")[0] in self._bare:
            self._within.add(change.path)
        if change.kind == Kind.FILE_WRITTEN and change.path and found is None and stat.S_ISDIR(change.mode):
            self._bare.add(change.path)
        elif found is not None and found.is_dir and change.kind != Kind.ATTRIBUTES_CHANGED:
            self._bare.discard(change.path)

    def _flush(self) -> None:
        self._appending.flush()
        self._tree = self._tree.live()
        self._buffered.clear()
        self._about.clear()
