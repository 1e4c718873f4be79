"""The family tree: which container was made from which image, and which images its commits made."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.facts import ContainerBase, ImageBase
from projections.images import images
from projections.refs import containers, tags
from projections.tree import lineage

Key = tuple[str, str]
"""(image, commit or container; its id); ("", "") is what all that was made from nothing here comes from."""

ROOT: Key = ("", "")


class Member(NamedTuple):
    """`version` is where a commit seals or a container forked off; `commits` is how many a container has."""

    kind: str
    id: str
    names: list[str]
    version: int
    commits: int
    removed: bool


class Family:
    """The images and containers that there ever were; of a container's commits those that have a tag or something
    built on them, and the last.  O(images + containers + tags) index look-ups.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tags = tags.current(log)
        self.children: dict[Key, list[Member]] = {}
        self.parents: dict[Key, Key] = {}
        for image in reversed(list(images.all_images(log))):
            if image.seal is None:
                self._add(ROOT, Member("image", image.id, self._tags.get(image.id, []), 0, 0, image.removed))
        everyone = list(containers.all_containers(log))[::-1]
        for container in everyone:
            self._add(self._parent(container), self._container(container))
        self._add_commits(everyone)
        for members in self.children.values():
            members.sort(key=lambda member: member.version)

    def lines(self, key: Key = ROOT) -> Iterator[tuple[list[bool], Member]]:
        """Yield each member below *key* with, for every level down to it, whether it is the last there."""
        waiting: list[tuple[list[bool], Member, bool]] = [([], member, last) for member, last in self._below(key)]
        while waiting:
            above, member, last = waiting.pop()
            way = [*above, last]
            yield way, member
            waiting.extend((way, child, final) for child, final in self._below((member.kind, member.id)))

    def root_of(self, key: Key) -> Key:
        """Return the ancestor of *key* that has no parent."""
        while self.parents.get(key, ROOT) != ROOT:
            key = self.parents[key]
        return key

    def member(self, key: Key) -> Member:
        return next(m for m in self.children[self.parents[key]] if (m.kind, m.id) == key)

    def _below(self, key: Key) -> Iterator[tuple[Member, bool]]:
        """Yield the children, the last one first, and whether each is that one."""
        return ((member, not number) for number, member in enumerate(reversed(self.children.get(key, []))))

    def _add(self, parent: Key, member: Member) -> None:
        key = (member.kind, member.id)
        if key not in self.parents:
            self.parents[key] = parent
            self.children.setdefault(parent, []).append(member)

    def _container(self, container: containers.Container) -> Member:
        count = seals.count(self._log, container.stream)
        version = container.base.version if isinstance(container.base, ContainerBase) else 0
        return Member("container", container.id, [container.name], version, count, container.removed)

    def _parent(self, container: containers.Container) -> Key:
        match container.base:
            case ImageBase(image):
                return ("image", image)
            case ContainerBase(below, version):
                made = lineage.commit_at(self._log, below, version)
                return ("commit", made) if made is not None else ("container", below)
        return ROOT

    def _add_commits(self, everyone: list[containers.Container]) -> None:
        built_on = [image for kind, image in self.children if kind == "commit"]
        last = [lineage.commit_at(self._log, one.id, one.sealed) for one in everyone if one.sealed]
        for image in {*self._tags, *built_on, *last}:
            seal = self._log.seal(image) if image is not None else None
            if seal is not None and image is not None:
                member = Member("commit", image, self._tags.get(image, []), seal.version, 0, removed=False)
                self._add(("container", self._log.stream_of(seal.stream).name), member)

