"""Workers: threads that do several things at once, each of which waits for somebody else most of its time."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def in_threads(count: int, tasks: Iterable[Callable[[], T]]) -> list[Future[T]]:
    """Run *tasks*, begun in their order, in *count* threads that do not keep the process; return what each will give."""
    futures: list[tuple[Callable[[], T], Future[T]]] = [(task, Future()) for task in tasks]
    waiting = deque(futures)

    def work() -> None:
        while waiting:
            with suppress(IndexError):  # another thread took the last one
                _run(*waiting.popleft())

    for _ in range(min(count, len(futures))):
        threading.Thread(target=work, daemon=True).start()
    return [future for _, future in futures]


def _run(task: Callable[[], T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = task()
    except BaseException as failure:  # noqa: BLE001 - raised again in the thread that asks for the result
        future.set_exception(failure)
    else:
        future.set_result(result)
