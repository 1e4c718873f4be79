"""Unpacking ahead, in a thread: reading, lz4 and SHA-256 leave the interpreter to whoever uses the bytes meanwhile."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")
DEPTH = 4


def ahead(unpack: Callable[[T], U], items: Iterable[T]) -> Generator[U, None, None]:
    """Yield unpack(item) of each of *items*, in their order; at most `DEPTH` of them wait to be asked for.

    What *unpack* raises comes out here.  The thread ends with the iterator, closed or exhausted.
    """
    done: queue.Queue[tuple[U] | BaseException | None] = queue.Queue(DEPTH)
    stopped = threading.Event()
    thread = threading.Thread(target=_run, args=(unpack, items, done, stopped), daemon=True)
    thread.start()
    try:
        while (found := done.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        stopped.set()
        while thread.is_alive():
            with suppress(queue.Empty):
                done.get(timeout=0.01)


def _run(
    unpack: Callable[[T], U], items: Iterable[T], done: "queue.Queue[tuple[U] | BaseException | None]", stopped: threading.Event
) -> None:
    try:
        for item in items:
            if stopped.is_set():
                break
            done.put((unpack(item),))
        done.put(None)
    except BaseException as failure:  # noqa: BLE001 - raised again in the thread that asks
        done.put(failure)
