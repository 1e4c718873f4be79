"""A store judged from outside: chain, versions, contents and files, without the product's own `verify`."""

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from eventstore.errors import LayerlogError
from eventstore.log import merkle
from eventstore.log.log import Changeset, header
from eventstore.model.entries import node_of
from eventstore.model.events import Kind, event_bytes
from eventstore.store.store import Store

_KNOWN = {"log.db", "log.db-wal", "log.db-shm", "lock", "content", "cache", "wipe"}


def problems(path: Path) -> list[str]:
    """Return what is wrong with the store at *path*, [] for a sound one; opening it is part of the check."""
    with Store.open_or_create(str(path)) as store:
        return [*_files(path), *_database(store.db), *_chain(store), *_versions(store.db), *_contents(store)]


def _files(path: Path) -> Iterator[str]:
    for name in sorted(set(os.listdir(path)) - _KNOWN):
        yield f"a stray file: {name}"
    for kind in ("segments", "originals"):
        for name in os.listdir(path / "content" / kind):
            if not (name.isdigit() and len(name) == 6):
                yield f"a stray file: content/{kind}/{name}"
    for folder, _, files in os.walk(path):
        if stat.S_IMODE(os.lstat(folder).st_mode) & 0o077:
            yield f"{folder} is open to others"
        for name in files:
            if stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode) & 0o022:
                yield f"{name} can be written by others"


def _database(db: sqlite3.Connection) -> Iterator[str]:
    found = [row[0] for row in db.execute("PRAGMA integrity_check")]
    yield from [] if found == ["ok"] else found
    yield from (f"foreign key: {row}" for row in db.execute("PRAGMA foreign_key_check"))


def _chain(store: Store) -> Iterator[str]:
    previous, number, position, time = b"", 0, 0, 0
    rows = store.db.execute("SELECT c.*, x.body FROM changeset c JOIN context x ON x.id = c.context ORDER BY number").fetchall()
    for *row, body in rows:
        changeset = Changeset(*row)
        if changeset.number != number + 1 or changeset.first != position + 1 or changeset.time < time:
            yield f"changeset {changeset.number} does not follow {number}"
        root = merkle.Frontier()
        for leaf in _leaves(store, changeset):
            root.push(leaf)
        if root.size != changeset.events or root.root() != changeset.root:
            yield f"changeset {changeset.number}: its events are not those it sealed"
        if merkle.leaf_hash(header(changeset, previous, body)) != changeset.hash:
            yield f"changeset {changeset.number}: its hash is another"
        previous, number, time = changeset.hash, changeset.number, changeset.time
        position = changeset.first + changeset.events - 1
    last = store.db.execute("SELECT max(position) FROM event").fetchone()[0] or 0
    if last != position:
        yield f"events {position + 1} to {last} are in no changeset"
    if number and _tree_head([row[7] for row in rows]) != store.log.tree_head(number):
        yield "the tree's nodes do not lead to its head"


def _tree_head(hashes: list[bytes]) -> bytes:
    frontier = merkle.Frontier()
    for leaf in hashes:
        frontier.push(leaf)
    return frontier.root()


def _leaves(store: Store, changeset: Changeset) -> Iterator[bytes]:
    for event in store.log.everything(changeset.first, changeset.first + changeset.events - 1):
        path = b"" if event.path is None else store.log.path_text(event.path)
        name = store.log.stream_of(event.stream).name.encode()
        data = event_bytes(name, event.version, event.kind, path, node_of(event))
        yield sha256(b"\0" + data).digest()


def _versions(db: sqlite3.Connection) -> Iterator[str]:
    rows = db.execute("SELECT stream, count(*), min(version), max(version) FROM event GROUP BY stream")
    for stream, count, first, last in rows:
        if first != 1 or last != count:
            yield f"stream {stream}: {count} events with versions {first} to {last}"


def _contents(store: Store) -> Iterator[str]:
    named = {row[0] for row in store.db.execute("SELECT DISTINCT content FROM event WHERE content IS NOT NULL")}
    for (detail,) in store.db.execute("SELECT detail FROM event WHERE kind IN (?, ?)", (Kind.IMAGE_LOADED, Kind.IMAGE_PULLED)):
        stated = json.loads(detail)
        named |= {bytes.fromhex(digest) for digest in [stated["config"], stated["index"], *stated["documents"]] if digest}
    erased = {row[0] for row in store.db.execute("SELECT content FROM event WHERE kind = ?", (Kind.CONTENT_ERASED,))}
    stored = {row[0] for row in store.db.execute("SELECT digest FROM content")}
    for digest in sorted(named - stored - erased):
        yield f"content {digest.hex()} is named and not stored"
    for digest in sorted(stored):
        seen = sha256()
        try:
            for chunk in store.content.read(digest):
                seen.update(chunk)
        except LayerlogError as error:
            yield str(error)
            continue
        if seen.digest() != digest:
            yield f"content {digest.hex()} is not what it is named"
