"""A visit: a process in a container, from the mount of its root to the last pass over what it changed."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from cli.hostfs.nodes import OPEN_DIRECTORY, NodeWriter
from cli.sandbox import bundle, kernel, lower_dirs, namespaces, runtime
from cli.sandbox.bundle import TMPFS, Mount, Process, Wishes
from cli.sandbox.observe import ROOTS, USERS
from cli.sandbox.refused import FOLDER, set_aside
from cli.sandbox.runtime import Runtime
from eventstore.disk.atomic import replacing
from eventstore.disk.held import Held, remove
from eventstore.errors import InvalidError, LayerlogError, StoreError
from eventstore.model.changes import Change, put
from eventstore.model.paths import ancestors, checked, order, shown
from eventstore.store import visits
from eventstore.store.store import Store
from projections.tree import lineage
from projections.tree.subtree import as_change
from projections.tree.symlinks import follow
from projections.tree.view import View

STATE = "state.json"
LEAST = 1 << 20
_HOSTS = b"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
_MOUNTED = ("/proc", "/dev", "/sys")


class Visit(NamedTuple):
    """What is on record in running/ID of a visit: `version` is the container's when its root was mounted.

    `first` is the process id of its first process as its starter sees it, 0 before it runs; `exit` is None until it ended;
    `mapped` tells that its files have the ids of a user namespace; `latest` is the latest time (ns) that what it changes is
    recorded with, None for any.
    """

    container: str
    id: str
    version: int
    started: int
    program: str
    command: list[str]
    user: str
    runtime: str
    mapped: bool
    first: int = 0
    exit: int | None = None
    moves: tuple[tuple[str, str], ...] = ()
    latest: int | None = None

    def path(self, store: str, *parts: str) -> str:
        return os.path.join(visits.folder(store, self.container), *parts)

    @property
    def marks(self) -> bytes:
        return USERS if self.mapped else ROOTS

    def write(self, store: str) -> None:
        with replacing(self.path(store, STATE)) as fd, open(fd, "wb", closefd=False) as file:
            file.write(json.dumps(self._asdict()).encode())


def read(store: str, container: str) -> Visit | None:
    """Return the visit of a container, None where it got no further than being begun; StoreError for one that is damaged."""
    path = os.path.join(visits.folder(store, container), STATE)
    try:
        with open(path, "rb") as file:
            visit = Visit(**json.load(file))
            visit = visit._replace(moves=tuple((path, source) for path, source in visit.moves))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError):
        visit = None
    if visit is None or not _is_sound(visit, container) or os.path.islink(visit.path(store, "upper")):
        raise StoreError(f"{shown(path)} is damaged, so that `upper` beside it cannot be recorded; copy what you need, then "
                         f"`layerlog recover --discard {container[:12]}`")  # fmt: skip
    return visit


def _is_sound(visit: Visit, container: str) -> bool:
    """Whether a visit, which may have come with somebody else's store, leads nowhere else."""
    texts = (visit.program, visit.user, visit.runtime, *visit.command, *chain.from_iterable(visit.moves))
    numbers = (visit.version, visit.started, visit.first, visit.exit or 0, visit.latest or 0)
    named = visit.container == container and isinstance(visit.id, str) and re.fullmatch("[0-9a-f]{32}", visit.id)
    return bool(named) and all(isinstance(text, str) for text in texts) and all(isinstance(n, int) for n in numbers)


def require_safe_place(store: str) -> None:
    """Raise LayerlogError where somebody else than root could lead astray what root unpacks: setuid programs among it."""
    if os.geteuid() != 0 or namespaces.is_mapped():
        return
    path = os.path.realpath(store)
    while path != "/":
        path = os.path.dirname(path)
        status = os.stat(path)
        if status.st_uid != 0 or (status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX):
            raise LayerlogError(
                f"{shown(store)}: others may write in {shown(path)}, and root unpacks an image's setuid programs there; "
                "use a store below a folder that is root's alone (--store /var/lib/layerlog), or run as that user"
            )


def require_room(store: str) -> None:
    """Raise LayerlogError where a runtime could not even write down its state, of which it says nothing that helps."""
    disk = os.statvfs(store)
    if disk.f_bavail * disk.f_frsize < LEAST:
        raise LayerlogError(f"{shown(store)}: under 1 MiB of space is left on its disk; free some, then run it again")


def run(store: Store, visit: Visit, view: View, wishes: Wishes, what: Process) -> int:
    """Run a process in a container and return its exit code; what it changed lies in its upper directory then.

    The caller holds the container's lock.  Raise LayerlogError, with Docker's exit code, where the program could not be
    started.
    """
    folder = visits.folder(store.path, visit.container)
    hostname = wishes.hostname or visit.container[:12]
    for name in ("upper", "work", "root", "bundle", "runtime", "files", "private"):
        os.makedirs(os.path.join(folder, name), mode=0o700)
    private = os.path.join(folder, "private")
    hidden = [Mount(os.path.join(private, str(n)), secret.target, read_only=True) for n, secret in enumerate(wishes.secrets)]
    mounts = (*_own_mounts(os.path.join(folder, "files"), hostname, wishes), *wishes.mounts, *hidden)
    whole = wishes._replace(mounts=mounts)
    _write_points(view, whole, what.cwd, os.path.join(folder, "points"))
    _give(os.path.join(folder, "upper"), view)
    stated = bundle.document(what, whole, os.path.join(folder, "root"), hostname, mapped=visit.mapped)
    place = os.path.join(folder, "private" if wishes.secrets or wishes.private else "bundle")
    if place.endswith("bundle"):
        _write_bundle(place, stated)
    lower = lower_dirs.lower_directories(store, lineage.of_container(store.log, visit.container, visit.version))
    try:
        visit.write(store.path)
        prepare = partial(_keep_secrets, place, wishes, stated) if place.endswith("private") else lambda: None
        return _contained(store, visit, lower, folder, place, wishes, prepare)
    finally:
        lower.close()


def _contained(
    store: Store, visit: Visit, lower: Held, folder: str, place: str, wishes: Wishes, prepare: Callable[[], None]
) -> int:
    engine = _runtime(visit, folder)

    def first_process() -> int:
        try:
            _mount(lower, folder, visit)
            prepare()
        except LayerlogError as error:
            return runtime.say(engine.log, error)
        command = engine.command("run", "--bundle", place, visit.id)
        closed = not (wishes.interactive or wishes.terminal)
        return namespaces.supervised(runtime.spawned(command, closed_input=closed, output=wishes.output))

    code = namespaces.contained(first_process, lambda first: visit._replace(first=first).write(store.path), stops=wishes.stops)
    failure = runtime.failure(engine.log) if code else None
    if failure:
        raise failure
    return code


def _keep_secrets(place: str, wishes: Wishes, stated: dict[str, Any]) -> None:
    """Write the bundle, and the secrets into it, to memory that these namespaces alone see."""
    try:
        kernel.mount_memory(os.fsencode(place))
        for number, secret in enumerate(wishes.secrets):
            with open(os.path.join(place, str(number)), "xb") as file:
                file.write(secret.data)
                os.fchmod(file.fileno(), secret.mode)
                os.fchown(file.fileno(), secret.uid, secret.gid)
        stated["process"]["env"] += wishes.private
        _write_bundle(place, stated)
    except OSError as error:
        raise LayerlogError(f"the secrets cannot be kept in memory: {error.strerror}") from error


def _write_bundle(place: str, stated: dict[str, Any]) -> None:
    with open(os.path.join(place, "config.json"), "w", encoding="utf-8") as file:
        json.dump(stated, file)


def _mount(lower: Held, folder: str, visit: Visit) -> None:
    own = os.fsencode(folder)
    os.chdir(lower.folder)
    names = [os.path.join(own, b"points"), *map(os.fsencode, lower.names)]
    options: list[tuple[bytes, bytes | None]] = [(b"userxattr", None)] if visit.mapped else [
        (b"redirect_dir", b"on"), (b"metacopy", b"off"), (b"index", b"off"),
    ]  # fmt: skip
    upper, work, root = (os.path.join(own, name) for name in (b"upper", b"work", b"root"))
    try:
        kernel.mount_overlay(names, upper, work, root, options)
    except OSError as error:
        raise LayerlogError(
            f"the kernel refuses overlayfs here ({error.strerror}); use a store on another filesystem (ext4, xfs, tmpfs)"
        ) from error
    os.chdir("/")


def _own_mounts(folder: str, hostname: str, wishes: Wishes) -> Iterator[Mount]:
    """Yield the files that are bound over the container's, so that names are found; they never become part of an image."""
    texts = {"hostname": f"{hostname}\n".encode(), "hosts": _HOSTS, "resolv.conf": b""}
    for name in ("hosts", "resolv.conf") if wishes.network == "host" else ():
        with suppress(OSError), open(f"/etc/{name}", "rb") as file:
            texts[name] = file.read()
    for name, text in texts.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(text)
        os.chmod(path, 0o644)
        yield Mount(path, f"/etc/{name}")


def _write_points(view: View, wishes: Wishes, cwd: str, folder: str) -> None:
    """Write a lower directory of the places that something is mounted on, or the process begins in, and that are not there.

    So they are no change of the container's: Docker has a layer for them, too.
    """
    found: dict[bytes, Change] = {}
    where = follow(view, checked(os.fsencode(cwd).lstrip(b"/")))
    if where.split(b"/")[0] == b"proc":  # what leads out of the root lies there, if anywhere
        raise InvalidError(f"working directory {shown(cwd)}: it lies in /proc; choose another place")
    for target in _MOUNTED:
        _require_no_symlink(view, target)
    for target in (*_MOUNTED, cwd):
        _add_point(found, view, target, is_folder=True)
    for mount in wishes.mounts:
        _add_point(found, view, mount.target, is_folder=mount.source == TMPFS or os.path.isdir(mount.source))
    changes = [found[path] for path in sorted(found, key=order)]
    lower_dirs.write(changes, view.get(b""), view.read, folder)


def _require_no_symlink(view: View, target: str) -> None:
    """Runtimes make and remove names in /dev by the host's path of it: a symlink there would lead them onto the host."""
    there = view.lookup(os.fsencode(target.lstrip("/")))
    if there and there.is_symlink:
        raise InvalidError(f"{target} is a symbolic link in the container, and something is to be mounted there; delete it "
                           "(`layerlog delete`)")  # fmt: skip


def _add_point(found: dict[bytes, Change], view: View, target: str, *, is_folder: bool) -> None:
    path = follow(view, checked(os.path.normpath(os.fsencode(target)).lstrip(b"/")))
    for above in ancestors(path)[1:]:
        entry = view.lookup(above)
        if entry and not entry.is_dir:
            raise InvalidError(f"{shown(target)}: /{shown(above)} is no directory in the container; choose another place")
        found.setdefault(above, as_change(entry) if entry else put(above, stat.S_IFDIR | 0o755))
    there = view.lookup(path)
    if there and there.is_dir != is_folder:
        kinds = ("a directory", "a file") if is_folder else ("a file", "a directory")
        raise InvalidError(f"{shown(target)} would be {kinds[0]} and is {kinds[1]} in the container; choose another place")
    if path and there is None:
        found[path] = put(path, stat.S_IFDIR | 0o755 if is_folder else stat.S_IFREG | 0o644)


def _give(folder: str, view: View) -> None:
    """The mounted root has the attributes of the upper directory: they are to be the view's."""
    fd = os.open(folder, OPEN_DIRECTORY)
    try:
        NodeWriter(fd).finish(fd, view.get(b""), 0o700)
    finally:
        os.close(fd)


def cleared(store: str, visit: Visit, refused: Iterable[bytes]) -> list[str]:
    """Remove what a visit that is recorded to its end left; return where what no layer can hold lies now, by its paths."""
    folder = visits.folder(store, visit.container)
    kept = set_aside(folder, visit.id, refused)
    remove_leftovers(visit, folder)
    forget(store, visit.container)
    return kept


def forget(store: str, container: str) -> None:
    """Remove what a visit left, but not what any of the container's has set aside.

    What it was goes first: whoever is killed meanwhile leaves an upper directory that nobody takes for a whole one.
    """
    folder = visits.folder(store, container)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, STATE))
    for name in os.listdir(folder):
        if name not in (FOLDER, visits.LOCK):
            remove(os.path.join(folder, name))
    os.unlink(os.path.join(folder, visits.LOCK))
    with suppress(OSError):  # something is set aside
        os.rmdir(folder)


def remove_leftovers(visit: Visit, folder: str) -> None:
    """A runtime that was killed left its state, and a control group that is empty by now.

    Only one that this machine knows is asked: the name of the program may have come with somebody else's store.
    """
    engine = _runtime(visit, folder)
    if runtime.is_known(visit.runtime) and os.path.isdir(os.path.join(folder, "runtime", "state", visit.id)):
        subprocess.run(engine.command("delete", "--force", visit.id), check=False, capture_output=True)


def enter(store: Store, visit: Visit, what: dict[str, Any], *, closed_input: bool) -> int:
    """Run one more process, as the spec's `process` has it, beside that of a visit; return its exit code."""
    folder = visits.folder(store.path, visit.container)
    name = os.path.join(folder, "bundle", f"{os.urandom(8).hex()}.json")
    engine = _runtime(visit, folder)._replace(log=f"{name}.log")
    with open(name, "w", encoding="utf-8") as file:
        json.dump(what, file)

    def inside() -> int:
        arguments = ["exec", "--process", name, visit.id]
        return namespaces.supervised(runtime.spawned(engine.command(*arguments), closed_input=closed_input))

    code = namespaces.joined(visit.first, inside, users=visit.mapped and not namespaces.is_mapped())
    failure = runtime.failure(engine.log) if code else None
    for left in (name, engine.log):
        with suppress(OSError):
            os.unlink(left)
    if failure:
        raise failure
    return code


def _runtime(visit: Visit, folder: str) -> Runtime:
    place = os.path.join(folder, "runtime")
    return Runtime(visit.runtime, place, os.path.join(place, "log.json"))
