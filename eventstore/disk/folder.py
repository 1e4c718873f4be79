"""The folder of a store: made for its user alone (0700), and refused where somebody else could lead writes elsewhere."""

import os
import stat

from eventstore.disk.fsync import sync_folder
from eventstore.disk.lock import Holder, holders
from eventstore.errors import StoreError
from eventstore.model.paths import shown

FOLDERS = ("content", "content/segments", "content/originals", "cache")
_LOG = ("log.db", "log.db-wal", "log.db-shm")
_PARTS = ("lock", *_LOG, *FOLDERS)
_ROOM_TO_READ = 128 << 10
_CHOOSE = "choose another with --store DIR"


def check(path: str) -> None:
    """Raise StoreError where *path* is there and no store, or one that another user leads or could lead astray."""
    link = _status(path)
    if link is None:
        return
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (os.geteuid(), 0):
        raise StoreError(f"the store {shown(path)} is a symlink of uid {link.st_uid}; name the folder itself with --store DIR")
    if not os.path.isdir(path):
        raise StoreError(f"{shown(path)} is a file, and a store is a folder; {_CHOOSE}")
    if os.listdir(path):
        if not os.path.lexists(os.path.join(path, "lock")):
            raise StoreError(f"{shown(path)} is a folder that holds other things; choose an empty or new one with --store DIR")
        _check_parts(path)
    _check_owner(path)


def check_unused(path: str) -> None:
    """Raise StoreError where the log is gone and contents are there: a new, empty log would pass for theirs."""
    folders = (os.path.join(path, part) for part in ("content/segments", "content/originals"))
    if any(os.path.isdir(folder) and os.listdir(folder) for folder in folders):
        raise StoreError(f"the store {shown(path)} has contents and no log.db; bring that back from a backup, or {_CHOOSE}")


def require(path: str) -> None:
    """Raise StoreError unless there is a store at *path*."""
    if not os.path.exists(os.path.join(path, "log.db")):
        check_unused(path)
        raise StoreError(f"no store at {shown(path)}; check the spelling (`load`, `import` and `create scratch` make one)")


def require_readable(path: str) -> None:
    """Raise StoreError where a folder above *path*, the store there or its log is kept from this user."""
    file = place = os.path.join(path, "log.db")
    while _is_hidden(place):
        place = os.path.dirname(place)
    asked = (path, file) if place == file and os.path.isfile(file) else ()
    closed = [place] if place != file else [part for part in asked if not os.access(part, os.R_OK)]
    if closed:
        raise StoreError(f"the store {shown(path)} cannot be read: {_kept(path, closed[0])}")


def require_writable(path: str, room: int = 0) -> None:
    """Raise StoreError where the store at *path* cannot be written, or its disk has less than *room* (bytes) left."""
    disk, parts = os.statvfs(path), (path, os.path.join(path, "lock"), os.path.join(path, "log.db"))
    closed = [part for part in parts if os.path.lexists(part) and not os.access(part, os.W_OK)]
    if disk.f_flag & os.ST_RDONLY:
        why = f"its file system is read-only; {_CHOOSE}"
    elif closed:
        why = _kept(path, closed[0])
    elif disk.f_bavail * disk.f_frsize < room:
        why = "its disk is full; free some space"
    else:
        return
    raise StoreError(f"the store {shown(path)} cannot be written: {why}")


def _kept(path: str, place: str) -> str:
    """Return whose *place* is, which is kept from this user, and what to do."""
    found, what = os.lstat(place), "it" if place == path else shown(place)
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    if found.st_uid == os.geteuid():
        return f"{what} is yours, but of mode {mode}; run `chmod u+rwX` on that"
    return f"{what} is not yours, but uid {found.st_uid}'s (mode {mode}); run as that user, or {_CHOOSE}"


def identity(path: str) -> tuple[int, int] | None:
    """Return what tells a store from another one that was put in its place (device and inode of its log), None without one."""
    found = _status(os.path.join(path, "log.db"))
    return found and (found.st_dev, found.st_ino)


def make(path: str) -> None:
    """Make the folder, durably, as its user's alone; raise StoreError where it cannot be."""
    missing = path
    above = []
    while not os.path.isdir(missing):
        missing = os.path.dirname(missing)
        above.append(missing)
    os.makedirs(path, mode=0o700, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise StoreError(f"the store {shown(path)} is not there and cannot be made: the folder is not writable; {_CHOOSE}")
    os.chmod(path, 0o700)
    for folder in above:
        sync_folder(folder)


def fill(path: str) -> None:
    """Make the folders inside, durably; `lock`, by which the folder is known again, must last before anything else."""
    sync_folder(path)
    for part in FOLDERS:
        os.makedirs(os.path.join(path, part), mode=0o700, exist_ok=True)
    sync_folder(os.path.join(path, "content"))
    sync_folder(path)


def next_step(path: str) -> str:
    """Return what to do where SQLite could not open the log: it needs some room even to read."""
    if locking := lockers(path):
        return f"pid {locking[0].pid} has it locked: let that end, then run the command again"
    for part in _LOG:
        found = _status(os.path.join(path, part))
        if found is not None and not _is_usable(path, part, found):
            owned = f"uid {found.st_uid}'s, mode {found.st_mode & 0o7777:04o}"
            state = owned if stat.S_ISREG(found.st_mode) else "it is no file"
            return f"{part} cannot be read and written ({state}): put that right, and remove nothing"
    if os.path.exists(os.path.join(path, "log.db-wal")) and not os.access(path, os.W_OK):
        return "a writer that was killed left log.db-wal: run any command as who may write in the store, which takes it up"
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < _ROOM_TO_READ:
        return "its disk is full: free some space, then run the command again"
    return "check its files and its disk, and that you may read and write them"


def _is_usable(path: str, part: str, found: os.stat_result) -> bool:
    needed = os.R_OK | os.W_OK if os.access(path, os.W_OK) else os.R_OK
    return stat.S_ISREG(found.st_mode) and os.access(os.path.join(path, part), needed)


def lockers(path: str) -> tuple[Holder, ...]:
    """Return the other processes that lock the log for writing, in any way that SQLite does."""
    return holders([found for part in _LOG if (found := _status(os.path.join(path, part)))], kind="POSIX", alone=True)


_HEADERS: dict[tuple[int, int], int] = {}
"""The logs that this process has open to read their headers."""


def unusual_journal(path: str) -> str:
    """Return ", whose ..." where somebody took the log out of WAL, in which readers and writers do not wait for each other.

    The file stays open until the process ends, once: closing it would drop the locks that SQLite holds on it in this
    process, and another one could take the WAL away from under it.
    """
    file = os.path.join(path, "log.db")
    found = os.stat(file)
    identity = found.st_dev, found.st_ino
    if identity not in _HEADERS:
        _HEADERS[identity] = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    header = os.pread(_HEADERS[identity], 20, 0)
    return "" if header[18:20] == b"\2\2" else ", whose journal_mode is no longer WAL (`layerlog repair` sets it)"


def _check_parts(path: str) -> None:
    for part in _PARTS:
        found = _status(os.path.join(path, part))
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise StoreError(f"the store {shown(path)} has a symlink in place of {part}; undo that, or {_CHOOSE}")


def _check_owner(path: str) -> None:
    """A folder that others may write in could turn into symlinks at any moment; one that is only read is harmless."""
    folder, user = os.stat(path), os.geteuid()
    if not os.access(path, os.W_OK):
        return
    if folder.st_uid != user:
        raise StoreError(f"the store {shown(path)} belongs to uid {folder.st_uid}, not {user}; run as that user, or {_CHOOSE}")
    if folder.st_mode & 0o022 and os.listdir(path):
        raise StoreError(f"others may write in the store {shown(path)}; run `chmod 700` on it, or {_CHOOSE}")


def _is_hidden(place: str) -> bool:
    try:
        os.lstat(place)
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
