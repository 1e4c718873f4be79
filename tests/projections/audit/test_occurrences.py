"""Where a path or a content ever was is what a walk of every view says; and asking for many paths asks little of each."""

import fnmatch
import stat
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from cli.distribution.receive import receive
from eventstore.model.changes import Change, attributes, delete, move, put
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.facts import ContainerBase, ImageBase
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.audit import occurrences
from projections.audit.path_states import PathStates, State
from projections.audit.places import Scope, passing
from projections.audit.sought import Sought, of_contents, of_nodes, of_paths
from projections.events.node_tests import NodeTest, Size, parse_mode, parse_types
from projections.events.pathspecs import of_text
from projections.layers import layers
from projections.layers.layers import FolderLayer, ImportedLayer, SealedLayer
from projections.refs import containers
from projections.refs.containers import live_view, view_at
from projections.tree import lineage
from projections.tree.view import View
from projections.tree.walk import walk
from tests import images
from tests.conftest import ADA
from tests.stories import Told, tell

SEEDS = range(230, 250)
PATTERNS = (b"a", b"b/*", b"a/b", b"*/a", b"etc", b"*")
NAMES = (b"a", b"a*", b"[!a]", b"motd", b"\xff")
Shown = set[tuple[str, bytes, int]]
"""(container, path, version): it showed there then."""
Held = set[tuple[str, bytes, bool]]
"""(image, path, whether it shows there or lies hidden in a lower layer)."""


def told_and_sealed(store: Store, seed: int) -> Told:
    """A story that goes on: seals between changes, forks of sealed and of unsealed points, and an image from elsewhere."""
    told = tell(store, seed)
    with writing(store, ADA) as writer:
        image = receive(writer, [images.image("gzip", names=("far:1",))], Kind.IMAGE_LOADED, "test.tar", lambda _: None)[0].id
        going_on = [told.lower, told.upper, commands.create_container(writer, "over", ImageBase(image)), on_a_folder(writer)]
    for turn in range(8):
        container = told.random.choice(going_on)
        change = drawn_change(told, container)
        told.record(container, [change])
        with writing(store, ADA) as writer:
            if told.random.random() < 0.6:
                commands.commit(writer, container, parent=None, allow_empty=True)
            if turn % 3 == 1:
                base = ContainerBase(container, store.log.version(told.stream(container)))
                going_on.append(commands.create_container(writer, f"fork{turn}", base))
    with writing(store, ADA) as writer:
        for container in going_on:
            commands.commit(writer, container, parent=None, allow_empty=True)
    return told


def on_a_folder(writer: Writer) -> str:
    """A container on an image that `import` made: its lowest layer belongs to no image from elsewhere."""
    files = [put(name, 0o100644, size=9, content=writer.content.put(b"content 1")) for name in (b"a", b"motd")]
    with closing(Staged(writer.store, files)) as changes:
        commands.import_folder(writer, changes, platform="linux/amd64", author=None, message=None, config=None, tag=None)
    base = next(one for one in containers.all_containers(writer.store.log) if one.name.startswith("import-"))
    return commands.create_container(writer, "on-folder", ContainerBase(base.id, base.version))


def drawn_change(told: Told, container: str) -> Change:
    """A deletion of what is there, a move of it to where nothing is, or a file (again)."""
    there = [entry for entry in walk(told.view(container)) if entry.path]
    way = told.random.randrange(4)
    if there and way < 2:
        return delete(told.random.choice(there).path)
    if there and way == 2:
        taken = {entry.path for entry in there}
        return move(told.random.choice(there).path, next(b"m%d" % n for n in count() if b"m%d" % n not in taken))
    name = told.random.choice([b"a", b"b", b"motd"])
    if told.view(container).lookup(name) is not None:
        return delete(name)
    with writing(told.store, ADA) as writer:
        return put(name, 0o100644, size=9, content=writer.content.put(b"content %d" % told.random.randrange(4)))


# -- by walking through everything


class Everything:
    """Each container's tree at each of its versions, and each image's, with what each of its layers puts."""

    def __init__(self, store: Store) -> None:
        self.log, self.store = store.log, store
        self.containers = list(containers.all_containers(store.log))
        self.trees = {
            (one.id, version): {entry.path: entry for entry in walk(view_at(store, one.id, version))}
            for one in self.containers
            for version in range(1, one.version + 1)
        }  # fmt: skip

    def names(self, matches: "Matches") -> dict[bytes, set[int]]:
        """The nodes that were found under a name that matches, by the names that moves and links gave them later."""
        followed: dict[bytes, set[int]] = defaultdict(set)
        size = -1
        while size != (size := sum(map(len, followed.values()))):
            for one in self.containers:
                for event in self.log.events(one.stream):
                    if event.kind in (Kind.PATH_MOVED, Kind.LINK_MADE):
                        self._follow(matches, followed, one.id, event.version)
        return followed

    def _follow(self, matches: "Matches", followed: dict[bytes, set[int]], container: str, version: int) -> None:
        event = self.log.event(self.log.existing("container", container).id, version)
        before, after = self.trees[container, version - 1], self.trees[container, version]
        source, name = event.target or b"", self.log.path_text(event.path or 1)
        for path, entry in before.items():
            if (path == source or path.startswith(source + b"/")) and (matches.path(path) or entry.node in followed[path]):
                renamed = name + path[len(source) :]
                if renamed in after and after[renamed].node == entry.node:
                    followed[renamed].add(entry.node)

    def shown(self, matches: "Matches") -> Shown:
        followed = self.names(matches)
        return {
            (container, path, version)
            for (container, version), tree in self.trees.items()
            for path, entry in tree.items()
            if path and matches.sought(entry, followed)
        }

    def held(self, matches: "Matches") -> Held:
        found, followed = set[tuple[str, bytes, bool]](), self.names(matches)
        for one in self.containers:
            for seal in self.log.of_kind(Kind.COMMITTED, one.stream):
                there = {entry.path for entry in self.trees[one.id, seal.version].values() if matches.sought(entry, followed)}
                carried = {
                    entry.path
                    for layer in layers.of_container(self.log, one.id, seal.version)
                    for entry in self._puts(layer)
                    if matches.sought(entry, followed)
                }
                found |= {(seal.commit, path, path in there) for path in there | carried if path}
        return found

    def _puts(self, layer: layers.Layer) -> Iterator[Entry]:
        if isinstance(layer, ImportedLayer | FolderLayer):
            name = layer.diff_id if isinstance(layer, ImportedLayer) else layer.name
            yield from walk(View(self.log, self.store.content, lineage.of_layers(self.log, [name])))
        elif isinstance(layer, SealedLayer):
            after = view_at(self.store, layer.container, layer.last)
            top = len(after.spans) - 1
            before = after.before((top, layer.first))
            for change in layers.changes(before, after, after.spans[top].stream, layer.first, layer.last):
                if change.kind in (Kind.FILE_WRITTEN, Kind.LINK_MADE):
                    yield after.get(change.path)


class Matches:
    def __init__(self, pattern: bytes = b"", name: bytes = b"", content: bytes | None = None, test: NodeTest | None = None) -> None:
        self.pattern, self.name, self.content, self.test = pattern, name, content, test

    def path(self, path: bytes) -> bool:
        if self.content is not None or not (self.name or self.pattern):
            return True
        if self.name:
            return fnmatch.fnmatchcase(path.rpartition(b"/")[2], self.name)
        return fnmatch.fnmatchcase(path, self.pattern) or path.startswith(self.pattern + b"/")

    def sought(self, entry: Entry, followed: dict[bytes, set[int]]) -> bool:
        if self.test is not None and not self.test.fits(entry):
            return False
        if self.content is not None:
            return entry.content == self.content
        return self.path(entry.path) or entry.node in followed[entry.path]

    def asked(self, store: Store) -> Sought:
        if self.test is not None:
            those = of_nodes(store.log, store.content, self.test)
            return self.without_test().asked(store).within(those) if self.pattern or self.name or self.content else those
        if self.content is not None:
            return of_contents(store.log, store.content, [self.content])
        return of_paths(store.log, store.content, [of_text(store.log, self.pattern)] if self.pattern else [], [self.name] if self.name else [])

    def without_test(self) -> "Matches":
        return Matches(self.pattern, self.name, self.content)


def found(store: Store, sought: Sought) -> Shown:
    last = {container.id: container.version for container in containers.all_containers(store.log)}
    return {
        (one.id, one.path, version)
        for one in occurrences.path_occurrences(store.log, store.content, sought)
        if one.kind == "container" and one.shown and one.path
        for version in range(max(one.first, 1), one.ended.version if one.ended else last[one.id] + 1)
    }  # fmt: skip


def held(store: Store, sought: Sought) -> Held:
    return {
        (image, one.path, one.shown)
        for one in occurrences.path_occurrences(store.log, store.content, sought)
        if one.kind == "container" and one.path
        for image in one.images
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_is_what_a_walk_of_every_view_finds(tmp_path: Path, seed: int) -> None:
    with Store.open_or_create(str(tmp_path / "told")) as store:
        told_and_sealed(store, seed)
        everything = Everything(store)
        digests = [row[0] for row in store.db.execute("SELECT DISTINCT content FROM event WHERE content IS NOT NULL")]
        asked = [*(Matches(pattern) for pattern in PATTERNS), *(Matches(name=name) for name in NAMES)]
        for matches in (*asked, *(Matches(content=digest) for digest in digests)):
            sought = matches.asked(store)
            assert found(store, sought) == everything.shown(matches), vars(matches)
            assert held(store, sought) == everything.held(matches), vars(matches)
            require_images_alone(store, seed, sought, everything, matches)


def require_images_alone(store: Store, seed: int, sought: Sought, everything: Everything, matches: Matches) -> None:
    """Asked of some images alone, each row is about one of them, and says what that one has; of no limit but what `import`
    made, its images are.
    """
    seals = {seal.commit: (one.id, seal.version) for one in everything.containers for seal in store.log.of_kind(Kind.COMMITTED, one.stream)}
    some = frozenset(sorted(seals)[seed % 3 :: 3])
    expected = {one for one in everything.held(matches) if one[0] in some}
    for scope in (Scope(some), Scope(tagged=some), Scope(some, tagged=frozenset(seals)), Scope(None, frozenset(), some, passing(store.log))):
        rows = [one for one in occurrences.path_occurrences(store.log, store.content, sought, scope) if one.id in seals]
        assert {(one.id, one.path, one.shown) for one in rows if one.path} == expected, (vars(matches), scope)
        for one in rows:
            assert (one.kind, one.images) == ("image", (one.id,))
            assert one.last is not None
            if one.shown:
                assert told_of(one.last) == told_of(everything.trees[seals[one.id]][one.path])
    assert passing(store.log)
    hidden = passing(store.log) | {everything.containers[seed % len(everything.containers)].id}
    rows = list(occurrences.path_occurrences(store.log, store.content, sought, Scope(passing=hidden)))
    assert not any(one.images for one in rows if one.id in hidden)
    assert {(image, one.path, one.shown) for one in rows for image in one.images if image in seals and one.path} == everything.held(matches)


TESTS = [
    *(NodeTest(modes=(parse_mode(text, ""),)) for text in ("-4000", "/6000", "0644", "755", "-0", "/022", "1777")),
    *(NodeTest(types=parse_types(text)) for text in ("f", "d", "l", "p,c,b")),
    NodeTest(uids=frozenset([7])), NodeTest(gids=frozenset([0]), types=parse_types("d")),
    *(NodeTest(sizes=(Size(how, size),)) for how, size in (("+", 8), ("-", 9), ("", 9))),
    NodeTest(newer=1),
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_by_attributes_is_what_a_walk_of_every_view_finds(tmp_path: Path, seed: int) -> None:
    with Store.open_or_create(str(tmp_path / "told")) as store:
        told = told_and_sealed(store, seed)
        give_attributes(told)
        everything = Everything(store)
        digest = store.db.execute("SELECT min(content) FROM event WHERE kind = 1").fetchone()[0]
        counted = 0
        for number, test in enumerate(TESTS):
            ways = Matches(test=test), Matches(b"b/*", test=test), Matches(name=b"a*", test=test), Matches(content=digest, test=test)
            matches = ways[(seed + number) % len(ways)]
            sought = matches.asked(store)
            shown = found(store, sought)
            assert shown == everything.shown(matches), vars(matches)
            assert held(store, sought) == everything.held(matches), vars(matches)
            require_images_alone(store, seed, sought, everything, matches)
            counted += bool(shown)
        assert counted > 1


def give_attributes(told: Told) -> None:
    """Give things of all containers other attributes, one after the other, and seal in between."""
    for one in [*containers.all_containers(told.store.log)] * 3:
        there = [entry for entry in walk(told.view(one.id)) if entry.path]
        if not there or one.removed:
            continue
        one_there = told.random.choice(there)
        path, mode = one_there.path, stat.S_IFMT(one_there.mode) | told.random.choice([0o4755, 0o2755, 0o644, 0o1777])
        told.record(one.id, [attributes(path, mode, uid=told.random.choice([0, 7]), gid=0, mtime=told.random.choice([0, 1]))])
        if told.random.random() < 0.5:
            with writing(told.store, ADA) as writer:
                commands.commit(writer, one.id, parent=None, allow_empty=True)
        told.record(one.id, [drawn_change(told, one.id)])
        with writing(told.store, ADA) as writer:
            commands.commit(writer, one.id, parent=None, allow_empty=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_states_are_what_views_say(tmp_path: Path, seed: int) -> None:
    """Of every path that the log knows and every version, whether the path was moved there or not."""
    with Store.open_or_create(str(tmp_path / "told")) as store:
        told_and_sealed(store, seed)
        everything, states = Everything(store), PathStates(store.log)
        paths = {path for tree in everything.trees.values() for path in tree if path}
        states.load((path, store.log.path_id(path)) for path in paths)
        for (container, version), tree in everything.trees.items():
            view = view_at(store, container, version)
            for path in paths:
                state, entry = states.at(view, path, (len(view.spans), 0)), tree.get(path)
                assert (state and told_of(state)) == (entry and told_of(entry)), (container, version, path)


def told_of(thing: State | Entry) -> tuple[object, ...]:
    return thing.node, thing.content, thing.mode, thing.uid, thing.gid, thing.mtime, thing.size


def statements(store: Store, sought: Sought) -> int:
    counter = count()
    store.db.set_trace_callback(lambda _: next(counter) < 0)
    try:
        assert sum(1 for _ in occurrences.path_occurrences(store.log, store.content, sought)) == len(sought.paths)
    finally:
        store.db.set_trace_callback(None)
    return next(counter)


def test_many_paths_are_looked_up_many_at_a_time(store: Store) -> None:
    costs = []
    for number in (1000, 2000):
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, f"c{number}", None)
            made = [put(b"d%d" % number, 0o40755), *(put(b"d%d/f%d" % (number, n), 0o100644) for n in range(number - 1))]
            commands.record(writer, container, made, live_view(store, container))
        costs.append(statements(store, of_paths(store.log, store.content, [of_text(store.log, b"d%d" % number)])))
    assert costs[1] - costs[0] < 100
