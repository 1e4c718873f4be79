"""The names in one layer's tar, and the rules that they keep among themselves (OCI image-spec, layer.md)."""

from collections.abc import Iterator

from eventstore.model.changes import Change, implied
from eventstore.model.paths import MARKER, ancestors, is_marker, order, shown
from projections.tar.reader import refusal

OPAQUE = MARKER + MARKER + b".opq"
MAX_LEFT_OUT = 16 << 20  # bytes; a few KiB of tar can name thousands of parents

DIRECTORY, OTHER, WHITEOUT = range(3)
Node = int | bytes  # bytes: a hard link's target


class Names:
    """Every name that the layer has stated so far; 100,000 of them take about 11 MB.

    All methods raise InvalidError, naming the entry, for what the image-spec forbids or leaves without a meaning.
    """

    def __init__(self) -> None:
        self._children: dict[bytes, dict[bytes, Node]] = {b"": {}}  # one for each directory that has any
        self._left_out: set[bytes] = set()
        self._left_out_bytes = 0
        self._lower: dict[bytes, bytes] = {}  # hard links' targets that can only be in a lower layer

    def enter(self, path: bytes, node: Node) -> None:
        """Add *path*; each may come once."""
        parent, _, name = path.rpartition(b"/")
        siblings = self._children.get(parent)
        if siblings is None:
            siblings = self._opened(parent, path)
        if name in siblings:
            raise refusal(path, "the layer names it twice")
        siblings[name] = node
        if path in self._children:
            self._stated(path, node)
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
        return any(self._find(directory) not in (None, DIRECTORY) for directory in ancestors(path)[1:])

    def finish(self) -> Iterator[Change]:
        """Check what only the whole layer can tell, and yield the directories that it left out, parents first."""
        for target, path in self._lower.items():
            self._check_lower(path, target)
        yield from map(implied, sorted(self._left_out, key=order))

    def _find(self, path: bytes) -> Node | None:
        parent, _, name = path.rpartition(b"/")
        return self._children.get(parent, {}).get(name)

    def _opened(self, directory: bytes, path: bytes) -> dict[bytes, Node]:
        """Take *directory* and all above it for directories, which *path* below needs."""
        opened = directory
        while directory not in self._children:
            self._children[directory] = {}
            self._need(directory, path)
            directory = directory.rpartition(b"/")[0]
        return self._children[opened]

    def _need(self, directory: bytes, path: bytes) -> None:
        node = self._find(directory)
        if node is None:
            self._left_out.add(directory)
            self._left_out_bytes += len(directory)
            if self._left_out_bytes > MAX_LEFT_OUT:
                raise refusal(path, f"its layer leaves out over {MAX_LEFT_OUT} bytes of parent directories' names")
        elif node != DIRECTORY:
            raise refusal(path, f"its parent '{shown(directory)}' is no directory in this layer")

    def _stated(self, path: bytes, node: Node) -> None:
        """*path* was needed as a directory before the layer said what it is."""
        if node != DIRECTORY:
            what = "other entries of this layer are below it" if path else "it is the root"
            raise refusal(path or b"/", f"it is no directory, but {what}")
        if path in self._left_out:
            self._left_out.remove(path)
            self._left_out_bytes -= len(path)

    def _check_lower(self, path: bytes, target: bytes) -> None:
        """Raise where this layer itself replaces, hides or deletes the lower layer's *target*."""
        if target in self._children:
            raise refusal(path, f"it is a hard link to the directory '{shown(target)}'")
        for directory in ancestors(target)[1:]:
            if self._find(directory) not in (None, DIRECTORY):
                raise refusal(path, f"its target passes through '{shown(directory)}', which is no directory")
        for hidden in (*ancestors(target)[1:], target):
            parent, _, name = hidden.rpartition(b"/")
            siblings = self._children.get(parent, {})
            if MARKER + name in siblings or OPAQUE in siblings:
                raise refusal(path, f"its target '{shown(target)}' is deleted by this layer")
