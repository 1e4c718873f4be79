"""Visits: processes that run in a container.  While one does, its mount is the container's only writer.

What it changed lies in running/ID of the store, ID being the container's, until it is recorded; `lock` in there is held by the
processes of the visit, so that the kernel says when they are gone, however they went.
"""

import fcntl
import os
import struct
from contextlib import suppress

from eventstore.errors import ConflictError, UnrecordedError

FOLDER = "running"
LOCK = "lock"
_FLOCK = "hhqqi4x"
_PATIENCE = 100
NONE, RUNNING, UNRECORDED = "", "running", "unrecorded"


def folder(store: str, container: str = "") -> str:
    """Return where the visit of a container, or where those of all, keep what is theirs."""
    return os.path.join(store, FOLDER, container).rstrip("/")


def containers(store: str) -> list[str]:
    """Return the ids of the containers that a process runs in, or ran in and was not recorded to its end."""
    try:
        return sorted(os.listdir(folder(store)))
    except FileNotFoundError:
        return []


def state(store: str, container: str) -> str:
    """Return whether a process runs in a container (RUNNING), or left what is UNRECORDED, or NONE of that; takes no lock.

    Who may not look, as in a store of somebody else's, takes it that one runs.
    """
    try:
        lock = os.open(os.path.join(folder(store, container), LOCK), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return NONE
    except PermissionError:
        return RUNNING
    try:
        asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        found = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_OFD_GETLK, asked))
    finally:
        os.close(lock)
    return UNRECORDED if found[0] == fcntl.F_UNLCK else RUNNING


def take(store: str, container: str) -> int:
    """Return the lock of a container's visit, held until it is closed here and in all that were forked meanwhile.

    Raise ConflictError where somebody has it.
    """
    path = os.path.join(folder(store, container), LOCK)
    for _ in range(_PATIENCE):
        with suppress(FileNotFoundError, FileExistsError):  # whoever had it has just ended, and removed the folder
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if _is_locked(lock, path, container):
                return lock
    raise ConflictError(running(container))


def _is_locked(lock: int, path: str, container: str) -> bool:
    """Lock an open file; return whether it is still the one at *path*, else close it.  ConflictError where it is locked."""
    try:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        if os.path.samestat(os.fstat(lock), os.lstat(path)):
            return True
    except FileNotFoundError:
        pass
    except OSError:
        os.close(lock)
        raise ConflictError(running(container)) from None
    os.close(lock)
    return False


def require_none(store: str, container: str) -> None:
    """Raise ConflictError where something else than this process may write to the container, or has to be recorded first."""
    require_recorded(store, container)
    if state(store, container) == RUNNING:
        raise ConflictError(running(container))


def require_recorded(store: str, container: str) -> None:
    """Raise UnrecordedError where a process that was killed left changes in a container."""
    if state(store, container) == UNRECORDED:
        short = container[:12]
        raise UnrecordedError(
            f"container {short} has unrecorded changes of a process; `layerlog recover {short}` records them", container
        )


def running(container: str) -> str:
    """Return why nobody else may change a container now."""
    short = container[:12]
    return f"a process runs in container {short}; change it from inside (`layerlog exec {short} ...`), or wait until it ends"
