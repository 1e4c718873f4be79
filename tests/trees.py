"""A tree in a test is a literal dict: names to bytes (a file), dicts (a directory) or Symlinks.

`changes` turns it into Changes, `tree` turns any view back into it.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eventstore.model.changes import Change, put
from projections.tree.view import View
from projections.tree.walk import walk

Literal = dict[str, Any]


@dataclass(frozen=True)
class Symlink:
    target: str


def changes(literal: Literal, keep: Callable[[bytes], bytes], top: bytes = b"") -> Iterator[Change]:
    """Yield the Changes that make *literal* below *top*, parents first."""
    for name, node in literal.items():
        path = top + b"/" + name.encode() if top else name.encode()
        if isinstance(node, dict):
            yield put(path, stat.S_IFDIR | 0o755)
            yield from changes(node, keep, path)
        elif isinstance(node, Symlink):
            yield put(path, stat.S_IFLNK | 0o777, target=node.target.encode(), size=len(node.target))
        else:
            yield put(path, stat.S_IFREG | 0o644, size=len(node), content=keep(node))


def tree(view: View, top: bytes = b"") -> Literal:
    """Return what a view holds below *top* as a literal."""
    found: Literal = {}
    directories = {top: found}
    for entry in walk(view, top):
        if entry.path == top:
            continue
        parent, _, name = entry.path.rpartition(b"/")
        directories[parent][name.decode("utf-8", "backslashreplace")] = node = _node(view, entry)
        if isinstance(node, dict):
            directories[entry.path] = node
    return found


def _node(view: View, entry: Any) -> Any:
    if entry.is_dir:
        return {}
    if entry.is_symlink:
        return Symlink(entry.target.decode())
    return b"".join(view.read(entry)) if entry.is_file else stat.filemode(entry.mode)
