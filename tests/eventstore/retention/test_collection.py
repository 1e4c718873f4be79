"""Collection below the command line: what is moved is whole, what is interrupted is taken up, numbers never come back."""

import os
import random

import pytest

from eventstore.errors import DamagedError
from eventstore.model.events import Kind
from eventstore.model.facts import Departure
from eventstore.retention import collection, compaction
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import alone, writing
from tests.conftest import ADA

IMAGE = "1" * 64


def named(store: Store, *contents: bytes) -> list[bytes]:
    """Put contents that an event names."""
    with writing(store, ADA) as writer, writer.transaction():
        digests = [writer.content.put(data) for data in contents]
        for digest in digests:
            commands.record_image(writer, Kind.IMAGE_SAVED, IMAGE, digest, Departure("", 1, [], ""))
    return digests


def garbage(store: Store, *contents: bytes) -> None:
    with writing(store, ADA) as writer, writer.transaction():
        for data in contents:
            writer.content.put(data)


def noise(seed: int, size: int = 80_000) -> bytes:
    return random.Random(seed).randbytes(size)


def collected(store: Store) -> compaction.Freed:
    with alone(store, ADA) as writer:
        return collection.collect(store, writer)[1]


def files(store: Store) -> list[int]:
    return list(compaction.segments(store))


def test_a_segment_that_is_mostly_garbage_is_rewritten(store: Store) -> None:
    digests = named(store, noise(1), b"small")
    garbage(store, *map(noise, range(10, 20)))
    freed = collected(store)
    assert (freed.segments, freed.waiting) == (1, 0)
    assert freed.bytes > 800_000
    assert files(store) == [2]
    assert [store.content.read_all(digest) for digest in digests] == [noise(1), b"small"]
    assert compaction.usages(store)[0].size == compaction.usages(store)[0].live


def test_a_segment_that_is_mostly_alive_stays(store: Store) -> None:
    named(store, *map(noise, range(10)))
    garbage(store, noise(11))
    assert collected(store) == (0, 0, 0)
    assert files(store) == [1]


def test_a_number_is_never_used_twice(store: Store) -> None:
    """Segments are known by their numbers: to readers' caches, and to backups."""
    garbage(store, noise(1))
    collected(store)
    assert files(store) == [2]
    assert collected(store) == (0, 0, 0)
    named(store, noise(2))
    assert store.db.execute("SELECT DISTINCT segment FROM content").fetchall() == [(2,)]


def test_a_collection_that_was_killed_is_taken_up(store: Store) -> None:
    """Killed after copying: the copy is garbage.  Killed before unlinking: the old file is."""
    digests = named(store, noise(1))
    garbage(store, *map(noise, range(10, 14)))
    with open(store.content.segments.path(2), "wb") as file:
        file.write(b"LLB1 a copy that nobody named")
    collected(store)
    leftover = store.content.segments.path(7)
    with open(leftover, "wb") as file:
        file.write(b"an old segment whose rows moved on")
    collected(store)
    assert not os.path.exists(leftover)
    assert store.content.read_all(digests[0]) == noise(1)
    assert files(store)[-1] == 8, "the highest number stays taken"


def test_dictionaries_live_as_long_as_what_hangs_on_them(store: Store) -> None:
    lines = [b"%d: %d" % (number, number**5) for number in range(2000)]
    with writing(store, ADA) as writer, writer.transaction():
        first = writer.content.put(b"\n".join(lines))
    with writing(store, ADA) as writer, writer.transaction():
        lines[7] = b"changed"
        second = writer.content.put(b"\n".join(lines), first)
        commands.record_image(writer, Kind.IMAGE_SAVED, IMAGE, second, Departure("", 1, [], ""))
    collected(store)
    assert store.content.read_all(second) == b"\n".join(lines)
    assert store.content.has(first)


def test_a_digest_in_the_detail_of_a_kind_that_is_not_known_counts(store: Store) -> None:
    """A later version may name contents where this one does not look: it loses nothing to this one's gc."""
    with writing(store, ADA) as writer, writer.transaction():
        digest = writer.content.put(b"named by a kind of the future")
        stated = Departure("", 1, [f"deep: sha256:{digest.hex()}"], "")
        commands.record_image(writer, Kind.HISTORY_RECEIVED, IMAGE, None, stated)
    collected(store)
    assert store.content.read_all(digest) == b"named by a kind of the future"


def test_the_cache_is_emptied(store: Store) -> None:
    os.makedirs(store.cache.path("encoded"))
    with open(store.cache.path("encoded", "x"), "w") as file:
        file.write("x" * 1000)
    assert collection.survey(store).cache_bytes == 1000
    collected(store)
    assert os.listdir(store.cache.path()) == []


@pytest.mark.damages
def test_a_damaged_block_is_moved_as_it_is(store: Store) -> None:
    """Collecting neither mends nor hides damage."""
    digests = named(store, noise(1), noise(2))
    garbage(store, *map(noise, range(10, 16)))
    with open(store.content.segments.path(1), "r+b") as file:
        file.seek(100)
        file.write(b"damage")
    collected(store)
    assert store.content.read_all(digests[1]) == noise(2)
    with pytest.raises(DamagedError, match="is damaged"):
        store.content.read_all(digests[0])
