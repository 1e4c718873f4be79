"""Work in threads: the same bytes, every error told where it matters, no thread left."""

import io
import threading
from collections.abc import Iterator

import pytest

from cli.streams.threads import Lane, hashed, in_background, writing_behind
from eventstore.errors import InvalidError, MismatchError
from eventstore.model.digests import digest_of

DATA = bytes(range(256)) * 40_000  # 10 MB


def chunks(fail_at: int | None = None) -> Iterator[bytes]:
    for start in range(0, len(DATA), 100_000):
        if start == fail_at:
            raise InvalidError("broken here")
        yield DATA[start : start + 100_000]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_what_is_read_beside_is_the_same() -> None:
    with in_background(chunks()) as found:
        assert b"".join(found) == DATA


def test_an_error_beside_comes_out_of_reading() -> None:
    with in_background(chunks(fail_at=5_000_000)) as found, pytest.raises(InvalidError, match="broken here"):
        list(found)


def test_leaving_early_stops_the_thread() -> None:
    made = chunks()
    with in_background(made) as found:
        assert next(found) == DATA[:100_000]
    assert list(made)


@pytest.mark.parametrize(("data", "size"), [(DATA[1:], len(DATA)), (DATA, len(DATA) + 1)])
def test_what_is_hashed_beside_must_be_what_was_promised(data: bytes, size: int) -> None:
    assert hashed(chunks(), digest_of(DATA), len(DATA)).read() == DATA
    with pytest.raises(MismatchError, match="were promised"):
        hashed(chunks(), digest_of(data), size).read()


def test_what_is_hashed_needs_no_second_look() -> None:
    assert hashed(iter([b""]), digest_of(b""), 0).proves == (digest_of(b""), 0)


def test_what_is_written_behind_is_there_in_the_end() -> None:
    out, told = io.BytesIO(), list[int]()
    with writing_behind(out, told.append) as file:
        file.writelines(chunks())
        file.write(b"end")
    assert (out.getvalue(), sum(told)) == (DATA + b"end", len(DATA) + 3)


def test_a_failed_write_behind_is_told() -> None:
    class Full(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), writing_behind(Full(), lambda _: None) as file:
        file.writelines(chunks())


def test_after_a_failure_a_lane_works_no_more() -> None:
    seen = []

    def work(piece: bytes) -> None:
        seen.append(piece)
        raise ValueError(piece)

    lane = Lane(work)
    with pytest.raises(ValueError, match="1"):
        for number in range(1000):
            lane.put(str(number + 1).encode())
    with pytest.raises(ValueError, match="1"):
        lane.close()
    assert seen == [b"1"]
