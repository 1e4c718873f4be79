"""The lock of a store: shared by those who write, held alone by those who must not be disturbed (FORMAT.md, "Locks")."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext


def shared(path: str) -> AbstractContextManager[None]:
    """Hold off garbage collection and erasure; many may hold it at once."""
    return _lock(path, fcntl.LOCK_SH)


def undisturbed(path: str) -> AbstractContextManager[None]:
    """As `shared`, where the store can be locked at all: a read-only one changes for nobody."""
    return shared(path) if os.access(path, os.W_OK) else nullcontext()


def exclusive(path: str) -> AbstractContextManager[None]:
    """Wait for every writer to finish, and keep new ones out."""
    return _lock(path, fcntl.LOCK_EX)


@contextmanager
def _lock(path: str, how: int) -> Iterator[None]:
    fd = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)
