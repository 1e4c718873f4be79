"""What one process of the load test does: random commands through the real command line, each outcome noted down."""

import contextlib
import io
import json
import random
import time
from pathlib import Path
from typing import Any, TextIO

from cli import command_line
from eventstore.errors import ConcurrencyError
from eventstore.index.names import container_named
from eventstore.log.log import Context
from eventstore.model.changes import put
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from tests.hostile.making import docker_archive
from tests.projections.tar_blocks import END, entry

SHARED, TAG = "shared", "localhost/one:tag"
PATHS = [f"k{number}" for number in range(8)]
REFUSALS = ("no such path", "nothing to seal", "exists", "moved from version", "is not a directory", "no image", "cannot be moved")
WARM = 40  # commands after which memory must not grow


class Worker:
    """`noted` gets one JSON line for each command that succeeded; a refusal must be one of those that a race explains."""

    def __init__(self, store: str, seed: int, folder: str, noted: TextIO) -> None:
        self.store, self.seed, self.folder = store, seed, Path(folder)
        self._chance, self._noted, self._count = random.Random(seed), noted, 0

    def turn(self) -> None:
        acts = [self.write] * 6 + [self.delete, self.move, self.load, self.tag, self.expect, self.once] + [self.commit] * 2
        self._count += 1
        self._chance.choice(acts)()

    def write(self) -> None:
        path, data = self._chance.choice(PATHS), f"{self.seed} wrote {self._count}"
        self._run("write", f"{SHARED}:/{path}", path=path, text=data, argv=["--text", data])

    def delete(self) -> None:
        path = self._chance.choice(PATHS)
        self._run("delete", f"{SHARED}:/{path}", path=path)

    def move(self) -> None:
        source, path = self._chance.sample(PATHS, 2)
        self._run("move", f"{SHARED}:/{source}", f"{SHARED}:/{path}", source=source, path=path)

    def commit(self) -> None:
        message = f"{self.seed} sealed {self._count}"
        self._run("commit", SHARED, TAG, message=message, argv=["-m", message])

    def tag(self) -> None:
        self._run("tag", "localhost/base:1", TAG)

    def load(self) -> None:
        name = f"localhost/w{self.seed}:{self._count}"
        archive = self.folder / f"{self.seed}.tar"
        archive.write_bytes(docker_archive(entry(b"f", f"{self.seed} {self._count}".encode()) + END, name=name))
        self._run("load", argv=["-i", str(archive)], name=name)
        self._run("tag", name, TAG)

    def expect(self) -> None:
        """Append only if nobody else did meanwhile."""
        with self._library() as (store, writer):
            container = container_named(store.log, SHARED)
            assert container
            stream = store.log.stream("container", container)
            assert stream
            data = f"{self.seed} expected {self._count}".encode()
            change = put(b"expected", 0o100644, size=len(data), content=writer.content.put(data))
            try:
                version = commands.record(writer, container, [change], live_view(store, container), expected=stream.version)
            except ConcurrencyError:
                return
            self._note("expect", expected=stream.version, version=version, text=data.decode())

    def once(self) -> None:
        """Append what only one process may ever append."""
        with self._library() as (store, writer):
            container = container_named(store.log, SHARED)
            assert container
            key = f"key {self._chance.randrange(40)}"
            data = f"{self.seed} once {key}".encode()
            change = put(b"once", 0o100644, size=len(data), content=writer.content.put(data))
            try:
                commands.record(writer, container, [change], live_view(store, container), key=key)
            except ConcurrencyError:
                return
            self._note("once", key=key, text=data.decode())

    @contextlib.contextmanager
    def _library(self) -> Any:
        actor = Context({"login": "w", "uid": 0, "login_uid": None, "host": "h"}, ("work", str(self.seed)))
        with Store.open_or_create(self.store) as store, writing(store, actor) as writer:
            yield store, writer

    def _run(self, command: str, *places: str, argv: list[str] | None = None, **noted: Any) -> None:
        code, said = run(self.store, command, *(argv or ()), *places)
        if code == 0:
            self._note(command, **noted)
        else:
            assert code == 1, said
            assert any(refusal in said for refusal in REFUSALS), said

    def _note(self, command: str, **noted: Any) -> None:
        self._noted.write(json.dumps({"command": command, "seed": self.seed, **noted}) + "\n")


def run(store: str, *argv: str) -> tuple[int, str]:
    """Return the exit code and what was said on stderr."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command_line.run(command_line.cli, ["--store", store, *argv])
    assert "locked" not in err.getvalue(), err.getvalue()
    return code, err.getvalue()


def work(store: str, seed: int, seconds: float, folder: str) -> None:
    with open(f"{folder}/{seed}.jsonl", "w", encoding="ascii") as noted:
        worker, end, turns, warm = Worker(store, seed, folder, noted), time.monotonic() + seconds, 0, 0
        while time.monotonic() < end:
            worker.turn()
            turns += 1
            warm = memory() if turns == WARM else warm
        noted.write(json.dumps({"command": "done", "seed": seed, "turns": turns, "grown": memory() - warm if warm else 0}) + "\n")


def repeat(store: str, seconds: float, pause: float, *lines: list[str]) -> None:
    """Run command lines in turn, each of which must succeed: readers, a collection, a backup."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for argv in lines:
            code, said = run(store, *argv)
            assert code == 0, (argv, said)
        time.sleep(pause)


def memory() -> int:
    """Return the resident KiB of this process."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def read_on(store: str, seconds: float) -> None:
    """Read the log as it is now, and go on reading that for a while."""
    opened = Store.open_or_create(store)
    opened.db.execute("BEGIN")
    opened.log.head()
    Path(store).parent.joinpath("reading").touch()
    time.sleep(seconds)


def write_on(store: str, seconds: float) -> None:
    """Hold a segment, the shared lock and the one write transaction for a while."""
    opened = Store.open_or_create(store)
    with writing(opened, Context({"login": "w"}, ("work",))) as writer:
        writer.content.put(b"never named")
        with writer.transaction():
            Path(store).parent.joinpath("writing").touch()
            time.sleep(seconds)
