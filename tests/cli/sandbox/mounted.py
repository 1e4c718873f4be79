"""A program for tests: makes changes in a real overlay over a container, records passes, and compares the two trees.

`python -m tests.cli.sandbox.mounted STORE CONTAINER [--mapped]` reads batches of operations as JSON and prints what differs after
a pass; --mapped does it in a user namespace, where overlayfs has other markers and does not rename directories.
"""

import json
import mmap
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from cli.hostfs.scan import scan
from cli.sandbox import kernel, lower_dirs, namespaces, observe, recording, visit
from cli.sandbox.visit import Visit
from eventstore.log.log import Context
from eventstore.model.changes import Change
from eventstore.model.entries import node_of
from eventstore.store import visits
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import get, view_now
from projections.tree import lineage
from projections.tree.walk import walk

Batch = list[list[Any]]
TICK = 0.03
_mapped: list[tuple[int, mmap.mmap]] = []


class _Digests:
    """Where the bytes of the mounted tree go: nowhere."""

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        from hashlib import sha256

        return sha256(data).digest()

    def put_stream(self, chunks: Any, /) -> bytes:
        return self.put(b"".join(chunks))


def main() -> None:
    path, name, batches = sys.argv[1], sys.argv[2], json.load(sys.stdin)
    if "--mapped" in sys.argv:
        _become_mapped()
    observe.LARGE, observe.SETTLED = 1, int(TICK / 2 * 1e9)
    namespaces.become_root()
    kernel.unshare(kernel.NEW_MOUNTS)
    kernel.keep_mounts_private()
    with Store.open(path) as store:
        container = get(store.log, name).id
        lock = visits.take(path, container)
        try:
            _compare(store, container, batches)
        finally:
            os.close(lock)


def _become_mapped() -> None:
    """Go on in a user namespace whose ids root gives it: the process that stays behind ends as this one does."""
    ready, told = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(ready[0], 1)
        for kind in ("uid", "gid"):
            with open(f"/proc/{child}/{kind}_map", "w", encoding="ascii") as file:
                file.write(f"0 0 {namespaces.IDS}")
        os.write(told[1], b"x")
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    kernel.unshare(kernel.NEW_USERS)
    os.write(ready[1], b"x")
    os.read(told[0], 1)


def _compare(store: Store, container: str, batches: list[Batch]) -> None:
    version = get(store.log, container).version
    found = Visit(container, "f" * 32, version, 1, "test", ["test"], "0:0", "runc", namespaces.is_mapped(), first=1)
    folder = visits.folder(store.path, container)
    for part in ("upper", "work", "root", "runtime"):
        os.makedirs(os.path.join(folder, part))
    view = view_now(store, container)
    visit._give(os.path.join(folder, "upper"), view)
    lower_dirs.write([], view.get(b""), view.read, os.path.join(folder, "points"))
    found.write(store.path)
    held = lower_dirs.lower_directories(store, lineage.of_container(store.log, container, version))
    visit._mount(held, folder, found)
    root = os.path.join(folder, "root")
    context = Context({"login": "test"}, ("test",), None, "observed", found.id)
    for number, batch in enumerate(batches):
        for operation in batch:
            with suppress(OSError):
                _OPERATIONS[operation[0]](*(os.path.join(root, part) if is_path else part for part, is_path in _parts(operation)))
        with writing(store, context) as writer:
            recording.record_pass(writer, visit.read(store.path, container) or found)
            before = store.log.existing("container", container).version
            recording.record_pass(writer, visit.read(store.path, container) or found)
            if store.log.existing("container", container).version != before:
                print(f"pass {number}: a second pass, after no change, recorded something")
        for line in _differences(root, store, container):
            print(f"pass {number}: {line}")
    held.close()


def _parts(operation: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Paths begin with a slash, all else does not."""
    for part in operation[1:]:
        is_path = isinstance(part, str) and part.startswith("/")
        yield (part[1:] if is_path else part), is_path


def _differences(root: str, store: Store, container: str) -> Iterator[str]:
    mounted = {change.path: _stated(change) for change in _nodes(root)}
    recorded = {entry.path: node_of(entry) for entry in walk(view_now(store, container))}
    for path in sorted(mounted.keys() | recorded.keys()):
        if mounted.get(path) != recorded.get(path):
            yield f"{path!r}: mounted {mounted.get(path)}, recorded {recorded.get(path)}"


def _nodes(root: str) -> Iterator[Change]:
    """Yield each node, those of several names under each of them, as it is."""
    found: dict[bytes, Change] = {}
    for change in scan(root, _Digests()):
        whole = found[change.target or b""]._replace(path=change.path) if change.mode == 0 else change
        found[change.path] = whole
        yield whole


def _stated(change: Change) -> Any:
    return node_of(change)


def _write(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def _replace(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _remove(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _chown(path: str, uid: int) -> None:
    os.chown(path, uid, uid, follow_symlinks=False)


def _touch(path: str, when: int) -> None:
    os.utime(path, ns=(when, when), follow_symlinks=False)


def _attribute(path: str, value: str) -> None:
    os.setxattr(path, "user.test", value.encode(), follow_symlinks=False)


def _map(path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    with suppress(ValueError):  # an empty file
        _mapped.append((fd, mmap.mmap(fd, 0)))


def _poke(text: str) -> None:
    """Write to memory alone: of that the files' times say nothing where the page was written to already."""
    for fd, pages in _mapped:
        if os.fstat(fd).st_size:
            pages[0:1] = text.encode()


def _wait() -> None:
    time.sleep(TICK)


_OPERATIONS: dict[str, Callable[..., object]] = {
    "append": _write, "write": _replace, "remove": _remove, "mkdir": os.mkdir, "move": os.rename, "link": os.link,
    "symlink": os.symlink, "chmod": os.chmod, "chown": _chown, "touch": _touch, "attribute": _attribute, "fifo": os.mkfifo,
    "map": _map, "poke": _poke, "wait": _wait,
}  # fmt: skip


if __name__ == "__main__":
    main()
