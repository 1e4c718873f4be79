"""The bundle of a process: the OCI runtime spec's config.json, made from what the image says and what the user asks for."""

import os
import posixpath
from collections.abc import Sequence
from typing import Any, NamedTuple

from cli.sandbox.runtime import NOT_EXECUTABLE, NOT_FOUND
from cli.sandbox.seccomp import profile
from cli.sandbox.users import User
from eventstore.errors import InvalidError, LayerlogError
from eventstore.model.paths import shown
from projections.oci.config_values import PATH
from projections.oci.documents import Json, field, items
from projections.tree.symlinks import follow
from projections.tree.view import View

VERSION = "1.0.2"
_WHAT = "the image's config"
TMPFS = "tmpfs"
INIT = "/sbin/docker-init"
"""Where an init is shown in the container, as Docker does."""
CAPABILITIES = (
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
)  # fmt: skip
"""Docker's, of a process that runs as root."""
_ALL = (
    *CAPABILITIES, "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_BLOCK_SUSPEND", "CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK",
    "CAP_IPC_OWNER", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_NET_ADMIN",
    "CAP_NET_BROADCAST", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE", "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
)  # fmt: skip
_MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class Mount(NamedTuple):
    """A host's file or folder at `target` of the container, or a tmpfs with `options` where `source` is TMPFS."""

    source: str
    target: str
    read_only: bool = False
    options: str = "nosuid,nodev,noexec,mode=1777"


class Secret(NamedTuple):
    """A file at `target` that is in memory alone, and seen by the process alone."""

    target: str
    data: bytes
    mode: int
    uid: int
    gid: int


class Wishes(NamedTuple):
    """What is asked of a process beyond what its image says.

    `private` variables never reach the disk; `output` is the file descriptor that its output and its errors go to, None for
    this command's own.  What the process changes has no time after `latest` (ns), where one is given.
    It `stops` by ^C and SIGTERM, which otherwise go on to it.
    """

    command: tuple[str, ...] = ()
    entrypoint: str | None = None
    env: tuple[str, ...] = ()
    workdir: str | None = None
    user: str | None = None
    hostname: str | None = None
    mounts: tuple[Mount, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    terminal: bool = False
    interactive: bool = False
    network: str = "host"
    read_only: bool = False
    init: bool = False
    secrets: tuple[Secret, ...] = ()
    private: tuple[str, ...] = ()
    output: int | None = None
    latest: int | None = None
    stops: bool = False


class Process(NamedTuple):
    """What runs: all of it settled."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    user: User


def process(config: Json, wishes: Wishes, user: User, hostname: str) -> Process:
    """Return what runs by Docker's rules: a command takes the place of CMD, an entrypoint that of both.

    Raise InvalidError where that is nothing.
    """
    args = (*_entrypoint(config, wishes), *_command(config, wishes))
    if args and wishes.init:
        args = (INIT, "--", *args)
    if not args:
        raise InvalidError("the image says no command to run, and none was given; name one behind the image")
    cwd = wishes.workdir or field(config, "WorkingDir", str, _WHAT, "") or "/"
    if not cwd.startswith("/"):
        raise InvalidError(f"working directory {shown(cwd)!r}: not an absolute path; begin it with /")
    return Process(tuple(args), _environment(config, wishes, user, hostname), os.path.normpath(cwd), user)


def user_of(config: Json, wishes: Wishes) -> str:
    """Return USER[:GROUP] as whom it runs, "" for root."""
    return wishes.user if wishes.user is not None else field(config, "User", str, _WHAT, "")


def _entrypoint(config: Json, wishes: Wishes) -> Sequence[str]:
    if wishes.entrypoint is not None:
        return [wishes.entrypoint] if wishes.entrypoint else []
    return items(config, "Entrypoint", str, _WHAT)


def _command(config: Json, wishes: Wishes) -> Sequence[str]:
    if wishes.command or wishes.entrypoint is not None:
        return wishes.command
    return items(config, "Cmd", str, _WHAT)


def _environment(config: Json, wishes: Wishes, user: User, hostname: str) -> tuple[str, ...]:
    """A name without a value takes the caller's, as docker's -e does, and goes where he has none."""
    found = {"PATH": PATH, "HOSTNAME": hostname, "HOME": user.home, **({"TERM": "xterm"} if wishes.terminal else {})}
    found |= dict(item.partition("=")[::2] for item in items(config, "Env", str, _WHAT))
    for item in wishes.env:
        name, equals, value = item.partition("=")
        if equals or name in os.environ:
            found[name] = value if equals else os.environ[name]
        else:
            found.pop(name, None)
    return tuple(f"{name}={value}" for name, value in found.items())


def capabilities(wishes: Wishes) -> list[str]:
    """Return Docker's set, less what is dropped, with what is added; ALL stands for all; InvalidError for an unknown name."""
    found = {*CAPABILITIES}
    dropped, added = ([_capability(name) for name in names] for names in (wishes.cap_drop, wishes.cap_add))
    found = set() if "ALL" in dropped else found - {*dropped}
    found |= {*_ALL} if "ALL" in added else {*added}
    return sorted(found - {name for name in dropped if name != "ALL"} if "ALL" in added else found)


def _capability(name: str) -> str:
    full = name.upper() if name.upper().startswith("CAP_") else f"CAP_{name.upper()}"
    if full == "CAP_ALL":
        return "ALL"
    if full not in _ALL:
        raise InvalidError(f"capability {shown(name)!r}: not one that is known; `man 7 capabilities` lists them")
    return full


def require_program(view: View, what: Process, mounts: Sequence[Mount]) -> None:
    """Raise LayerlogError, with Docker's exit code, where the container has no such program, or none that may be executed.

    Of what lies in something mounted the runtime alone can say it.
    """
    name = what.args[0]
    paths = [posixpath.join(what.cwd, name)] if "/" in name else [
        posixpath.join(folder, name) for folder in _variable(what, "PATH").split(":") if folder
    ]  # fmt: skip
    targets = ["/proc", "/dev", "/sys", *(mount.target.rstrip("/") for mount in mounts)]
    if any(f"{path}/".startswith(f"{target}/") for path in (*paths, what.cwd) for target in targets):
        return
    found = [entry for entry in (view.lookup(follow(view, os.fsencode(path))) for path in paths) if entry and not entry.is_dir]
    if not found:
        where = "" if "/" in name else f" in {_variable(what, 'PATH')}"
        raise _unstartable(f"no program {shown(name)}{where} in the container; check the spelling", NOT_FOUND)
    if not any(entry.mode & 0o111 for entry in found):
        raise _unstartable(f"{shown(name)} may not be executed in the container; `layerlog chmod +x` allows it", NOT_EXECUTABLE)


def _variable(what: Process, name: str) -> str:
    return next((item.partition("=")[2] for item in what.env if item.startswith(f"{name}=")), "")


def _unstartable(text: str, code: int) -> LayerlogError:
    error = LayerlogError(text)
    error.exit_code = code
    return error


def document(what: Process, wishes: Wishes, root: str, hostname: str, *, mapped: bool) -> dict[str, Any]:
    """Return config.json for a process whose root is mounted at *root*, *mapped* where that is in a user namespace of ours."""
    return {
        "ociVersion": VERSION,
        "hostname": hostname,
        "root": {"path": root, "readonly": wishes.read_only},
        "process": spec_process(what, wishes),
        "mounts": [*_system_mounts(wishes, mapped=mapped), *map(_mount, wishes.mounts)],
        "linux": {
            "namespaces": [{"type": kind} for kind in _namespaces(wishes)],
            "maskedPaths": list(_MASKED), "readonlyPaths": list(_READ_ONLY),
            "seccomp": profile(capabilities(wishes), os.uname().machine),
            **({} if mapped else {"resources": {"devices": [{"allow": False, "access": "rwm"}]}}),
        },
    }  # fmt: skip


def spec_process(what: Process, wishes: Wishes) -> dict[str, Any]:
    """Return the spec's `process`: who is not root has no capability, as nothing can give it one either."""
    granted = capabilities(wishes)
    held = granted if what.user.uid == 0 else []
    return {
        "terminal": wishes.terminal, "noNewPrivileges": True, "cwd": what.cwd, "args": list(what.args), "env": list(what.env),
        "user": {"uid": what.user.uid, "gid": what.user.gid, "additionalGids": list(what.user.groups)},
        "capabilities": {"bounding": list(granted), "effective": list(held), "permitted": list(held)},
    }  # fmt: skip


def _namespaces(wishes: Wishes) -> list[str]:
    return ["pid", "ipc", "uts", "mount", *(["network"] if wishes.network == "none" else [])]


def _system_mounts(wishes: Wishes, *, mapped: bool) -> list[dict[str, Any]]:
    """In a user namespace sysfs can be mounted with a network of one's own alone; the host's is bound otherwise.

    What is mounted in that is to be read-only, too (rro): control groups and FUSE's connections may be this user's own.
    """
    bound = mapped and wishes.network == "host"
    sysfs = _spec("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro,rro") if bound else _spec(
        "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"
    )  # fmt: skip
    pts = "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620" + ("" if mapped else ",gid=5")
    return [
        _spec("/proc", "proc", "proc", "nosuid,noexec,nodev"),
        _spec("/dev", TMPFS, TMPFS, "nosuid,strictatime,mode=755,size=65536k"),
        _spec("/dev/pts", "devpts", "devpts", pts),
        _spec("/dev/shm", TMPFS, "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),  # noqa: S108 - in the container
        _spec("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        sysfs,
    ]


def _mount(mount: Mount) -> dict[str, Any]:
    if mount.source == TMPFS:
        return _spec(mount.target, TMPFS, TMPFS, mount.options)
    return _spec(mount.target, "bind", mount.source, f"rbind,rprivate,{'ro' if mount.read_only else 'rw'}")


def _spec(target: str, kind: str, source: str, options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options.split(",")}
