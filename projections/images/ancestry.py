"""The family tree: which container was made from which image or point, and which images its commits made."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.events import Event, Kind
from eventstore.model.facts import ContainerBase, ImageBase
from projections.images import images
from projections.refs import containers, tags
from projections.tree import lineage

Key = tuple[str, str]
"""(image, commit or container; its id); ("", "") is what all that was made from nothing here comes from."""

ROOT: Key = ("", "")


class Member(NamedTuple):
    """One of a family: `base` is, of a container, the point of another one that it was made from, `commits` how many it has;
    of a commit `seal` is its event.  `names` are an image's full names, or a container's name.
    """

    kind: str
    id: str
    names: list[str]
    removed: bool = False
    base: ContainerBase | None = None
    commits: int = 0
    seal: Event | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.id


class Place(NamedTuple):
    """A member and where it hangs: `way` says for each level below the topmost, down to its own, if it is the last there."""

    member: Member
    below: Key
    way: list[bool]


class Family:
    """The images and containers that there ever were, and what each was made from: O(those and all names) index look-ups.

    Commits are read where they are asked for.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tags = tags.current(log)
        self._made: dict[Key, list[Member]] = {}
        self._parents: dict[Key, Key] = {}
        self._streams: dict[str, int] = {}
        for image in reversed(list(images.newest_first(log, images.arrived(log)))):
            self._add(ROOT, Member("image", image.id, self._tags.get(image.id, []), image.removed))
        for container in reversed(list(containers.all_containers(log))):
            self._streams[container.id] = container.stream
            self._add(self._parent(container), self._container(container))

    def root_of(self, key: Key) -> Key:
        """Return the ancestor of *key* that has no parent."""
        while self._parents.get(key, ROOT) != ROOT:
            key = self._parents[key]
        return key

    def leading_to(self, keys: Iterable[Key]) -> set[Key]:
        """Return *keys* and all their ancestors."""
        found: set[Key] = {ROOT}
        for key in keys:
            while key not in found:
                found.add(key)
                key = self._parents.get(key, ROOT)
        return found

    def places(self, top: Key, wanted: Callable[[Member], bool]) -> Iterator[Place]:
        """Yield *top* (not `ROOT`) and what comes from it, depth first, the oldest first; streaming.

        What is not *wanted* is left out: of a commit that alone, else all that comes from it too.
        """
        if top != ROOT:
            below = self._parents[top]
            yield from (Place(member, below, []) for member in self._made[below] if member.key == top and wanted(member))
        levels: list[tuple[Key, list[bool], Iterator[tuple[Member, bool]]]]
        levels = [(top, [], _and_whether_last(self._children(top, wanted)))]
        while levels:
            above, way, members = levels[-1]
            member, last = next(members, (None, True))
            if member is None:
                levels.pop()
                continue
            here = [] if above == ROOT else [*way, last]
            yield Place(member, above, here)
            levels.append((member.key, here, _and_whether_last(self._children(member.key, wanted))))

    def _children(self, key: Key, wanted: Callable[[Member], bool]) -> Iterator[Member]:
        kind, name = key
        made = filter(wanted, self._made.get(key, []))
        if kind != "container":
            yield from made
            return
        forks = sorted(made, key=lambda member: member.base.version if member.base else 0)
        for seal in self._log.of_kind(Kind.COMMITTED, self._streams[name]):
            while forks and forks[0].base is not None and forks[0].base.version < seal.version:
                yield forks.pop(0)
            commit = Member("commit", seal.commit, self._tags.get(seal.commit, []), seal=seal)
            yield from (commit,) if wanted(commit) else filter(wanted, self._made.get(commit.key, []))
        yield from forks

    def _add(self, parent: Key, member: Member) -> None:
        self._parents[member.key] = parent
        self._made.setdefault(parent, []).append(member)

    def _container(self, container: containers.Container) -> Member:
        base = container.base if isinstance(container.base, ContainerBase) else None
        count = seals.count(self._log, container.stream)
        return Member("container", container.id, [container.name], container.removed, base, count)

    def _parent(self, container: containers.Container) -> Key:
        match container.base:
            case ImageBase(image):
                return "image", image
            case ContainerBase(below, version):
                made = lineage.commit_at(self._log, below, version)
                if made is None:
                    return "container", below
                self._parents["commit", made] = "container", below
                return "commit", made
        return ROOT


def _and_whether_last(members: Iterable[Member]) -> Iterator[tuple[Member, bool]]:
    waiting = None
    for member in members:
        if waiting is not None:
            yield waiting, False
        waiting = member
    if waiting is not None:
        yield waiting, True
