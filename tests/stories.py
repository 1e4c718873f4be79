"""Stories: random histories of two containers, the second made from the first, most of whose changes are allowed.

Paths drawn blindly are refused so often that moves and links hardly ever happen; here each change takes up what is
there by then.
"""

import random
import stat
from typing import NamedTuple

from eventstore.model.changes import Change, attributes, clear, delete, link, move, put
from eventstore.model.facts import ContainerBase
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.refs.containers import live_view, view_at
from projections.tree.view import View
from tests.conftest import ADA
from tests.model import Model

NAMES = (b"a", b"b", b"a-b", b"\xff")
KINDS = (0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9)
Trees = dict[int, dict[bytes, tuple[int, int, int, bytes | None]]]


class Told(NamedTuple):
    """What a story left behind: both containers with the model's tree at each of their changesets' ends."""

    store: Store
    random: random.Random
    lower: str
    upper: str
    trees: dict[str, Trees]

    def view(self, container: str, version: int | None = None) -> View:
        last = self.store.log.version(self.stream(container)) if version is None else version
        return view_at(self.store, container, last)

    def stream(self, container: str) -> int:
        found = self.store.log.stream("container", container)
        assert found is not None
        return found.id

    def record(self, container: str, changes: list[Change]) -> View:
        """Append *changes* and return what the container is then."""
        with writing(self.store, ADA) as writer:
            version = commands.record(writer, container, changes, live_view(self.store, container))
        return view_at(self.store, container, version)


def tell(store: Store, seed: int) -> Told:
    """Record the story of *seed*."""
    drawn, model = random.Random(seed), Model()
    with writing(store, ADA) as writer:
        commands.create_store(writer)
        lower = commands.create_container(writer, "lower", None)
        below = _fill(writer, lower, model, drawn)
        stream = store.log.stream("container", lower)
        assert stream is not None
        upper = commands.create_container(writer, "upper", ContainerBase(lower, stream.version))
        return Told(store, drawn, lower, upper, {lower: below, upper: _fill(writer, upper, model, drawn)})


def _fill(writer: Writer, container: str, model: Model, drawn: random.Random) -> Trees:
    trees, view = {}, live_view(writer.store, container)
    contents = [writer.content.put(b"content %d" % number) for number in range(4)]
    with writer.transaction():
        for _ in range(drawn.randrange(1, 9)):
            changes = [change for change in (allowed(model, drawn, contents) for _ in range(drawn.randrange(1, 5))) if change]
            if changes:
                trees[commands.record(writer, container, changes, view)] = model.tree()
    return trees


def allowed(model: Model, drawn: random.Random, contents: list[bytes]) -> Change | None:
    """Return a random change after it was made in *model*, None where it drew one that is not allowed there."""
    change = _change(model, drawn.choice(KINDS), drawn.randrange(41), drawn.randrange(41))
    if change.content is not None:
        change = change._replace(content=contents[change.content[0]], size=9)
    if not model.allows(change):
        return None
    model.apply(change)
    return change


def _change(model: Model, kind: int, one: int, other: int) -> Change:
    paths = sorted(model.names)
    there, new, number = paths[one % len(paths)], _new_name(model, other), one % 4
    file, content = stat.S_IFREG | 0o644, bytes([number])
    match kind:
        case 0 | 1:
            return put(new, stat.S_IFDIR | 0o755, uid=number)
        case 2 | 3:
            return put(new, file, uid=number, mtime=number, content=content)
        case 4:
            return put(there, stat.S_IFLNK | 0o777, target=b"t") if model.is_dir(there) else put(there, file, content=content)
        case 5:
            return move(there, new)
        case 6:
            return link(new, there)
        case 7:
            mode = stat.S_IFMT(model.nodes[model.names[there]][0]) | 0o600
            return attributes(there, mode, uid=other % 4, gid=0, mtime=number)
        case 8:
            return delete(there)
        case _:
            return clear(there)


def _new_name(model: Model, number: int) -> bytes:
    directories = [path for path in sorted(model.names) if model.is_dir(path) and path.count(b"/") < 3]
    directory = directories[number // len(NAMES) % len(directories)]
    name = NAMES[number % len(NAMES)]
    return directory + b"/" + name if directory else name
