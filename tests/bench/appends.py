"""Writing, measured in a process of its own through the Python API, and the raw floors of the same work."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from eventstore.index.names import container_named
from eventstore.log.log import Context
from eventstore.log.schema_1 import TABLES
from eventstore.model.changes import Change, put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.refs.containers import live_view, view_at
from projections.tree.view import View
from projections.tree.walk import walk
from tests.bench.long_log import KnownTree

ADA = Context({"login": "ada", "uid": 1000, "login_uid": 1000, "host": "bench"}, ("bench",), "Ada <ada@example.org>")
FILE, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
FOLDERS = 100
TABLES_FILLED = ("path", "event", "content")  # no other table gets a row for each event
Answer = dict[str, float]


@contextmanager
def container(store: str, name: str) -> Iterator[tuple[Writer, str, View]]:
    """Open the store and give a new container with FOLDERS directories, its writer and its live view."""
    with Store.open_or_create(store) as opened, writing(opened, ADA) as writer:
        commands.create_store(writer)
        made = commands.create_container(writer, name, None)
        view = live_view(opened, made)
        commands.record(writer, made, [put(b"d%d" % n, DIRECTORY) for n in range(FOLDERS)], view)
        yield writer, made, view


def append(store: str, events: int, batch: int, name: str = "appended") -> Answer:
    """W2: events/s of new files of 100 bytes, all of them distinct, *batch* to a durable changeset."""
    with container(store, name) as (writer, made, view):
        start = time.perf_counter()
        for first in range(0, events, batch):
            commands.record(writer, made, _files(writer, name, first, batch), view)
        return {"rate": events / (time.perf_counter() - start)}


def _files(writer: Writer, name: str, first: int, count: int) -> Iterator[Change]:
    for number in range(first, first + count):
        content = b"%s %d " % (name.encode(), number)
        content = content.ljust(100, b".")
        yield put(b"d%d/f%d" % (number % FOLDERS, number), FILE, size=100, content=writer.content.put(content))


def executemany(store: str, target: str, batch: int) -> Answer:
    """W2's floor: events/s of inserting the very rows that *store* holds, indexes too, *batch* events to a transaction."""
    rows = _rows(store)
    db = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16000", "wal_autocheckpoint = 4000"):
        db.execute(f"PRAGMA {pragma}")
    for statement in TABLES.replace("INSERT INTO path (id, parent, name) VALUES (1, 0, x'');", "").split(";\n"):
        db.execute(statement)
    steps = len(rows["event"]) // batch
    start = time.perf_counter()
    for step in range(steps):
        db.execute("BEGIN IMMEDIATE")
        for table, all_rows in rows.items():
            part = all_rows[len(all_rows) * step // steps : len(all_rows) * (step + 1) // steps]
            db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(part[0]))})", part)
        db.execute("COMMIT")
    took = time.perf_counter() - start
    db.close()
    return {"rate": len(rows["event"]) / took}


def _rows(store: str) -> dict[str, list[tuple[object, ...]]]:
    db = sqlite3.connect(os.path.join(store, "log.db"))
    try:
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES_FILLED}
    finally:
        db.close()


def write_singly(store: str, writes: int) -> Answer:
    """W2d: seconds for one content and one event, durable on return."""
    with container(store, "singly") as (writer, made, view):
        start = time.perf_counter()
        for number in range(writes):
            content = writer.content.put(b"single %d" % number)
            commands.record(writer, made, [put(b"d1/g%d" % number, FILE, size=8, content=content)], view)
        return {"seconds": (time.perf_counter() - start) / writes}


def sync_twice(folder: str, writes: int, first: int, second: int) -> Answer:
    """W2d's floor: seconds for appending *first* bytes to one file and *second* to another, each with fdatasync."""
    files = [os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT, 0o600) for name in ("segment", "wal")]
    small, large = b"s" * first, b"w" * second
    start = time.perf_counter()
    for _ in range(writes):
        for fd, data in zip(files, (small, large), strict=True):
            os.write(fd, data)
            os.fdatasync(fd)
    took = time.perf_counter() - start
    for fd in files:
        os.close(fd)
    return {"seconds": took / writes}


def commit_singly(store: str, commits: int) -> Answer:
    """W2g: seconds for *commits* commits of one small file each, one transaction and so one fsync for all of them.

    As git fast-import does, an importer knows the tree that it makes and does not ask the store for it.
    """
    with container(store, "commits") as (writer, made, _):
        tree = KnownTree()
        tree.nodes |= {b"d%d" % number: (DIRECTORY, 0) for number in range(FOLDERS)}
        start = time.perf_counter()
        parent = None
        with writer.transaction():
            for number in range(commits):
                content = writer.content.put(git_content(number))
                change = put(b"d%d/f%d" % (number % FOLDERS, number), FILE, size=200, content=content)
                with writer.changeset():
                    commands.record(writer, made, [change], tree)
                    parent = commands.commit(writer, made, parent=parent, message="x").hex()
        return {"seconds": time.perf_counter() - start}


def git_content(number: int) -> bytes:
    return (b"file %d\n" % number).ljust(200, b"-")


def git_stream(path: str, commits: int) -> None:
    """Write what `commit_singly` does for git fast-import."""
    with open(path, "wb") as out:
        for number in range(commits):
            out.write(b"commit refs/heads/main\ncommitter ada <ada@example.org> %d +0000\ndata 1\nx\n" % number)
            out.write(b"M 644 inline d%d/f%d\ndata 200\n%b\n" % (number % FOLDERS, number, git_content(number)))


def seal(store: str, name: str, changed: int, salt: int) -> Answer:
    """W3: seconds for `commit` once *changed* files of the container *name* (an image's) were rewritten and the store closed."""
    made = _rewrite(store, name, changed, salt)
    with Store.open_or_create(store) as opened, writing(opened, ADA) as writer:
        start = time.perf_counter()
        commands.commit(writer, made, parent=None, message="bench")
        return {"seconds": time.perf_counter() - start}


def _rewrite(store: str, name: str, changed: int, salt: int) -> str:
    with Store.open_or_create(store) as opened, writing(opened, ADA) as writer:
        made = container_named(opened.log, name)
        assert made is not None
        now = view_at(opened, made, opened.log.existing("container", made).version)
        commands.record(writer, made, _rewritten(writer, now, changed, salt), live_view(opened, made))
        return made


def _rewritten(writer: Writer, view: View, count: int, salt: int) -> Iterator[Change]:
    files = (entry for entry in walk(view) if entry.is_file)
    for number, entry in zip(range(count), files, strict=False):
        data = b"rewritten %d %d" % (salt, number)
        yield put(entry.path, entry.mode, mtime=entry.mtime, size=len(data), content=writer.content.put(data))
