"""Bits that flip on the disk: `verify` finds every one in live data, what is whole stays readable, `repair` mends."""

import random
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from eventstore.errors import LayerlogError
from eventstore.store.store import Store
from tests.conftest import findings
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.faults.stories import IMAGE, day, view
from tests.faults.work import run

TRUTH = ("stream", "path", "context", "changeset", "event", "tree_node", "idempotency", "content")


class Whole(NamedTuple):
    """A store with a day's work, and a backup of it."""

    store: Path
    backup: Path


@pytest.fixture(scope="module")
def whole(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    steps = [step for step in day(folder) if step.argv[:1] not in (["erase"], ["gc"])]
    commands.ok(folder / "sound", *(step.argv for step in steps), ["backup", str(folder / "backup")])
    return Whole(folder / "sound", folder / "backup")


@pytest.fixture
def copy(whole: Whole, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole.store, tmp_path / "copy"))


def flip(file: Path, at: int, bit: int) -> None:
    with open(file, "r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ (1 << bit)]))


def blocks(store: Path) -> list[tuple[int, int, int]]:
    """Return (segment, offset, stored) of every block that a content lies in."""
    with closing(sqlite3.connect(store / "log.db")) as db:
        return db.execute("SELECT DISTINCT segment, offset, stored FROM content WHERE parts IS NULL").fetchall()


def segment(store: Path, number: int) -> Path:
    return store / "content" / ("originals" if number < 0 else "segments") / f"{abs(number):06d}"


def held_by(store: Path, place: int, offset: int) -> set[bytes]:
    """Return the contents in a block, those that need it as their dictionary, and those that are made of either."""
    with closing(sqlite3.connect(store / "log.db")) as db:
        rows = db.execute("SELECT digest, segment, offset, base, parts FROM content").fetchall()
    found = {row[0] for row in rows if row[4] is None and (row[1], row[2]) == (place, offset)}
    found |= {row[0] for row in rows if row[3] in found}
    return found | {row[0] for row in rows if row[4] and found & {row[4][at : at + 32] for at in range(0, len(row[4]), 36)}}


def unharmed(store: Path, digests: set[bytes]) -> bool:
    """Whether the contents are still what they are named: some bits of an LZ4 block may be either without a difference."""
    with Store.open_or_create(str(store)) as opened:
        return all(sha256(b"".join(opened.content.read(digest))).digest() == digest for digest in digests)


def readable(store: Path) -> dict[tuple[str, bytes], bytes]:
    """Return every file of two images that can be read, by reference and path."""
    found = {}
    with Store.open_or_create(str(store)) as opened:
        for ref in (IMAGE, "localhost/app:2"):
            seen = view(opened, ref)
            for path in (b"etc/motd", b"etc/hosts", b"etc/moved", b"big", b"etc/secret"):
                entry = seen.lookup(path)
                try:
                    found[ref, path] = b"".join(seen.read(entry)) if entry else b""
                except LayerlogError:
                    continue
    return found


@pytest.mark.parametrize("flips", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_bit_that_flips_in_a_content_is_found_and_named(whole: Whole, copy: Path, flips: int) -> None:
    chance, sound = random.Random(flips), readable(whole.store)
    live = blocks(copy)
    weights = [stored for _, _, stored in live]
    for _ in range(flips):
        place, offset, stored = chance.choices(live, weights)[0]
        at, bit = offset + chance.randrange(stored), chance.randrange(8)
        flip(segment(copy, place), at, bit)
        named = {digest for finding in findings(str(copy)) for digest in finding.digests}
        damaged = held_by(copy, place, offset)
        assert named <= damaged, (place, at, bit)
        assert named or unharmed(copy, damaged), (place, at, bit)
        left = readable(copy)
        assert left.items() <= sound.items()
        flip(segment(copy, place), at, bit)
        if named:
            totals.count("damaged bits found of bits flipped, in contents", 1, 1)
    assert findings(str(copy)) == []


def logical(store: Path) -> dict[str, list[Any]] | None:
    """Return all that the log says, or None where SQLite itself refuses the file."""
    try:
        with closing(sqlite3.connect(f"file:{store}/log.db?mode=ro", uri=True)) as db:
            db.text_factory = bytes
            rows = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TRUTH}
            schema = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
            return {**rows, "schema": schema}
    except (sqlite3.Error, UnicodeDecodeError):
        return None


@pytest.mark.parametrize("flips", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_every_bit_that_flips_in_the_log_is_found_or_says_nothing(whole: Whole, copy: Path, flips: int) -> None:
    """A bit may lie in a page that is free, or in what SQLite does not look at."""
    chance, sound = random.Random(flips), logical(whole.store)
    file = copy / "log.db"
    pristine = file.read_bytes()
    for _ in range(flips):
        at, bit = chance.randrange(len(pristine)), chance.randrange(8)
        flip(file, at, bit)
        changed = logical(copy) != sound
        noticed = notices(copy)
        for name in ("log.db-wal", "log.db-shm"):
            (copy / name).unlink(missing_ok=True)
        file.write_bytes(pristine)
        assert noticed or not changed, (at, bit)
        if changed:
            totals.count("damaged bits found of bits flipped, in the log", 1, 1)


def notices(store: Path) -> bool:
    """Whether `verify` says that something is wrong, in words and not as a bug."""
    code, said = run(str(store), "verify")
    assert code in (0, 1), said
    return code == 1


@pytest.mark.damages
def test_a_store_that_lost_many_bits_is_mended_from_its_backup(whole: Whole, commands: Commands, tmp_path: Path) -> None:
    store, chance = Path(shutil.copytree(whole.store, tmp_path / "store")), random.Random(1)
    for place, offset, stored in blocks(store):
        if chance.random() < 0.5:
            flip(segment(store, place), offset + chance.randrange(stored), chance.randrange(8))
    damaged = commands.run(store, ["verify"])
    assert damaged.status == 1
    assert "findings" in damaged.out
    mended = commands.run(store, ["repair", "--from", str(whole.backup)])
    assert (mended.status, mended.err) == (0, ""), mended
    assert problems(store) == []
    assert findings(str(store)) == []
    assert readable(store) == readable(whole.store)


@pytest.mark.damages
def test_a_segment_that_is_gone_is_mended_from_the_archive_as_far_as_it_goes(
    whole: Whole, commands: Commands, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(whole.store, tmp_path / "store"))
    for file in (store / "content/segments").iterdir():
        file.unlink()
    commands.run(store, ["repair", "--from", str(whole.store.parent / "image.tar")])
    left = readable(store)
    assert left[IMAGE, b"etc/motd"] == b"hello\n"
    assert (IMAGE, b"big") in left
    again = commands.run(store, ["verify"])
    assert again.status == 1
    assert "bug" not in again.err
    assert "localhost/web:1" in again.out or "web" in again.out


@pytest.mark.damages
def test_a_deleted_wal_takes_the_last_events_and_nothing_else(whole: Whole, commands: Commands, tmp_path: Path) -> None:
    """The events that were in it are gone, as far as no checkpoint proves otherwise; what is left is a whole log."""
    store = Path(shutil.copytree(whole.store, tmp_path / "store"))
    job = commands.start(
        store, ["write", "--text", "in the WAL", "app:/new"], {"call": "tests.faults.stories:keep_open", "args": [str(store)]},
        ["write", "--text", "in the WAL", "app:/newer"], {"call": "time:sleep", "args": [60]},
    )  # fmt: skip
    job.wait_for(3)
    job.kill()
    job.wait()
    assert (store / "log.db-wal").stat().st_size > 0
    (store / "log.db-wal").unlink()
    assert problems(store) == []
    assert findings(str(store)) == []
    assert readable(store) == readable(whole.store)
