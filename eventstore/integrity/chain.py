"""The chain, checked from the first event to the last in one streaming pass (FORMAT.md, "The chain" and "The tree")."""

import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from eventstore.integrity.findings import Advance, Finding, of_event
from eventstore.log import merkle
from eventstore.log.log import Changeset, Log, header
from eventstore.log.path_table import PathTable
from eventstore.model.events import EVENT_BYTES, Kind
from eventstore.model.paths import shown

BLOCK = 4096
MOST = 20
_LEAF = b"\0" + EVENT_BYTES  # written out in `_hashed`, where a call for each event would cost a tenth
_EVENTS = (
    "SELECT e.position, e.stream, e.version, e.kind, p.parent, p.name, e.mode, e.uid, e.gid, e.mtime, e.size, "
    "e.content, e.target, CAST(e.detail AS BLOB), e.id FROM event e LEFT JOIN path p ON p.id = e.path ORDER BY e.position"
)
_CHANGESETS = "SELECT c.*, x.body FROM changeset c LEFT JOIN context x ON x.id = c.context ORDER BY c.number"


class Link(NamedTuple):
    """A changeset's row with what its hash covers beside it: its context's text and its predecessor's hash.

    `root` is what its events give now, `earlier` the time of the changeset before.
    """

    changeset: Changeset
    body: str | None
    root: bytes
    previous: bytes
    earlier: int

    @property
    def digest(self) -> bytes:
        return merkle.leaf_hash(header(self.changeset, self.previous, self.body or ""))


def check(log: Log, advance: Advance) -> Iterator[Finding]:
    """Yield what is wrong with events, changesets and the tree; *advance* is told of the events passed.

    Cost: one pass over the log in position order; memory does not grow with it but for a number for each stream.
    """
    found: list[Finding] = []
    events, links, tree = _Events(log, found.append), _Links(found.append), _Tree(log)
    number = 0
    try:
        for *row, body in log.db.execute(_CHANGESETS):
            changeset = Changeset(*row)
            root = events.root(changeset.first + changeset.events)
            for true_hash in links.add(changeset, body, root):
                found.extend(tree.push(true_hash))
            yield from found
            found.clear()
            advance(changeset.events)
            number = changeset.number
        found.extend(finding for last in links.end() for finding in tree.push(last))
        yield from events.left_over(links.position)
        yield from found
        yield from tree.left_over()
        yield from _orphans(log, number)
    except sqlite3.DatabaseError as error:
        yield from found
        step = "run `layerlog repair`, or bring back a backup"
        yield Finding("chain", "log.db", f"cannot be read on after changeset {number}: {error}; {step}")


class _Links:
    """The changesets in order.  Each is judged when the next one has told whether its stored hash is the one it had."""

    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._report = report
        self._held: tuple[Link, bytes] | None = None
        self._number = 0
        self.position = 1

    def add(self, changeset: Changeset, body: str | None, root: bytes) -> Iterator[bytes]:
        """Take the next changeset; yield the true hash of the one before."""
        self._place(changeset)
        if self._held is None:
            link = Link(changeset, body, root, b"", 0)
            self._held = link, link.digest
            return
        before, digest = self._held
        link = Link(changeset, body, root, before.changeset.hash, before.changeset.time)
        own = link.digest
        if own != changeset.hash and digest != before.changeset.hash:
            other = link._replace(previous=digest)
            if other.digest == changeset.hash:
                link, own = other, changeset.hash
        yield from self._judge(before, digest, link.previous)
        self._held = link, own

    def end(self) -> Iterator[bytes]:
        if self._held is not None:
            before, digest = self._held
            yield from self._judge(before, digest, before.changeset.hash)

    def _judge(self, link: Link, digest: bytes, true_hash: bytes) -> Iterator[bytes]:
        changeset = link.changeset
        if true_hash != changeset.hash:
            self._report(_of_changeset(changeset, "its hash was changed"))
        elif link.root != changeset.root or digest != changeset.hash:
            self._report(_diagnosed(link, digest))
        yield true_hash

    def _place(self, changeset: Changeset) -> None:
        if changeset.number != self._number + 1:
            problem = f"is missing: the next one there is {changeset.number}"
            self._report(Finding("chain", f"changeset {self._number + 1}", problem))
        if changeset.first != self.position:
            self._report(_of_changeset(changeset, f"begins at event {changeset.first} where event {self.position} comes next"))
        self._number, self.position = changeset.number, changeset.first + changeset.events


def _diagnosed(link: Link, digest: bytes) -> Finding:
    """Say which of the things that the changeset's hash covers is not what it was when it was sealed."""
    changeset = link.changeset
    if digest == changeset.hash:
        last = changeset.first + changeset.events - 1
        several = f"one or more of the events {changeset.first} to {last} differ"
        which = f"event {last} differs" if changeset.events == 1 else several
        return _of_changeset(changeset, f"{which} from what was sealed", "events")
    for what, candidate in _candidates(link):
        if candidate.digest == changeset.hash:
            return _of_changeset(changeset, f"its {what} was changed")
    if link.root != changeset.root:
        return _of_changeset(changeset, "its events and its own row differ from what was sealed", "events")
    if link.body is None:
        return _of_changeset(changeset, f"its context {changeset.context} is missing", "context")
    problem = f"its context {changeset.context} (who, command, why), or its own row, was changed"
    return _of_changeset(changeset, problem, "context")


def _candidates(link: Link) -> Iterator[tuple[str, Link]]:
    changeset = link.changeset
    yield "root", link._replace(changeset=changeset._replace(root=link.root))
    yield "time", link._replace(changeset=changeset._replace(time=max(link.earlier, changeset.wall)))
    yield "wall clock", link._replace(changeset=changeset._replace(wall=changeset.time))


def _of_changeset(changeset: Changeset, problem: str, cause: str = "") -> Finding:
    span = changeset.first, changeset.first + changeset.events - 1
    return Finding("chain", f"changeset {changeset.number}", problem, events=(span,), cause=cause)


class _Events:
    """The events in position order, hashed as they pass."""

    def __init__(self, log: Log, report: Callable[[Finding], None]) -> None:
        self._log = log
        self._cursor = log.db.execute(_EVENTS)
        self._report = report
        self._names = {row[0]: bytes(row[1]) for row in log.db.execute("SELECT id, CAST(name AS BLOB) FROM stream")}
        self._versions: dict[int, int] = dict.fromkeys(self._names, 0)
        self._shifts: dict[int, int] = {}
        self._paths = PathTable(log)
        self._next = 1
        self._rows: list[tuple[Any, ...]] = []
        self._at = 0

    def root(self, end: int) -> bytes:
        """Return the Merkle root of the events that are left below position *end*."""
        blocks: list[bytes] = []
        leaves: list[bytes] = []
        while rows := self._take(end):
            leaves += self._hashed(rows)
            if len(leaves) >= BLOCK:
                blocks.append(merkle.root_of(leaves[:BLOCK]))
                del leaves[:BLOCK]
        return merkle.root_of([*blocks, merkle.root_of(leaves)] if leaves else blocks)

    def left_over(self, end: int) -> Iterator[Finding]:
        positions = [row[0] for row in self._take(2**62)]
        if positions:
            first, last = positions[0], max(positions[-1], *(row[0] for row in self._cursor), 0)
            problem = f"belong to no changeset: the last one ends before {end}"
            yield Finding("chain", f"events {first} to {last}", problem, events=((first, last),))

    def _take(self, end: int) -> list[tuple[Any, ...]]:
        """Return the next rows below *end*, at most `BLOCK`; none when all were returned."""
        if self._at == len(self._rows):
            self._rows, self._at = self._cursor.fetchmany(BLOCK), 0
        rows, start = self._rows, self._at
        if rows and rows[-1][0] < end:
            self._at = len(rows)
        else:
            while self._at < len(rows) and rows[self._at][0] < end:
                self._at += 1
        return rows[start : self._at]

    def _hashed(self, rows: list[tuple[Any, ...]]) -> Iterator[bytes]:
        names, versions, paths = self._names, self._versions, self._paths
        expected = self._next
        for position, stream, version, kind, parent, name, mode, uid, gid, mtime, size, content, target, detail, own in rows:
            if position != expected or versions.get(stream) != version - 1:
                self._misplaced(expected, position, stream, version)
            expected = position + 1
            versions[stream] = versions.get(stream, 0) + 1
            path, of = b"" if parent is None else paths.child(parent, name), names.get(stream, b"")
            content, target, detail = content or b"", target or b"", detail or b""
            leaf = sha256(
                _LEAF % (
                    len(of), of, version, kind, mode, uid, gid, mtime, size,
                    len(path), path, len(content), content, len(target), target, len(detail), detail,
                )
            ).digest()  # fmt: skip
            if own is not None or kind in _WITH_INDEXES:
                self._check_indexes(position, kind, target, own, leaf)
            yield leaf
        self._next = expected

    def _misplaced(self, expected: int, position: int, stream: int, version: int) -> None:
        if position != expected:
            what = f"event {expected}" if position == expected + 1 else f"events {expected} to {position - 1}"
            problem = f"missing: event {position} comes next"
            self._report(Finding("chain", what, problem, events=((expected, position - 1),)))
        latest = self._versions.get(stream)
        if latest is None:
            self._report(of_event(position, f"its stream {stream} is missing"))
        elif version != latest + 1 + self._shifts.get(stream, 0):  # what follows a gap is not told again
            self._report(of_event(position, f"has version {version} of its stream, where {latest + 1} comes next"))
        self._shifts[stream] = version - (latest or 0) - 1

    def _check_indexes(self, position: int, kind: int, target: bytes, own: bytes | None, leaf: bytes) -> None:
        if (own is not None) != (kind == Kind.COMMITTED) or (own is not None and own != leaf):
            problem = f"its index column id holds {own.hex() if own else 'nothing'}, and {leaf.hex()} is its hash"
            self._report(of_event(position, problem, "index"))
        if kind == Kind.PATH_MOVED and self._source(position) != target:
            self._report(of_event(position, f"its index column source does not stand for /{shown(target)}", "index"))

    def _source(self, position: int) -> bytes | None:
        """Return the path that the column `source` of a move stands for, None without one."""
        row = self._log.db.execute("SELECT source FROM event WHERE position = ?", (position,)).fetchone()
        return None if row[0] is None else self._paths.text(row[0])


_WITH_INDEXES = (Kind.COMMITTED, Kind.PATH_MOVED)


class _Tree:
    """The stored nodes of the tree over all changesets, compared as leaves are pushed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._peaks: dict[int, bytes] = {}
        self._size = 0
        self._levels: list[Iterator[tuple[int, bytes]]] = []

    def push(self, leaf: bytes) -> Iterator[Finding]:
        done = merkle.completed(lambda level, _: self._peaks[level], self._size, leaf)
        self._size += 1
        self._peaks[len(done)] = done[-1][2] if done else leaf
        for level, number, value in done:
            yield from self._compare(level, number, value)

    def left_over(self) -> Iterator[Finding]:
        rest = self._log.db.execute("SELECT number, hash FROM tree_node WHERE level > ? OR level < 1", (len(self._levels),))
        for level, rows in enumerate([*self._levels, iter(rest)], 1):
            for number, _ in rows:
                problem = "stands for changesets that are not there: the tail was cut"
                yield Finding("chain", f"tree node {number} at level {level}", problem)

    def _compare(self, level: int, number: int, expected: bytes) -> Iterator[Finding]:
        if level > len(self._levels):
            select = "SELECT number, hash FROM tree_node WHERE level = ? ORDER BY number"
            self._levels.append(iter(self._log.db.execute(select, (level,))))
        there, stored = next(self._levels[level - 1], (-1, b""))
        if there != number or stored != expected:
            problem = "differs from the changesets below it" if there == number else "is missing"
            yield Finding("chain", f"tree node {number} at level {level}", problem)


_ORPHANS = {
    "stream": "SELECT 'stream ' || s.id || ' (' || kind || ' ' || substr(name, 1, 12) || ')' FROM stream s "
    "WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.stream = s.id)",
    "context": "SELECT 'context ' || id FROM context WHERE id NOT IN (SELECT context FROM changeset)",
    "idempotency": "SELECT 'idempotency key ' || key FROM idempotency WHERE changeset > ?1",
}


def _orphans(log: Log, last: int) -> Iterator[Finding]:
    """Yield rows that only a changeset which is no longer there can have left."""
    for table, select in _ORPHANS.items():
        for (what,) in log.db.execute(f"{select} LIMIT {MOST}", (last,) if "?1" in select else ()):
            yield Finding("chain", shown(what), f"no event or changeset stands for this {table} row: the tail was cut")
