"""A long log: one container whose events come in commits, for measuring what history's length costs.

    python -m tests.bench.long_log DIR [EVENTS] [COMMITS]        (1,000,000 and 10,000)

Files lie in 20 x 20 directories; each commit rewrites one text file, `notes/today.txt`, and writes, changes, links, moves
and deletes others.  Six people commit; a seventh, `Rare`, once in a thousand commits.  Every tenth commit gets a tag.
"""

import random
import stat
import sys
import time
from collections.abc import Iterator

from eventstore.log.log import Context
from eventstore.model.changes import Change, attributes, delete, link, move, put
from eventstore.model.entries import Entry
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing

PEOPLE = ("Ada", "Björn", "Chen", "Dalia", "Emeka", "Fatima")
COMMITS_AT_ONCE = 1_000
FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


class KnownTree:
    """The tree as the generator knows it, so that the appender's rules cost a dict look-up instead of queries."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, tuple[int, int]] = {b"": (DIRECTORY, 0)}

    def lookup(self, path: bytes) -> Entry | None:
        found = self.nodes.get(path)
        return None if found is None else Entry(path, found[0], 0, 0, 0, 0, None, None, None, found[1], found[1])

    def live(self) -> "KnownTree":
        return self


class Story:
    """Makes the changes of one commit after another; equal seeds, equal stories."""

    def __init__(self, writer: Writer, contents: int) -> None:
        self.random = random.Random(4)
        self.contents = contents
        self.writer = writer
        self.tree = KnownTree()
        self.files: list[bytes] = []
        self.made = self.position = self.puts = 0
        self.lines = [b"line %d\n" % n for n in range(200)]

    def directories(self) -> Iterator[Change]:
        self.position = self.writer.log.head().position
        tops = [b"notes", *(b"d%d" % n for n in range(20))]
        for path in [*tops, *(top + b"/e%d" % n for top in tops[1:] for n in range(20))]:
            yield from self.written(path, DIRECTORY)

    def changes(self, number: int, count: int) -> Iterator[Change]:
        self.position = self.writer.log.head().position
        self.lines[self.random.randrange(len(self.lines))] = b"edited in commit %d\n" % number
        text = b"".join(self.lines)
        yield from self.written(b"notes/today.txt", FILE, self.writer.content.put(text), len(text))
        for _ in range(count - 1):
            yield from self.change(self.random.random())

    def change(self, chance: float) -> Iterator[Change]:
        if len(self.files) < 1_000 or chance < 0.9:
            yield from self.file()
            return
        index = self.random.randrange(len(self.files))
        path, nodes = self.files[index], self.tree.nodes
        if chance < 0.96:
            yield self.counted(attributes(path, FILE, uid=self.random.randrange(9), gid=0, mtime=1))
        elif chance < 0.97:
            self.files.append(self.fresh())
            yield self.counted(link(self.files[-1], path))
            nodes[self.files[-1]] = nodes[path]
        elif chance < 0.98:
            self.files[index] = self.fresh()
            yield self.counted(move(path, self.files[index]))
            nodes[self.files[index]] = nodes.pop(path)
        else:
            self.files[index] = self.files[-1]
            self.files.pop()
            yield self.counted(delete(path))
            del nodes[path]

    def file(self) -> Iterator[Change]:
        if len(self.files) < 20_000:
            self.files.append(path := self.fresh())
        else:
            path = self.random.choice(self.files)
        self.puts += 1
        yield from self.written(path, FILE, self.writer.content.put(b"%011d\n" % (self.puts % self.contents)), 12)

    def fresh(self) -> bytes:
        self.made += 1
        number = self.made * 7919
        return b"d%d/e%d/file-%d.conf" % (number % 20, number // 20 % 20, self.made)

    def written(self, path: bytes, mode: int, content: bytes | None = None, size: int = 0) -> Iterator[Change]:
        yield self.counted(put(path, mode, content=content, size=size, mtime=1))
        self.tree.nodes[path] = (mode, self.position)

    def counted(self, change: Change) -> Change:
        self.position += 1
        return change


def context(number: int) -> Context:
    author = "Rare <rare@example.org>" if number % 1_000 == 500 else f"{PEOPLE[number % 6]} <{PEOPLE[number % 6].lower()}@example.org>"
    actor = {"login": f"user{number % 3}", "uid": 1000 + number % 3, "login_uid": 1000 + number % 3, "host": "bench"}
    return Context(actor, ("layerlog", "cp", f"step-{number % 50}", "web:/"), author)


def generate(folder: str, events: int = 1_000_000, commits: int = 10_000, contents: int = 1_000) -> float:
    """Make the store in *folder*, which must be new, with so many distinct small contents; return the seconds it took."""
    begun = time.perf_counter()
    with Store.open_or_create(folder) as store, writing(store, context(0)) as writer:
        commands.create_store(writer)
        container = commands.create_container(writer, "web", None)
        story = Story(writer, contents)
        commands.record(writer, container, story.directories(), story.tree)
        parent = None
        for start in range(0, commits, COMMITS_AT_ONCE):
            with writer.transaction():
                for number in range(start, min(start + COMMITS_AT_ONCE, commits)):
                    writer.context = context(number)
                    commands.record(writer, container, story.changes(number, events // commits - 1), story.tree)
                    tag = f"docker.io/library/app:{number}" if number % 10 == 0 else None
                    parent = commands.commit(
                        writer, container, parent=parent, message=f"Commit {number}\n\nwith a body\n", author=writer.context.author, tag=tag
                    ).hex()
    return time.perf_counter() - begun


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[2:]]
    print(f"{generate(sys.argv[1], *counts):.1f} s")
