import threading
import time
from itertools import count

import pytest

from eventstore.content import WORTH_A_THREAD
from eventstore.content_writer import CHUNK_AVERAGE
from eventstore.store import Store
from eventstore.unpacker import DEPTH, ahead
from tests.conftest import ADA


def threads() -> int:
    return threading.active_count()


def test_results_come_in_order() -> None:
    assert list(ahead(str, range(100))) == list(map(str, range(100)))


def test_no_more_wait_than_the_depth() -> None:
    done: list[int] = []
    found = ahead(lambda number: done.append(number) or number, count())
    assert next(found) == 0
    time.sleep(0.05)
    assert len(done) <= DEPTH + 2
    found.close()


def test_what_fails_comes_out_where_it_is_asked_for() -> None:
    found = ahead(lambda number: 10 // number, [5, 2, 0, 1])
    assert [next(found), next(found)] == [2, 5]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_the_thread_ends_with_the_iterator() -> None:
    before = threads()
    found = ahead(int, count())
    next(found)
    assert threads() == before + 1
    found.close()
    assert threads() == before
    assert list(ahead(int, [])) == []
    assert threads() == before


def test_a_large_content_that_is_left_half_read_leaves_no_thread(store: Store) -> None:
    data = bytes(range(256)) * (4 * WORTH_A_THREAD * CHUNK_AVERAGE // 256)
    with store.writer(ADA) as writer:
        digest = writer.content.put_stream(data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20))
        with writer.transaction():
            pass
    before = threads()
    pieces = store.content.read(digest)
    first = next(pieces)
    assert data.startswith(first)
    assert threads() == before + 1
    pieces.close()  # type: ignore[attr-defined]
    assert threads() == before
    assert b"".join(store.content.read(digest)) == data
    assert threads() == before
