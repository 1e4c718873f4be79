"""Changes drawn so that most of them are allowed: each takes up what is there by then.

Paths drawn blindly are refused so often that moves and links hardly ever happen.
"""

import stat

from hypothesis import strategies as st

from eventstore.changes import Change, attributes, clear, delete, link, move, put
from tests.model import Model

Draw = tuple[int, int, int]
NAMES = (b"a", b"b", b"a-b", b"\xff")
DRAWS: st.SearchStrategy[list[Draw]] = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40)), max_size=25)


def changes(model: Model, draws: list[Draw]) -> list[Change]:
    """Return the changes that *draws* mean on *model*, which has them afterwards."""
    made = []
    for draw in draws:
        change = _change(model, *draw)
        if model.allows(change):
            model.apply(change)
            made.append(change)
    return made


def _change(model: Model, kind: int, one: int, other: int) -> Change:
    there = _picked(sorted(model.names), one)
    new = _new_name(model, other)
    number = one % 4
    content = bytes([number]) * 32
    match kind:
        case 0 | 1:
            return put(new, stat.S_IFDIR | 0o755, uid=number)
        case 2 | 3:
            return put(new, stat.S_IFREG | 0o644, uid=number, mtime=number, content=content)
        case 4:
            mode = stat.S_IFREG if not model.is_dir(there) else stat.S_IFLNK
            return put(there, mode | 0o644, content=content if mode == stat.S_IFREG else None, target=None if mode == stat.S_IFREG else b"t")
        case 5:
            return move(there, new)
        case 6:
            return link(new, there)
        case 7:
            kind_there = stat.S_IFMT(model.nodes[model.names[there]][0])
            return attributes(there, kind_there | 0o600, uid=other % 4, gid=0, mtime=number)
        case 8:
            return delete(there)
        case _:
            return clear(there)


def _picked(paths: list[bytes], number: int) -> bytes:
    return paths[number % len(paths)]


def _new_name(model: Model, number: int) -> bytes:
    directories = [path for path in sorted(model.names) if model.is_dir(path) and path.count(b"/") < 3]
    directory = _picked(directories, number // len(NAMES))
    name = NAMES[number % len(NAMES)]
    return directory + b"/" + name if directory else name
