"""Reading in a process of its own gives what reading here gives, errors included."""

from collections.abc import Iterator

import pytest

from cli.streams.prefetch import read_ahead
from eventstore.errors import ErasedError, LayerlogError
from eventstore.model.entries import Entry


def entry(path: bytes, content: bytes | None = None) -> Entry:
    return Entry(path, 0o100644, 1, 2, 3, 4, content, None, None, 5, 6)


def bytes_of(found: Entry) -> Iterator[bytes]:
    yield from (found.path * 100_000, b"end")


def test_entries_and_bytes_come_in_order() -> None:
    """Every entry comes whole, with its own bytes and no other's, whether the one before was read or not."""
    entries = [entry(b"%d" % n, b"c" * 32 if n % 3 else None) for n in range(1000)]
    with read_ahead(lambda: (entries, bytes_of)) as (arriving, read):
        for number, found in enumerate(arriving):
            assert found == entries[number]
            if number % 2 and found.content:
                assert b"".join(read(found)) == b"".join(bytes_of(found))
    assert number == len(entries) - 1


def test_an_error_arrives_after_what_came_before_it() -> None:
    """An error of ours is raised here as the class that it is, with all that it carries."""

    def failing() -> Iterator[Entry]:
        yield entry(b"a")
        raise ErasedError("content x was erased", b"\0x")

    with pytest.raises(ErasedError, match=r"^content x was erased$") as met, read_ahead(lambda: (failing(), bytes_of)) as (arriving, _):
        assert next(arriving).path == b"a"
        next(arriving)
    assert met.value.content == b"\0x"


def test_any_other_failure_is_one_line_too() -> None:
    """A failure that nobody foresaw ends as an error of ours and not as a hang."""
    with pytest.raises(LayerlogError, match="reading failed"), read_ahead(lambda: ([entry(b"a")], None)) as (arriving, _):  # type: ignore[arg-type,return-value]
        list(arriving)
        read_more = [entry(b"a", b"c" * 32)]
        with read_ahead(lambda: (read_more, None)) as (more, _):  # type: ignore[arg-type,return-value]
            list(more)


def test_leaving_early_ends_the_child() -> None:
    """Who stops reading is not kept waiting."""
    endless = (entry(b"%d" % n, b"c" * 32) for n in range(10**9))
    with read_ahead(lambda: (endless, bytes_of)) as (arriving, _):
        assert next(arriving).path == b"0"
