"""Content: stored once, read back in any range, a small edit costs a small room, and damage is named."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.content.reader import CHUNK_MAX
from eventstore.errors import DamagedError
from eventstore.store.store import Store
from eventstore.store.writer import writing
from tests.cli.running import ROOT, clean
from tests.conftest import ADA

MIB = 1 << 20


def kept(store: Store, *contents: bytes, like: bytes | None = None) -> list[bytes]:
    with writing(store, ADA) as writer, writer.transaction():
        return [writer.content.put(data, like) for data in contents]


def streamed(store: Store, data: bytes, piece: int = 100_000) -> bytes:
    with writing(store, ADA) as writer, writer.transaction():
        return writer.content.put_stream(data[at : at + piece] for at in range(0, len(data), piece))


def on_disk(store: Store) -> int:
    folder = Path(store.path, "content", "segments")
    return sum(file.stat().st_size for file in folder.iterdir())


@pytest.mark.parametrize("size", [0, 1, 100, 65_535, 65_536, 65_537, 131_073, 3 * MIB])
def test_every_size(store: Store, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert kept(store, data) == [sha256(data).digest()] == [streamed(store, data)]
    assert store.content.read_all(sha256(data).digest()) == data
    assert store.content.size(sha256(data).digest()) == size


def test_stored_once(store: Store) -> None:
    kept(store, b"same" * 5000)
    size = on_disk(store)
    kept(store, b"same" * 5000, b"same" * 5000)
    assert on_disk(store) == size


def test_small_contents_share_blocks(store: Store) -> None:
    kept(store, *(b"file number %d" % number for number in range(1000)))
    assert store.db.execute("SELECT count(DISTINCT offset), count(*) FROM content").fetchone() == (2, 1000)


def test_an_edit_of_a_large_file_stores_what_changed(store: Store) -> None:
    """4 MiB, and again with a few bytes more in the middle: one or two chunks are new."""
    data = random.Random(1).randbytes(4 * MIB)
    streamed(store, data)
    before = on_disk(store)
    edited = data[: 2 * MIB] + b"inserted" + data[2 * MIB :]
    digest = streamed(store, edited)
    assert on_disk(store) - before <= 2 * CHUNK_MAX
    assert store.content.read_all(digest) == edited
    assert store.db.execute("SELECT count(*) FROM content WHERE parts IS NOT NULL").fetchone()[0] == 2


@pytest.mark.parametrize("piece", [1000, 65_536, MIB, 5 * MIB])
def test_where_it_is_cut_does_not_depend_on_how_it_came(store: Store, piece: int) -> None:
    """The same bytes in other pieces are the same chunks."""
    data = random.Random(2).randbytes(5 * MIB)
    streamed(store, data)
    size = on_disk(store)
    with writing(store, ADA) as writer, writer.transaction():
        writer.content.put_stream(data[at : at + piece] for at in range(0, len(data) - 1, piece))
    assert on_disk(store) - size <= CHUNK_MAX + 100


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3 * MIB + 100), st.integers(0, 3 * MIB + 100))
def test_any_range_is_read_without_the_rest(ranged: tuple[Store, bytes, bytes], start: int, length: int) -> None:
    store, digest, data = ranged
    assert b"".join(store.content.read(digest, start, length)) == data[start : start + length]


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, bytes, bytes]:
    data = random.Random(3).randbytes(3 * MIB)
    store = Store.open_or_create(str(tmp_path_factory.mktemp("ranged") / "store"))
    return store, streamed(store, data), data


def test_a_successor_is_stored_as_a_difference(store: Store) -> None:
    """Versions of a file hang on the first one, not on each other."""
    lines = [b"%d: %d" % (number, number**5) for number in range(2000)]
    versions = []
    for number in range(10):
        lines[number * 7] = b"changed"
        versions.append(b"\n".join(lines))
    digests = kept(store, versions[0])
    first = on_disk(store)
    for version in versions[1:]:
        digests += kept(store, version, like=digests[-1])
    assert on_disk(store) - first < first
    assert [store.content.read_all(digest) for digest in digests] == versions
    assert {row[0] for row in store.db.execute("SELECT base FROM content WHERE base IS NOT NULL")} == {digests[0]}


def test_what_does_not_resemble_is_stored_by_itself(store: Store) -> None:
    one = kept(store, os.urandom(20_000))[0]
    kept(store, os.urandom(20_000), like=one)
    assert store.db.execute("SELECT count(*) FROM content WHERE base IS NOT NULL").fetchone()[0] == 0


def test_what_was_not_named_is_not_there(store: Store, open_store: Callable[[], Store]) -> None:
    """Put and synced, but in no transaction; and in one that failed."""
    data, other = b"nobody names this", b"nor this"
    with writing(store, ADA) as writer:
        writer.content.put(data)
        writer.content.sync()
        assert not open_store().content.has(sha256(data).digest())
    with writing(store, ADA) as writer, pytest.raises(RuntimeError), writer.transaction():
        writer.content.put(other)
        raise RuntimeError
    assert not store.content.has(sha256(other).digest())
    with pytest.raises(DamagedError, match="is missing from the store; `layerlog repair`"):
        store.content.read_all(sha256(other).digest())


def test_a_torn_tail_is_invisible(store: Store, open_store: Callable[[], Store]) -> None:
    """What a killed writer left behind is behind the end for everybody, and what comes next is written after it."""
    first = kept(store, b"first")[0]
    with open(store.content.segments.path(1), "ab") as file:
        file.write(b"LLB1\1 torn in the mid")
    second = kept(open_store(), b"second")[0]
    assert [store.content.read_all(digest) for digest in (first, second)] == [b"first", b"second"]


@pytest.mark.damages
def test_a_damaged_block_is_named_and_the_rest_is_read(store: Store) -> None:
    large = random.Random(4).randbytes(2 * MIB)
    digest = streamed(store, large)
    sound = kept(store, b"sound")[0]
    chunks = store.db.execute("SELECT offset, stored, size FROM content WHERE parts IS NULL AND size > 10000 ORDER BY offset").fetchall()
    with open(store.content.segments.path(1), "r+b") as file:
        file.seek(chunks[2][0] + 100)
        file.write(b"damage")
    with pytest.raises(DamagedError, match=r"content sha256:[0-9a-f]{64} is damaged \(segment 1 holds other bytes at \d+\); `layerlog verify`"):
        store.content.read_all(digest)
    whole = chunks[0][2] + chunks[1][2]
    assert b"".join(store.content.read(digest, 0, whole)) == large[:whole]
    assert store.content.read_all(sound) == b"sound"


STREAM = """
import sys
from pathlib import Path
from eventstore.store.store import Store
from eventstore.store.writer import writing
from tests.conftest import ADA
size = int(sys.argv[2]) << 20
piece = bytes(range(256)) * 4096
with Store.open_or_create(sys.argv[1]) as store:
    with writing(store, ADA) as writer, writer.transaction():
        digest = writer.content.put_stream(b"%08d" % number + piece[8:] for number in range(size >> 20))
    assert sum(map(len, store.content.read(digest))) == size
status = Path('/proc/self/status').read_text()  # ru_maxrss would begin with what the parent process had
print(int(status.partition('VmHWM:')[2].split()[0]) >> 10)
"""


def memory(path: Path, mebibytes: int) -> int:
    """Return the peak MiB of a process that writes and reads a content of this size."""
    command = [sys.executable, "-c", STREAM, str(path), str(mebibytes)]
    return int(subprocess.run(command, cwd=ROOT, env=clean({}), capture_output=True, text=True, check=True).stdout)


def test_memory_is_flat_whatever_the_size(tmp_path: Path) -> None:
    small, large = memory(tmp_path / "small", 16), memory(tmp_path / "large", 256)
    assert large < small + 40
    assert large < 150


def test_a_writer_has_a_block_of_each_kind(store: Store) -> None:
    """Originals are cut at fixed places and never compressed: they are dropped apart from all else."""
    data = bytes(3 * MIB)
    with writing(store, ADA) as writer, writer.transaction():
        digest = writer.originals.put_stream([data])
    assert store.content.read_all(digest) == data
    assert store.db.execute("SELECT DISTINCT segment, size FROM content WHERE parts IS NULL").fetchall() == [(-1, MIB)]
