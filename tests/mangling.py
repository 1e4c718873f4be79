"""Stores with something to lose, and ways to damage a copy of one: each returns what must be named."""

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.invoking import Layerlog, with_base, with_loaded


def story(path: Path) -> Layerlog:
    """A store with an image from elsewhere, one born here, two containers, a large file and some history."""
    ll = with_base(path)
    with_loaded(ll, "app:2")
    ll("write", "web:/etc/motd", "--text", "one")
    ll("write", "web:/srv/large", stdin=large())
    ll("commit", "-m", "first", "-a", "Ada", "web", "site:1")
    ll("create", "--name", "app", "app:2")
    ll("mkdir", "app:/srv")
    ll("write", "app:/srv/page", "--text", "a page of text that nobody else has")
    ll("chmod", "600", "app:/etc/motd")
    ll("move", "app:/srv/page", "app:/srv/index")
    ll("commit", "-m", "second", "-a", "Bob", "app", "site:2")
    return ll


def large() -> bytes:
    """1.5 MB in which no stretch repeats."""
    return b"".join(b"%07d\n" % number for number in range(190_000))


def copied(ll: Layerlog, path: Path) -> Layerlog:
    shutil.copytree(ll.store, path)
    return Layerlog(path)


class Damage:
    """A copy of a store whose protection is off; `sql` changes its log, `segment` its contents."""

    def __init__(self, ll: Layerlog) -> None:
        self.ll = ll
        self.log = os.path.join(ll.store, "log.db")
        with closing(sqlite3.connect(self.log, isolation_level=None)) as db:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.log, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    def row(self, select: str, *values: Any) -> Any:
        with closing(sqlite3.connect(self.log)) as db:
            return db.execute(select, values).fetchone()

    def rows(self, select: str) -> list[Any]:
        with closing(sqlite3.connect(self.log)) as db:
            return db.execute(select).fetchall()

    def segment(self, number: int) -> str:
        folder = "originals" if number < 0 else "segments"
        return os.path.join(self.ll.store, "content", folder, f"{abs(number):06d}")

    def flip(self, number: int, offset: int) -> None:
        with open(self.segment(number), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))

    def event(self, name: str, path: str) -> int:
        """Return the position of the latest event about *path* in the container *name*."""
        row = self.row(
            "SELECT max(position) FROM event_log WHERE path = ? AND stream = (SELECT s.name FROM event e JOIN stream s "
            "ON s.id = e.stream WHERE json_extract(e.detail, '$.name') = ? AND e.kind = 20)", path, name,
        )  # fmt: skip
        return int(row[0])

    def changeset(self, position: int) -> int:
        return int(self.row("SELECT max(number) FROM changeset WHERE first <= ?", position)[0])

    def findings(self, *options: str) -> list[dict[str, Any]]:
        """Return what verify says, but for the missing triggers."""
        done = self.ll.run("verify", "--format", "json", *options)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.exit_code == 1, done.stdout
        assert rows[-1]["findings"] == len(rows) - 1
        return [row for row in rows[:-1] if row["check"] != "schema"]


DAMAGES = ("emptied", "zeros", "noise")


def indexes(ll: Layerlog) -> dict[str, int]:
    """Return the root page of each index of the log, of those too that SQLite keeps for a table's keys."""
    with closing(sqlite3.connect(os.path.join(ll.store, "log.db"))) as db:
        return dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'index'"))


def damage_page(ll: Layerlog, number: int, how: str) -> None:
    """Spoil one page of the log: as a page without entries, as one of zeros, or of *noise*."""
    path = os.path.join(ll.store, "log.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
    with open(path, "r+b") as file:
        file.seek((number - 1) * size)
        page = file.read(size)
        spoilt = {"emptied": page[:3] + bytes(2) + page[5:], "zeros": bytes(size), "noise": random.Random(number).randbytes(size)}
        file.seek((number - 1) * size)
        file.write(spoilt[how])
