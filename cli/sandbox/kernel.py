"""System calls that Python has no name for: namespaces, mounts and the signal that comes when a parent dies.

Numbers are those of x86-64 and aarch64, which share them for every call that is made by number here.
"""

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

NEW_MOUNTS, NEW_USERS, NEW_PIDS = 0x00020000, 0x10000000, 0x20000000
_FSOPEN, _FSCONFIG, _FSMOUNT, _MOVE_MOUNT = 430, 431, 432, 429
_SET_FLAG, _SET_STRING, _CREATE = 0, 1, 6
_CLOEXEC, _FROM_EMPTY_PATH, _HERE = 1, 4, -100
_RECURSIVE, _PRIVATE = 0x4000, 1 << 18
_NO_DEVICES = 2 | 4 | 8  # and no setuid, and nothing to execute
_DEATH_SIGNAL = 1

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(kinds: int) -> None:
    """Leave the namespaces of *kinds* for new ones; the process must have one thread where users are among them."""
    _checked(_libc.unshare(kinds), "unshare")


def join(descriptor: int, kind: int) -> None:
    """Enter a namespace that is open at *descriptor*."""
    _checked(_libc.setns(descriptor, kind), "setns")


def die_with_parent(parent: int) -> None:
    """Ask to be killed when the process that forked this one dies; *parent* is its id, as it was before the fork."""
    _checked(_libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() not in (parent, 0):  # 0: it lives in another pid namespace
        os.kill(os.getpid(), signal.SIGKILL)


def keep_mounts_private() -> None:
    """Let no mount that is made here show elsewhere."""
    _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None), "mount /")


def mount_proc() -> None:
    """Mount a /proc of this pid namespace over the one that is there."""
    _checked(_libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(0), None), "mount /proc")


def mount_memory(target: bytes) -> None:
    """Mount an empty tmpfs, root's alone, at *target*."""
    _checked(_libc.mount(b"tmpfs", target, b"tmpfs", ctypes.c_ulong(_NO_DEVICES), b"mode=0700,size=16m"), "mount tmpfs")


def mount_overlay(
    lower: Sequence[bytes], upper: bytes, work: bytes, target: bytes, options: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """Mount overlayfs at *target*: *lower* directories, the topmost first, below *upper*; raise OSError.

    An option without a value is a flag.  A kernel without `lowerdir+` (before 6.7) is given one list, which must fit into
    a page: names are best relative to the current folder then.
    """
    with _filesystem(b"overlay") as fs:
        if not _appended(fs, lower):
            _configure(fs, _SET_STRING, b"lowerdir", b":".join(lower))
        _configure(fs, _SET_STRING, b"upperdir", upper)
        _configure(fs, _SET_STRING, b"workdir", work)
        for name, value in options:
            _configure(fs, _SET_FLAG if value is None else _SET_STRING, name, value)
        _configure(fs, _CREATE, None, None)
        mounted = _checked(_libc.syscall(_FSMOUNT, fs, _CLOEXEC, 0), "fsmount")
        try:
            _checked(_libc.syscall(_MOVE_MOUNT, mounted, b"", _HERE, target, _FROM_EMPTY_PATH), "move_mount")
        finally:
            os.close(mounted)


@contextmanager
def _filesystem(kind: bytes) -> Iterator[int]:
    fs = _checked(_libc.syscall(_FSOPEN, kind, _CLOEXEC), "fsopen")
    try:
        yield fs
    finally:
        os.close(fs)


def _appended(fs: int, lower: Sequence[bytes]) -> bool:
    """Return whether the kernel takes lower directories one by one; the first tells."""
    try:
        _configure(fs, _SET_STRING, b"lowerdir+", lower[0])
    except OSError:
        return False
    for name in lower[1:]:
        _configure(fs, _SET_STRING, b"lowerdir+", name)
    return True


def _configure(fs: int, how: int, name: bytes | None, value: bytes | None) -> None:
    _checked(_libc.syscall(_FSCONFIG, fs, how, name, value, 0), f"overlayfs, {(name or b'mount').decode()}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return int(result)
