"""The command line in this process, on a real store that holds one small image."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cli.command_line import cli
from cli.distribution.receive import receive
from eventstore.index.names import container_named
from eventstore.model.changes import put
from eventstore.model.events import Kind
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.refs.containers import live_view
from tests import images
from tests.cli.running import MOVED
from tests.conftest import ADA
from tests.trees import Literal, Symlink, changes, tree

PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/:/bin/false\n"
GROUP = b"root:x:0:\nstaff:x:50:web\n"
BASE: Literal = {
    "bin": Symlink("usr/bin"),
    "etc": {"motd": b"hello\n", "passwd": PASSWD, "group": GROUP, "os-release": Symlink("../usr/lib/os-release")},
    "srv": {},
    "usr": {"bin": {"sh": b"#!\0\1\2"}, "lib": {"os-release": b"ID=base\n"}},
}


class Layerlog:
    """`ll("ls", "web")` is what a command prints; `refused` is what one that fails says."""

    def __init__(self, store: Path) -> None:
        self.store = str(store)

    def run(self, *args: str, stdin: bytes | str | None = None) -> Result:
        return CliRunner().invoke(cli, ["--store", self.store, *args], input=stdin)

    def raw(self, *args: str, stdin: bytes | str | None = None) -> bytes:
        """Return stdout; nothing may be on stderr, but for which names another image had."""
        done = self.run(*args, stdin=stdin)
        assert (done.exit_code, MOVED.sub("", done.stderr)) == (0, ""), (args, done.stderr)
        return done.stdout_bytes

    def __call__(self, *args: str, stdin: bytes | str | None = None) -> str:
        return self.raw(*args, stdin=stdin).decode()

    def lines(self, *args: str) -> list[str]:
        return self(*args).splitlines()

    def told(self, *args: str) -> tuple[list[str], list[str]]:
        """Return the lines of stdout and, without the program's name, of stderr."""
        done = self.run(*args)
        assert done.exit_code == 0, (args, done.stderr)
        return done.stdout.splitlines(), [line.removeprefix("layerlog: ") for line in done.stderr.splitlines()]

    def json(self, *args: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines(*args, "--format", "json")]

    def found(self, *args: str) -> list[dict[str, Any]]:
        """The rows as `json`, of a listing that may find nothing, and may say so."""
        done = self.run(*args, "--format", "json")
        assert done.exit_code == 0, (args, done.stderr)
        assert not done.stderr or (not done.stdout and done.stderr.startswith("layerlog: nothing found: ")), (args, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def nothing_found(self, *args: str) -> str:
        """Return the note on stderr of a command that found nothing, which is no failure."""
        done = self.run(*args)
        assert (done.exit_code, done.stdout) == (0, ""), (args, done.stdout, done.stderr)
        assert done.stderr.startswith("layerlog: nothing found: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.removeprefix("layerlog: nothing found: ").removesuffix("\n")

    def refused(self, *args: str, stdin: bytes | str | None = None, code: int = 1) -> str:
        """Return the one line on stderr; nothing may have been appended."""
        before = self.head()
        done = self.run(*args, stdin=stdin)
        assert (done.exit_code, done.stdout) == (code, ""), (args, done.stdout, done.stderr)
        assert done.stderr.startswith("layerlog: "), done.stderr
        assert done.stderr.count("\n") == 1
        assert self.head() == before
        return done.stderr.removeprefix("layerlog: ").rstrip("\n")

    def head(self) -> tuple[int, int]:
        """Return how many changesets and events the log holds."""
        with Store.open_or_create(self.store) as store:
            head = store.log.head()
            return head.changesets, head.position

    def tree(self, name: str = "web") -> Literal:
        with Store.open_or_create(self.store) as store:
            return tree(live_view(store, container_named(store.log, name) or ""))

    def entry(self, place: str) -> dict[str, Any]:
        return self.json("stat", place)[0]

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        with Store.open_or_create(self.store) as store, writing(store, ADA) as writer:
            commands.create_store(writer)
            yield writer


def with_base(store: Path) -> Layerlog:
    """A store with the image base:1, born here and of one layer, and the container web over it."""
    ll = Layerlog(store)
    with ll.writer() as writer:
        made = commands.create_container(writer, "made", None)
        nodes = list(changes(BASE, writer.content.put))
        nodes.append(put(b"usr/bin/su", 0o104755, content=writer.content.put(b"su"), size=2, xattrs={b"user.note": b"\xff"}))
        commands.record(writer, made, nodes, live_view(writer.store, made))
        commands.commit(writer, made, parent=None, message="base", author="Ada", tag="docker.io/library/base:1")
        commands.remove_container(writer, made)
    ll("create", "--name", "web", "base:1")
    return ll


def with_loaded(ll: Layerlog, *names: str, source: str = "test.tar", **config: Any) -> str:
    """Bring the image of tests.images in, as load does from *source*; return its id."""
    with ll.writer() as writer:
        found = receive(writer, [images.image("gzip", names=names, **config)], Kind.IMAGE_LOADED, source, lambda _: None)
    return found[0].id


def write_and_commit(ll: Layerlog, text: str, *more: str) -> str:
    """Write /f in web, commit with *more* arguments, and return the commit's id."""
    ll("write", "--text", text, "web:/f")
    return ll("commit", *more).strip().removeprefix("sha256:")
