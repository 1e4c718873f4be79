"""What a sequence of Changes means, in a dict and without cleverness: the product is compared with this."""

import stat

from eventstore.model.changes import Change
from eventstore.model.events import Kind


class Model:
    """`names` maps a path to a node's number, `nodes` a number to (type and mode, uid, mtime, content or target)."""

    def __init__(self) -> None:
        self.names: dict[bytes, int] = {b"": 0}
        self.nodes: dict[int, tuple[int, int, int, bytes | None]] = {0: (stat.S_IFDIR | 0o755, 0, 0, None)}

    def below(self, path: bytes) -> list[bytes]:
        return [p for p in self.names if p and (not path or p.startswith(path + b"/"))]

    def is_dir(self, path: bytes) -> bool:
        return path in self.names and stat.S_ISDIR(self.nodes[self.names[path]][0])

    def allows(self, change: Change) -> bool:
        """Whether the rules for changing a tree allow *change*."""
        path, kind = change.path, change.kind
        if kind in (Kind.FILE_WRITTEN, Kind.LINK_MADE, Kind.PATH_MOVED) and path and not self.is_dir(path.rpartition(b"/")[0]):
            return False
        source = change.target or b""
        if not path and kind == Kind.FILE_WRITTEN:
            return stat.S_ISDIR(change.mode)
        match kind:
            case Kind.PATH_DELETED:
                return bool(path) and path in self.names
            case Kind.DIRECTORY_CLEARED:
                return self.is_dir(path)
            case Kind.ATTRIBUTES_CHANGED:
                return path in self.names and stat.S_IFMT(self.nodes[self.names[path]][0]) == stat.S_IFMT(change.mode)
            case Kind.LINK_MADE:
                return source in self.names and not self.is_dir(source) and not self.is_dir(path)
            case Kind.PATH_MOVED:
                inside = not source or path == source or path.startswith(source + b"/")
                return source in self.names and not inside and not self.is_dir(path) and not (path in self.names and self.is_dir(source))
        return True

    def apply(self, change: Change) -> None:
        path, kind, source = change.path, change.kind, change.target or b""
        match kind:
            case Kind.FILE_WRITTEN:
                if not stat.S_ISDIR(change.mode):
                    self._drop(self.below(path))
                self.names[path] = len(self.nodes)
                self.nodes[len(self.nodes)] = (change.mode, change.uid, change.mtime, change.content or change.target)
            case Kind.LINK_MADE:
                self.names[path] = self.names[source]
            case Kind.ATTRIBUTES_CHANGED:
                node = self.nodes[self.names[path]]
                self.nodes[self.names[path]] = (change.mode, change.uid, change.mtime, node[3])
            case Kind.PATH_DELETED:
                self._drop([path, *self.below(path)])
            case Kind.DIRECTORY_CLEARED:
                self._drop(self.below(path))
            case Kind.PATH_MOVED:
                for old in [source, *self.below(source)]:
                    self.names[path + old[len(source) :]] = self.names.pop(old)

    def _drop(self, paths: list[bytes]) -> None:
        for path in paths:
            del self.names[path]

    def tree(self) -> dict[bytes, tuple[int, int, int, bytes | None]]:
        return {path: self.nodes[node] for path, node in self.names.items()}
