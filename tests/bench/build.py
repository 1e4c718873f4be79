"""Stores that several items read, built through the Python API, and the same histories as git fast-import streams."""

import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from cli.hostfs.scan import scan
from eventstore.index.names import container_named
from eventstore.model.changes import Change, delete, put
from eventstore.model.events import Event, Kind
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.refs.containers import live_view
from projections.tree.view import View
from tests.bench.appends import ADA, DIRECTORY, FILE

Answer = dict[str, float]


# -- C3: a folder base/, and deltas/NNN/ with deltas/NNN.del


def history(store: str, folder: str) -> Answer:
    """Keep each version as a commit, tagged c3:0, c3:1, ..."""
    with Store.open_or_create(store) as opened, writing(opened, ADA) as writer:
        commands.create_store(writer)
        made = commands.create_container(writer, "c3", None)
        view = live_view(opened, made)
        base = Staged(opened, scan(os.path.join(folder, "base"), writer.content))
        commands.record(writer, made, base, view)
        base.close()
        parent = commands.commit(writer, made, parent=None, message="v0", tag=tag(0)).hex()
        for version in range(1, versions(folder) + 1):
            commands.record(writer, made, list(_delta(writer, view, folder, version)), view)
            parent = commands.commit(writer, made, parent=parent, message=f"v{version}", tag=tag(version)).hex()
    return {}


def tag(version: int) -> str:
    return f"docker.io/library/c3:{version}"


def versions(folder: str) -> int:
    return len([name for name in os.listdir(os.path.join(folder, "deltas")) if name.isdigit()])


def _delta(writer: Writer, view: View, folder: str, version: int) -> Iterator[Change]:
    made: set[bytes] = set()
    for path, file in written(folder, version):
        yield from _parents(view, path, made)
        with open(file, "rb") as opened:
            data, status = opened.read(), os.fstat(opened.fileno())
        old = view.lookup(path)
        content = writer.content.put(data, like=old.content if old else None)
        yield put(path, status.st_mode, uid=status.st_uid, gid=status.st_gid, mtime=status.st_mtime_ns, size=len(data), content=content)
    yield from (delete(path) for path in deleted(folder, version) if view.lookup(path))


def _parents(view: View, path: bytes, made: set[bytes]) -> Iterator[Change]:
    parent = path.rpartition(b"/")[0]
    if parent and parent not in made and view.lookup(parent) is None:
        yield from _parents(view, parent, made)
        yield put(parent, DIRECTORY)
    made.add(parent)


def written(folder: str, version: int) -> Iterator[tuple[bytes, str]]:
    """Yield (path, file) of what a version writes; version 0 is the base."""
    top = os.path.join(folder, f"deltas/{version:03}" if version else "base")
    for directory, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            file = os.path.join(directory, name)
            yield os.fsencode(os.path.relpath(file, top)), file


def deleted(folder: str, version: int) -> list[bytes]:
    with open(os.path.join(folder, f"deltas/{version:03}.del"), "rb") as file:
        return file.read().splitlines()


def git_history(folder: str, path: str) -> None:
    """Write the same versions for git fast-import, tagged v0, v1, ..."""
    with open(path, "wb") as out:
        for version in range(versions(folder) + 1):
            _git_commit(out, version)
            for name, file in written(folder, version):
                with open(file, "rb") as opened:
                    _git_file(out, name, opened.read(), executable=bool(os.stat(file).st_mode & 0o100))
            if version:
                out.writelines(b"D %s\n" % name for name in deleted(folder, version))
            _git_tag(out, version)


def _git_commit(out: BinaryIO, number: int, message: bytes = b"x") -> None:
    who = b"committer ada <ada@example.org> %d +0000\n" % number
    out.write(b"commit refs/heads/main\nmark :%d\n%bdata %d\n%b\n" % (number + 1, who, len(message), message))


def _git_file(out: BinaryIO, name: bytes, data: bytes, *, executable: bool = False) -> None:
    out.write(b"M %s inline %b\ndata %d\n%b\n" % (b"755" if executable else b"644", name, len(data), data))


def _git_tag(out: BinaryIO, number: int) -> None:
    out.write(b"reset refs/tags/v%d\nfrom :%d\n" % (number, number + 1))


# -- the long log


def git_of_container(store: str, name: str, path: str) -> None:
    """Write a container's history, commit by commit, for git fast-import, tagged v0, v1, ...: what git can say of it."""
    with Store.open_or_create(store) as opened, open(path, "wb") as out:
        container = container_named(opened.log, name)
        assert container is not None
        stream = opened.log.stream("container", container)
        assert stream is not None
        number, pending = 0, list[bytes]()
        for event in opened.log.events(stream.id):
            if event.kind == Kind.COMMITTED:
                _git_commit(out, number)
                out.writelines(pending)
                _git_tag(out, number)
                number, pending = number + 1, []
            elif event.path is not None:
                pending.extend(_git_change(opened, event, opened.log.path_text(event.path)))


def _git_change(store: Store, event: Event, path: bytes) -> Iterator[bytes]:
    match event.kind:
        case Kind.FILE_WRITTEN if stat.S_ISREG(event.mode):
            data = store.content.read_all(event.content) if event.content else b""
            yield b"M 644 inline %b\ndata %d\n%b\n" % (path, len(data), data)
        case Kind.LINK_MADE:
            yield b"C %b %b\n" % (event.target or b"", path)
        case Kind.PATH_MOVED:
            yield b"R %b %b\n" % (event.target or b"", path)
        case Kind.PATH_DELETED:
            yield b"D %b\n" % path


# -- the same files in few layers and in many


def layered(store: str, counts: list[int], files: int) -> Answer:
    """Keep *files* files of 1 kB as so many imported layers, once for each of *counts*."""
    with Store.open_or_create(store) as opened, writing(opened, ADA) as writer:
        commands.create_store(writer)
        for count in counts:
            with writer.transaction():
                for number, diff_id in enumerate(layer_ids(count)):
                    staged = Staged(opened, _layer(writer, count, number, files // count))
                    commands.import_layer(writer, bytes.fromhex(diff_id), staged, writer.content.put(b""), 0)
                    staged.close()
    return {}


def layer_ids(count: int) -> list[str]:
    return [sha256(b"layer %d of %d" % (number, count)).hexdigest() for number in range(count)]


def _layer(writer: Writer, count: int, number: int, files: int) -> Iterator[Change]:
    paths = sorted(layer_paths(number, files))
    folders = {path.rpartition(b"/")[0] for path in paths}
    for folder in sorted(folders | {folder.rpartition(b"/")[0] for folder in folders}):
        yield put(folder, DIRECTORY)
    for path in paths:
        data = (b"%d %b " % (count, path)).ljust(1000, b".")
        yield put(path, FILE, size=1000, content=writer.content.put(data))


def layer_paths(number: int, files: int) -> Iterator[bytes]:
    return (b"d%d/e%d/f%d-%d" % (n % 10, n % 50, n, number) for n in range(files))
