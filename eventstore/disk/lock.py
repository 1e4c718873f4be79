"""The lock of a store: shared by those who write, held alone by those who must not be disturbed (FORMAT.md, "Locks").

Who waits for a lock, of any kind, for longer than `PATIENCE` has `tell` say it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import NamedTuple

PATIENCE = 1.0  # seconds


class Holder(NamedTuple):
    """A process that holds a lock, and its command line, empty where that cannot be seen."""

    pid: int
    argv: tuple[str, ...]


class Waiting(NamedTuple):
    """What is waited for, and for whom; no *holders* where the system does not say."""

    what: str
    holders: tuple[Holder, ...]


tell: Callable[[Waiting], object] = len
"""Who is told, whichever thread waits: a program puts its own here."""


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
        acquire(fd, how, "the store's lock")
        yield
    finally:
        os.close(fd)


def acquire(fd: int, how: int, what: str) -> None:
    """Wait for the lock of an open file, by flock; *what* is how people call it."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        with telling(what, lambda: holders([os.fstat(fd)])):
            fcntl.flock(fd, how)


@contextmanager
def telling(what: str, find: Callable[[], tuple[Holder, ...]]) -> Iterator[None]:
    """Tell of a block that takes longer than `PATIENCE` that it waits for *what*, which those whom *find* gives hold."""
    from threading import Timer  # noqa: PLC0415 - only who waits needs it

    timer = Timer(PATIENCE, lambda: tell(Waiting(what, find())))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a process that ends while another thread writes to stderr is aborted


def holders(files: list[os.stat_result], *, kind: str = "FLOCK", alone: bool = False) -> tuple[Holder, ...]:
    """Return the other processes that lock one of *files*, as the kernel lists them; *alone*: for writing."""
    try:
        with open("/proc/locks", encoding="ascii") as listed:
            rows = [line.split() for line in listed if "->" not in line]
    except OSError:
        return ()
    inodes = {str(status.st_ino) for status in files}
    found = {
        int(pid) for _, of_kind, _, access, pid, place, *_ in rows
        if of_kind == kind and place.rpartition(":")[2] in inodes and (access == "WRITE" or not alone)
    }  # fmt: skip
    return tuple(Holder(pid, _command(pid)) for pid in sorted(found - {os.getpid()}) if _has_open(pid, files))


def _has_open(pid: int, files: list[os.stat_result]) -> bool:
    """Whether a process has one of *files* open: inodes elsewhere have the same numbers.  Yes, where it is hidden."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return pid > 0
    for name in names:
        with suppress(OSError):
            if any(os.path.samestat(os.stat(f"{folder}/{name}"), status) for status in files):
                return True
    return False


def _command(pid: int) -> tuple[str, ...]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return tuple(os.fsdecode(word) for word in file.read().split(b"\0")[:-1])
    except OSError:
        return ()
