"""The names in one layer's tar, and the rules that they keep among themselves (OCI image-spec, layer.md)."""

import stat
from collections.abc import Iterator

from eventstore.errors import ConflictError
from eventstore.model.changes import Change, implied
from eventstore.model.entries import Entry
from eventstore.model.paths import MARKER, ancestors, checked, is_marker, join, order, shown, split
from projections.tar.reader import refusal
from projections.tree.symlinks import follow

OPAQUE = MARKER + MARKER + b".opq"
AUFS_LINKS = MARKER + MARKER + b"plnk/"
"""Where AUFS keeps the files that have several names: layers of Docker before 1.4 name them so."""
MAX_LEFT_OUT = 16 << 20  # bytes; a few KiB of tar can name thousands of parents

DIRECTORY, OTHER, WHITEOUT, IMPLIED = range(4)
Node = int | bytes  # bytes: a hard link's target
_OPEN = (None, DIRECTORY, IMPLIED)


class Symlinks:
    """The symlinks that the layer has stated so far, by their paths."""

    def __init__(self) -> None:
        self._targets: dict[bytes, bytes] = {}
        self._last = (b"", b"")

    def add(self, path: bytes, target: bytes) -> None:
        self._targets[path] = target
        self._last = (b"", b"")

    def resolved(self, path: bytes) -> bytes:
        """Return what *path* means: below a symlink of this layer, what is below the place that it leads to.

        No symlink leads out of the root.  Raise InvalidError, naming the entry, where it leads in a circle, or to a marker.
        """
        if not self._targets or b"/" not in path:
            return path
        parent, _, name = path.rpartition(b"/")
        if self._last[0] != parent:
            self._last = (parent, self._followed(parent, path))
        found = self._last[1]
        return path if found == parent else checked(join(found, name))

    def lookup(self, path: bytes) -> Entry | None:
        """Return the symlink at *path*; nothing else is known here."""
        target = self._targets.get(path)
        return None if target is None else Entry(path, stat.S_IFLNK, 0, 0, 0, 0, None, target, None, 0, 0)

    def _followed(self, parent: bytes, path: bytes) -> bytes:
        try:
            found = follow(self, parent)
        except ConflictError:
            raise refusal(path, "it is below symbolic links that lead in a circle") from None
        if found != parent and is_marker(found):
            raise refusal(path, f"it is below a symbolic link to the marker '{shown(found)}'")
        return found


class Names:
    """Every name that the layer has stated so far; 100,000 of them take about 11 MB.

    All methods raise InvalidError, naming the entry, for what the image-spec forbids or leaves without a meaning.
    """

    def __init__(self) -> None:
        self._children: dict[bytes, dict[bytes, Node]] = {b"": {}}  # one for each directory that has any
        self._left_out = 0  # bytes in the names of implied directories
        self._lower: dict[bytes, bytes] = {}  # hard links' targets that can only be in a lower layer

    def enter(self, path: bytes, node: Node) -> None:
        """Add *path*; each may come once."""
        parent, _, name = path.rpartition(b"/")
        siblings = self._children.get(parent)
        if siblings is None:
            siblings = self._opened(parent, path)
        before = siblings.get(name)
        if before not in (None, IMPLIED):
            raise refusal(path or b"/", "the layer names it twice")
        siblings[name] = node
        if before == IMPLIED:
            self._left_out -= len(path)
        if node != DIRECTORY and path in self._children:
            self._replaced(path)
        if path in self._lower:
            raise refusal(self._lower[path], f"it is a hard link to '{shown(path)}', which comes only later")

    def linked(self, path: bytes, target: bytes) -> bytes:
        """Add the hard link *path* and return which path it names: *target*, or what that is itself a link to."""
        if target == path:
            raise refusal(path, "it is a hard link to itself")
        if is_marker(target):
            raise refusal(path, f"it is a hard link to the marker '{shown(target)}'")
        found = self._find(target)
        if isinstance(found, bytes):
            target = found
        elif found == DIRECTORY or target in self._children:
            raise refusal(path, f"it is a hard link to the directory '{shown(target)}'")
        elif found is None:
            self._lower.setdefault(target, path)
            self._check_lower(path, target)
        self.enter(path, target)
        return target

    def covered(self, path: bytes) -> bool:
        """Whether the layer has stated a parent of *path* that is no directory, so that nothing of lower layers is below."""
        return any(self._find(directory) not in _OPEN for directory in ancestors(path)[1:])

    def finish(self) -> Iterator[Change]:
        """Check what only the whole layer can tell, and yield the directories that it left out, parents first."""
        for target, path in self._lower.items():
            self._check_lower(path, target)
        left_out = (directory for directory in self._children if self._find(directory) == IMPLIED)
        yield from map(implied, sorted(left_out, key=order))

    def _find(self, path: bytes) -> Node | None:
        parent, _, name = path.rpartition(b"/")
        return self._children.get(parent, {}).get(name)

    def _opened(self, directory: bytes, path: bytes) -> dict[bytes, Node]:
        """Take *directory* and all above it for directories, which *path* below needs."""
        missing, above = [], directory
        while above not in self._children:
            missing.append(above)
            above = split(above)[0]
        for one in reversed(missing):
            self._need(one, path)
            self._children[one] = {}
        return self._children[directory]

    def _need(self, directory: bytes, path: bytes) -> None:
        parent, name = split(directory)
        node = self._children[parent].setdefault(name, IMPLIED)
        if node == IMPLIED:
            self._left_out += len(directory)
            if self._left_out > MAX_LEFT_OUT:
                raise refusal(path, f"its layer leaves out over {MAX_LEFT_OUT} bytes of parent directories' names")
        elif node != DIRECTORY:
            raise refusal(path, f"its parent '{shown(directory)}' is no directory in this layer")

    def _replaced(self, path: bytes) -> None:
        """*path* was needed as a directory, but is none: the whiteouts below it, which alone may be there, go with it."""
        if not path:
            raise refusal(b"/", "it is no directory, but it is the root")
        below = [path]
        while below:
            directory = below.pop()
            for name, node in self._children.pop(directory).items():
                if node == IMPLIED:
                    below.append(join(directory, name))
                    self._left_out -= len(below[-1])
                elif node != WHITEOUT:
                    raise refusal(path, "it is no directory, but other entries of this layer are below it")

    def _check_lower(self, path: bytes, target: bytes) -> None:
        """Raise where this layer itself replaces, hides or deletes the lower layer's *target*."""
        if target in self._children:
            raise refusal(path, f"it is a hard link to the directory '{shown(target)}'")
        for directory in ancestors(target)[1:]:
            if self._find(directory) not in _OPEN:
                raise refusal(path, f"its target passes through '{shown(directory)}', which is no directory")
        for hidden in (*ancestors(target)[1:], target):
            parent, _, name = hidden.rpartition(b"/")
            siblings = self._children.get(parent, {})
            if MARKER + name in siblings or OPAQUE in siblings:
                raise refusal(path, f"its target '{shown(target)}' is deleted by this layer")
