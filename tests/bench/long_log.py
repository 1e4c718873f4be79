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

from eventstore import commands
from eventstore.changes import Change, attributes, delete, link, move, put
from eventstore.entries import Entry
from eventstore.log import Context
from eventstore.store import Store, Writer

PEOPLE = ("Ada", "Björn", "Chen", "Dalia", "Emeka", "Fatima")
COMMITS_AT_ONCE = 1_000
FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755


class KnownTree:
    """The tree as the generator knows it, so that the appender's rules cost a dict look-up instead of queries."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {b"": self.entry(b"", DIRECTORY)}

    def entry(self, path: bytes, mode: int) -> Entry:
        return Entry(path, mode, 0, 0, 0, 0, None, None, None, 0, 0)

    def lookup(self, path: bytes) -> Entry | None:
        return self.entries.get(path)


class Story:
    """Makes the changes of one commit after another; equal seeds, equal stories."""

    def __init__(self, writer: Writer) -> None:
        self.random = random.Random(4)
        self.writer = writer
        self.tree = KnownTree()
        self.files: list[bytes] = []
        self.made = 0
        self.pool = [writer.content.put(b"content %d\n" % n) for n in range(1_000)]
        self.lines = [b"line %d\n" % n for n in range(200)]

    def directories(self) -> Iterator[Change]:
        tops = [b"notes", *(b"d%d" % n for n in range(20))]
        for path in [*tops, *(top + b"/e%d" % n for top in tops[1:] for n in range(20))]:
            self.tree.entries[path] = self.tree.entry(path, DIRECTORY)
            yield put(path, DIRECTORY)

    def changes(self, number: int, count: int) -> Iterator[Change]:
        self.lines[self.random.randrange(len(self.lines))] = b"edited in commit %d\n" % number
        text = b"".join(self.lines)
        yield self.file(b"notes/today.txt", self.writer.content.put(text), len(text))
        for _ in range(count - 1):
            yield self.change(self.random.random())

    def change(self, chance: float) -> Change:
        if len(self.files) < 1_000 or chance < 0.9:
            return self.file(self.fresh() if len(self.files) < 20_000 else self.random.choice(self.files), self.random.choice(self.pool), 12)
        index = self.random.randrange(len(self.files))
        path = self.files[index]
        if chance < 0.96:
            return attributes(path, FILE, uid=self.random.randrange(9), gid=0, mtime=1)
        if chance < 0.97:
            self.files.append(self.named(self.fresh()))
            return link(self.files[-1], path)
        self.files[index] = self.files[-1]
        self.files.pop()
        del self.tree.entries[path]
        if chance < 0.98:
            self.files.append(self.named(self.fresh()))
            return move(path, self.files[-1])
        return delete(path)

    def fresh(self) -> bytes:
        self.made += 1
        number = self.made * 7919 % 999_983
        return b"d%d/e%d/file-%d.conf" % (number % 20, number // 20 % 20, self.made)

    def named(self, path: bytes) -> bytes:
        self.tree.entries[path] = self.tree.entry(path, FILE)
        return path

    def file(self, path: bytes, content: bytes, size: int) -> Change:
        if path not in self.tree.entries and not path.startswith(b"notes"):
            self.files.append(path)
        self.named(path)
        return put(path, FILE, content=content, size=size, mtime=1)


def context(number: int) -> Context:
    author = "Rare <rare@example.org>" if number % 1_000 == 500 else f"{PEOPLE[number % 6]} <{PEOPLE[number % 6].lower()}@example.org>"
    actor = {"login": f"user{number % 3}", "uid": 1000 + number % 3, "login_uid": 1000 + number % 3, "host": "bench"}
    return Context(actor, ("layerlog", "cp", f"step-{number % 50}", "web:/"), author)


def generate(folder: str, events: int = 1_000_000, commits: int = 10_000) -> float:
    """Make the store in *folder*, which must be new; return the seconds it took."""
    begun = time.perf_counter()
    with Store.open(folder) as store, store.writer(context(0)) as writer:
        commands.create_store(writer)
        container = commands.create_container(writer, "web", None)
        story = Story(writer)
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
