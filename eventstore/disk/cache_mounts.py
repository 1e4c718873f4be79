"""Cache mounts: folders of the store that builds fill and share, each held by a lock on the file beside it while it is used."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

from eventstore.disk import held

FOLDER = "mounts"
SHARED, PRIVATE, LOCKED = "shared", "private", "locked"
_LOCK = ".lock"
_WHOLE = b"whole"


@contextmanager
def opened(store: str, name: str, sharing: str, make: held.Make, wait: Callable[[], object]) -> Iterator[str]:
    """Yield the folder called *name*, which *make* writes where it is not there; it stays locked until the block ends.

    SHARED: with whoever else uses it so; LOCKED: alone, after calling *wait* where somebody has it; PRIVATE: alone, and where
    somebody has it another one, which is its own.  A folder that was not written to its end is written anew.
    """
    folder = os.path.join(store, FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, name)
    if sharing == PRIVATE:
        path, lock = _private(path)
    else:
        lock = _common(path, make, wait) if sharing == SHARED else _alone(path, wait)
    try:
        _write_whole(path, lock, make)
        yield path
    finally:
        os.close(lock)


def names(store: str) -> list[str]:
    """Return what the folders of cache mounts are called, in order."""
    with suppress(FileNotFoundError):
        return sorted(name.removesuffix(_LOCK) for name in os.listdir(os.path.join(store, FOLDER)) if name.endswith(_LOCK))
    return []


def clear(store: str) -> None:
    """Remove the cache mounts that nobody uses."""
    held.remove_unused(os.path.join(store, FOLDER))


def _write_whole(path: str, lock: int, make: held.Make) -> None:
    if not _is_whole(path, lock):
        held.remove(path)
        make(path)
        os.pwrite(lock, _WHOLE, 0)


def _is_whole(path: str, lock: int) -> bool:
    return os.pread(lock, 100, 0) == _WHOLE and os.path.isdir(path)


def _common(path: str, make: held.Make, wait: Callable[[], object]) -> int:
    """Return a lock that others share; a lock is never turned into another one, since it is nobody's in between."""
    while True:
        lock = _locked(path, fcntl.LOCK_SH, wait)
        if _is_whole(path, lock):
            return lock
        os.close(lock)
        alone = _alone(path, wait)
        try:
            _write_whole(path, alone, make)
        finally:
            os.close(alone)


def _alone(path: str, wait: Callable[[], object]) -> int:
    return _locked(path, fcntl.LOCK_EX, wait)


def _private(path: str) -> tuple[str, int]:
    for number in count():
        own = f"{path}-{number}" if number else path
        lock = _at_once(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock is not None:
            return own, lock
    raise AssertionError


def _locked(path: str, how: int, wait: Callable[[], object]) -> int:
    lock = _at_once(path, how | fcntl.LOCK_NB)
    if lock is None:
        wait()
    while lock is None:
        lock = _at_once(path, how)
    return lock


def _at_once(path: str, how: int) -> int | None:
    """Return the lock, None where somebody else has it, or has removed its file meanwhile."""
    lock = os.open(path + _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, how)
        if os.path.samestat(os.fstat(lock), os.lstat(path + _LOCK)):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None
