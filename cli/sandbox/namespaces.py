"""Where a container's processes live: a user namespace for who is not root, and pids and mounts that die with this process."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable

from cli.sandbox import kernel
from eventstore.errors import LayerlogError

SUBUID, SUBGID = "/etc/subuid", "/etc/subgid"
IDS = 65536
"""How many ids a container needs, root's among them: more than nobody's (65534)."""
_PASSED_ON = {
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
    signal.SIGCONT, signal.SIGTSTP, signal.SIGWINCH,
}  # fmt: skip
_BY_KERNEL = 0x80
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(LayerlogError):
    """Somebody stopped what runs."""

    exit_code = 130


def is_mapped() -> bool:
    """Whether this process is root by name only: in a user namespace that maps a range of ids."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def become_root() -> None:
    """Enter a user namespace in which this user is root and has the ids of its own range (subuid(5)); root stays as it is.

    The process must have one thread.  Files of the store are this user's before and after; who asks for the uid hears 0
    from then on.  Raise LayerlogError with what is missing on this machine.
    """
    if os.geteuid() == 0:
        return
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without a name, which subuid(5) takes, too
        user = str(os.getuid())
    maps = [_map("newuidmap", SUBUID, user, os.getuid()), _map("newgidmap", SUBGID, user, os.getgid())]
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        _exit_with(lambda: _map_parent(ready, go, maps))
    os.close(ready)
    try:
        kernel.unshare(kernel.NEW_USERS)
    except OSError as error:
        raise LayerlogError(
            f"user namespaces are refused on this machine ({error.strerror}); allow them (`sysctl user.max_user_namespaces`, "
            "`kernel.unprivileged_userns_clone`), or run as root"
        ) from error
    finally:
        os.close(go)
        status = os.waitpid(child, 0)[1]
    if status:
        raise LayerlogError(f"the ids of {user} cannot be mapped: newuidmap or newgidmap failed; check {SUBUID} and {SUBGID}")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _map(tool: str, file: str, user: str, own: int) -> list[str]:
    """Return the command line that maps root to *own* and the rest to the user's range, but for the process id."""
    found = shutil.which(tool)
    if found is None:
        raise LayerlogError(f"{tool} is not installed, and without it only root can run containers; install the package uidmap")
    start, count = _range(file, user)
    if count < IDS - 1:
        raise LayerlogError(f"{user} has no range of {IDS} ids in {file}; add one: `sudo usermod --add-subuids 100000-165535 "
                            f"--add-subgids 100000-165535 {user}`")  # fmt: skip
    return [found, "0", str(own), "1", "1", str(start), str(count)]


def _range(file: str, user: str) -> tuple[int, int]:
    """Return the first and the number of the largest range of ids that a file of subuid(5) gives the user; (0, 0) for none."""
    try:
        with open(file, encoding="utf-8") as lines:
            rows = [line.strip().split(":") for line in lines]
    except OSError:
        return 0, 0
    own = [(int(row[1]), int(row[2])) for row in rows if len(row) == 3 and row[0] in (user, str(os.getuid()))]
    return max(own, key=lambda found: found[1], default=(0, 0))


def _map_parent(ready: int, go: int, maps: list[list[str]]) -> int:
    """Wait until the parent has its namespace, then map its ids: the kernel lets nobody do that for himself."""
    os.close(go)
    os.read(ready, 1)
    parent = str(os.getppid())
    codes = [subprocess.run([line[0], parent, *line[1:]], stderr=subprocess.DEVNULL, check=False).returncode for line in maps]
    return max(codes)


def contained(run: Callable[[], int], started: Callable[[int], object], *, stops: bool = False) -> int:
    """Return the exit code of *run*, called as the first process of new pid and mount namespaces.

    All processes in them die with this one, or with *run*, however those end, and the mounts go with them.  *started* is told
    the first process's id.  Signals that somebody sends to this process go on to it; those of the terminal every process
    in the foreground gets by itself.  Where it *stops*, ^C and the like kill them all, and StoppedError is raised.
    """
    own = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
    try:
        reading, writing = os.pipe()
        monitor = os.fork()
        if monitor == 0:
            _exit_with(lambda: _monitored(own, run, writing))
        os.close(writing)
        with open(reading, "rb") as told:
            first = int(told.read() or 0)
        if first:
            _noted(started, first, monitor)
        return supervised(monitor, first if stops else 0)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_PASSED_ON, signal.SIGCHLD})


def _noted(started: Callable[[int], object], first: int, monitor: int) -> None:
    """Tell of the first process; it ends, and *monitor* with it, where that fails: nothing goes on that nobody knows of."""
    try:
        started(first)
    except BaseException:
        os.kill(first, signal.SIGKILL)
        os.waitpid(monitor, 0)
        raise


def _monitored(parent: int, run: Callable[[], int], told: int) -> int:
    """A process of its own between the two: whoever has left for a new pid namespace can fork nothing but its first process."""
    kernel.die_with_parent(parent)
    kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_PIDS)
    kernel.keep_mounts_private()
    own = os.getpid()
    first = os.fork()
    if first == 0:
        os.close(told)
        kernel.die_with_parent(own)
        kernel.mount_proc()
        return run()
    os.write(told, str(first).encode())
    os.close(told)
    return supervised(first)


def joined(first: int, run: Callable[[], int], *, users: bool) -> int:
    """Return the exit code of *run*, called in the namespaces of the process *first* that `contained` started."""
    own = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
    try:
        child = os.fork()
        if child == 0:
            _exit_with(lambda: _inside(own, first, run, users=users))
        return supervised(child)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_PASSED_ON, signal.SIGCHLD})


def _inside(parent: int, first: int, run: Callable[[], int], *, users: bool) -> int:
    """The process that joins a pid namespace stays outside: its children are in it."""
    kernel.die_with_parent(parent)
    kinds = [("user", kernel.NEW_USERS)] if users else []
    opened = [(os.open(f"/proc/{first}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind)
              for name, kind in (*kinds, ("mnt", kernel.NEW_MOUNTS), ("pid", kernel.NEW_PIDS))]  # fmt: skip
    for descriptor, kind in opened:
        kernel.join(descriptor, kind)
    if users:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    own = os.getpid()
    child = os.fork()
    if child == 0:
        kernel.die_with_parent(own)
        return run()
    return supervised(child)


def supervised(child: int, stopped: int = 0) -> int:
    """Wait for *child*, pass on what signals come, bury whoever else ends; return its exit code, 128 + N for a signal.

    A signal to stop kills the process *stopped* instead, where one is given; StoppedError is raised when *child* has ended.
    """
    is_stopped = False
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 255
        if ended == child:
            if is_stopped:
                raise StoppedError("interrupted")
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if ended:
            continue
        got = signal.sigwaitinfo({*_PASSED_ON, signal.SIGCHLD})
        if stopped and got.si_signo in _STOPPING:
            is_stopped = True
            os.kill(stopped, signal.SIGKILL)
        elif got.si_signo != signal.SIGCHLD and got.si_code != _BY_KERNEL:
            os.kill(child, got.si_signo)


def _exit_with(act: Callable[[], int]) -> None:
    """End this forked process with what *act* returns; nothing that the parent has open is flushed or closed twice."""
    code = 255
    try:
        code = act()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent's work must not go on here
        os.write(2, f"layerlog: {error}\n".encode(errors="backslashreplace"))
    finally:
        os._exit(code)
