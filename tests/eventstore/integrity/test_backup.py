"""A backup taken at any moment, beside writers, killed or not, is a store that opens and verifies."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventstore.errors import ConflictError, StoreError
from eventstore.integrity import backup
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from tests.cli.running import ROOT, clean
from tests.conftest import ADA, findings
from tests.eventstore.store.test_concurrency import started
from tests.eventstore.writers import TAG


def backed_up(store: Store, target: Path) -> backup.Copied:
    return backup.back_up(store, str(target), lambda _: None)


def started_backup(store: Store, target: Path) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from eventstore.store.store import Store; from eventstore.integrity.backup import back_up; "
        "back_up(Store.open_or_create(sys.argv[1]), sys.argv[2], lambda _: None)"
    )
    return subprocess.Popen([sys.executable, "-c", program, store.path, str(target)], cwd=ROOT, env=clean({}))


@pytest.fixture
def busy(store: Store) -> Store:
    with writing(store, ADA) as writer:
        commands.create_container(writer, "shared", None)
        commands.move_tag(writer, TAG, "0" * 64)
    return store


def test_beside_writers(busy: Store, tmp_path: Path) -> None:
    """Taken again and again while two processes write: each one verifies, and none is older than the one before."""
    writers = [started(busy.path, number, 25) for number in range(2)]
    position = 0
    while any(process.poll() is None for process in writers):
        copied = backed_up(busy, tmp_path / "copy")
        assert copied.head.position >= position
        position = copied.head.position
        assert findings(str(tmp_path / "copy")) == []
    for process in writers:
        assert process.communicate()[1] == ""
    assert backed_up(busy, tmp_path / "copy").head == busy.log.head()


def test_killed_at_any_moment(busy: Store, tmp_path: Path) -> None:
    """The target is the backup that it was before, or the new one; the next run needs no repair."""
    target, draw = tmp_path / "copy", random.Random(1)
    for turn in range(12):
        with writing(busy, ADA) as writer, writer.transaction():
            writer.content.put(draw.randbytes(300_000))
            commands.create_container(writer, f"turn{turn}", None)
        process = started_backup(busy, target)
        time.sleep(draw.uniform(0.02, 0.4))
        process.kill()
        process.wait()
        if (target / "log.db").exists() and turn > 3:
            backed_up(busy, target)
            assert findings(str(target)) == []
    assert backed_up(busy, target).head == busy.log.head()


def test_a_backup_is_written_to_as_any_store_is(busy: Store, tmp_path: Path) -> None:
    backed_up(busy, tmp_path / "copy")
    with Store.open_or_create(str(tmp_path / "copy")) as copy, writing(copy, ADA) as writer:
        commands.create_container(writer, "mine", None)
    with pytest.raises(ConflictError, match="holds another store, or changesets that this one has not"):
        backed_up(busy, tmp_path / "copy")
    assert findings(str(tmp_path / "copy")) == []


def test_it_copies_only_what_is_named(busy: Store, tmp_path: Path) -> None:
    """A torn tail, and what somebody has put and not yet named, are no part of a backup."""
    with writing(busy, ADA) as writer:
        writer.content.put(b"x" * 1000)
        writer.content.sync()
        backed_up(busy, tmp_path / "copy")
    assert not os.path.exists(tmp_path / "copy/content/segments/000001")


def test_a_target_that_cannot_be(busy: Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file, and a backup is a folder"):
        backed_up(busy, tmp_path / "file")
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish/lock").touch()
    (tmp_path / "rubbish/log.db").write_bytes(b"no database at all, and long enough to be read as one " * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        backed_up(busy, tmp_path / "rubbish")
