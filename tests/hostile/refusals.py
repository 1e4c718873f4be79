"""What a refusal is: exit 1, one clear line that names the entry, and a store in which nothing happened."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.commands import Done


def state(store: Path) -> tuple[object, ...]:
    """Return where the log ends, how many contents there are, and every file by name (segments apart: they may stay, empty)."""
    with closing(sqlite3.connect(store / "log.db")) as db:
        head = db.execute("SELECT max(number), max(first + events) FROM changeset").fetchone()
        contents = db.execute("SELECT count(*) FROM content").fetchone()
        streams = db.execute("SELECT count(*) FROM stream").fetchone()
    files = [os.path.join(folder, name) for folder, _, names in os.walk(store) for name in names]
    room = sum(os.path.getsize(name) for name in files if "/content/" in name)
    return head, contents, streams, room, sorted(n for n in files if not n.endswith(("-wal", "-shm")) and "/content/" not in n)


def check_refused(done: Done, says: str) -> None:
    assert done.status == 1, done
    assert len(done.lines) == 1, done.err
    line = done.lines[0]
    assert line.startswith("layerlog: "), line
    assert line.isprintable(), line
    assert re.search(says, line), f"{line!r} does not say {says!r}"
    assert not done.out, done.out
