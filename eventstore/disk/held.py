"""Held folders: what cache/ has in use for as long as processes run on it, and removes only when nobody holds it."""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress

LOWER = "lower"
"""The folder of cache/ whose folders are held: what containers' roots are mounted from."""

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
        fcntl.flock(lock, fcntl.LOCK_SH)
        if os.pread(lock, 100, 0) != _boot():
            fcntl.flock(lock, fcntl.LOCK_EX)
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
                _remove_unless_held(os.path.join(folder, name))


def _remove_unless_held(lock_file: str) -> None:
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
    """Remove a directory with all below it, whatever its modes say; nothing where there is none."""

    def open_up(_: object, at: str, __: object) -> None:
        with suppress(FileNotFoundError):
            os.chmod(os.path.dirname(at), stat.S_IRWXU)
            if os.path.isdir(at) and not os.path.islink(at):
                os.chmod(at, stat.S_IRWXU)
                shutil.rmtree(at)
            else:
                os.unlink(at)

    if os.path.lexists(path):
        shutil.rmtree(path, onerror=open_up)


def _boot() -> bytes:
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return file.read().strip()
