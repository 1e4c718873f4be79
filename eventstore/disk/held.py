"""Held folders: what cache/ has in use for as long as processes run on it, and removes only when nobody holds it."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, repeat

from eventstore.disk.lock import acquire

LOWER = "lower"
"""The folder of cache/ whose folders are held: what containers' roots are mounted from."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
Make = Callable[[str], None]
"""Writes one folder, which is not there."""


class Held:
    """Folders in use below *folder*, the last that was added first, each held by a shared lock on the file beside it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.names: list[str] = []
        self._locks: list[int] = []
        os.makedirs(folder, mode=0o700, exist_ok=True)

    def add(self, name: str, make: Make) -> None:
        """Add the directory *name* as the topmost one, made by *make* where nobody made it since the machine was started.

        One that is older may have lost files in a power cut: nothing in cache/ is fsynced.  Sending an image to a fast disk
        (syncfs) took a twelfth of the time that making its directories took, on every first run; making them anew costs
        only whom restarts his machine, and trusts no disk.
        """
        lock = os.open(os.path.join(self.folder, f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._locks.append(lock)
        what = f"the unpacked layer cache/{LOWER}/{name}"
        acquire(lock, fcntl.LOCK_SH, what)
        if os.pread(lock, 100, 0) != _boot():
            acquire(lock, fcntl.LOCK_EX, what)
            if os.pread(lock, 100, 0) != _boot():
                self._make(name, make)
                os.ftruncate(lock, 0)
                os.pwrite(lock, _boot(), 0)
            fcntl.flock(lock, fcntl.LOCK_SH)
        self.names.insert(0, name)

    def _make(self, name: str, make: Make) -> None:
        path = os.path.join(self.folder, name)
        remove(path)
        try:
            make(path)
        except BaseException:
            remove(path)
            raise

    def close(self) -> None:
        while self._locks:
            os.close(self._locks.pop())




def remove_unused(folder: str) -> None:
    """Remove the lower directories in *folder* that nothing holds."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.endswith(".lock"):
                remove_unless_held(os.path.join(folder, name))


def remove_unless_held(lock_file: str) -> None:
    """Remove what the lock *lock_file* is of, and that, unless somebody holds it."""
    lock = os.open(lock_file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        remove(lock_file.removesuffix(".lock"))
        os.unlink(lock_file)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def remove(path: str) -> None:
    """Remove a directory with all below it, whatever its modes say and however deep it is; nothing where there is none."""
    try:
        top = _opened(path, None)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(path)
        return
    try:
        names = map("{}.{}".format, repeat(os.urandom(16).hex()), count())
        waiting = _emptied(top, top, names)
        while waiting:
            name = waiting.pop()
            folder = _opened(name, top)
            try:
                waiting += _emptied(folder, top, names)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _emptied(folder: int, top: int, names: Iterator[str]) -> list[str]:
    """Remove the files of a directory and move the directories to *top*; return their *names* there."""
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    moved = []
    for entry, is_dir in entries:
        if not is_dir:
            os.unlink(entry, dir_fd=folder)
            continue
        if folder != top:
            os.close(_opened(entry, folder))  # only a directory that one may write in can be moved
            name = next(names)
            os.rename(entry, name, src_dir_fd=folder, dst_dir_fd=top)
            entry = name
        moved.append(entry)
    return moved


def _opened(name: str, above: int | None) -> int:
    """Return a directory, no symlink, open, its owner being allowed all in it."""
    pinned = os.open(name, os.O_PATH | _DIRECTORY, dir_fd=above)
    try:
        if os.fstat(pinned).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(f"/proc/self/fd/{pinned}", stat.S_IRWXU)
        return os.open(".", _DIRECTORY, dir_fd=pinned)
    finally:
        os.close(pinned)


def _boot() -> bytes:
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return file.read().strip()
