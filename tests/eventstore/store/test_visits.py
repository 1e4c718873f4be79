"""The lock of a visit: whoever takes it is alone, also while the one before removes the folder that it lies in."""

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from eventstore.errors import ConflictError
from eventstore.store import visits


def test_two_never_have_the_lock_of_one_container(tmp_path: Path) -> None:
    store, folder = str(tmp_path), visits.folder(str(tmp_path), "c")
    inside: list[int] = []
    together, failures = [], []

    def visit() -> None:
        for _ in range(150):
            try:
                lock = visits.take(store, "c")
            except ConflictError:
                continue
            except OSError as error:
                failures.append(error)
                continue
            inside.append(lock)
            time.sleep(0.0002)
            together.append(len(inside))
            inside.remove(lock)
            os.unlink(os.path.join(folder, visits.LOCK))
            with suppress(OSError):
                os.rmdir(folder)
            os.close(lock)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=visit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
    assert set(together) == {1}
