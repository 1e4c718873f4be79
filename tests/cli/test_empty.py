"""The empty case: every command that reads, on stores in which the last, the first or the only one is not there."""

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.catalog import COMMANDS
from eventstore.model.digests import digest_of
from eventstore.store.store import Store
from tests.cli.invoking import Layerlog
from tests.images import layer_tar

ONE_OF_MANY = re.compile(r"(?<![\w.,:@~/-])1 (?!was|is|has|this|address)[a-z]+s\b")
"""A plural that was said of one."""
NOTHING = layer_tar({})
"""A layer's tar without an entry."""


def archive_of(config: dict[str, Any], *tars: bytes, tag: str | None = "localhost/one:1") -> bytes:
    """A docker-archive of one image."""
    ids = {"rootfs": {"type": "layers", "diff_ids": list(map(digest_of, tars))}}
    manifest = [{"Config": "c.json", "RepoTags": [tag] if tag else None, "Layers": [f"{n}.tar" for n, _ in enumerate(tars)]}]
    members = {"c.json": json.dumps(config | ids).encode(), **{f"{n}.tar": tar for n, tar in enumerate(tars)}}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in {**members, "manifest.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


PLAIN: dict[str, Any] = {"architecture": "amd64", "os": "linux"}


def without_events(ll: Layerlog, _: Path) -> None:
    Store.open_or_create(ll.store).close()


def without_anything_left(ll: Layerlog, _: Path) -> None:
    ll("load", "-q", stdin=archive_of(PLAIN))
    ll("create", "--name", "one", "scratch")
    ll("rm", "one")
    ll("rmi", "one:1")


def image_without_layers(ll: Layerlog, _: Path) -> None:
    step = {"created_by": "LABEL a=b", "empty_layer": True}
    ll("load", "-q", stdin=archive_of({**PLAIN, "config": {"Labels": {"a": "b"}}, "history": [step]}))
    ll("create", "--name", "one", "one:1")


def image_of_an_empty_layer(ll: Layerlog, _: Path) -> None:
    """Without a config, a history, a time or a name."""
    ll("load", "-q", stdin=archive_of(PLAIN, NOTHING, NOTHING, tag=None))
    ll("tag", ll.lines("images", "-q")[0], "one:1")
    ll("create", "--name", "one", "one:1")


def image_of_nulls(ll: Layerlog, _: Path) -> None:
    """As Go's programs spell what is not there."""
    nulls = {"config": None, "history": None, "container_config": None, "author": "", "created": "0001-01-01T00:00:00Z"}
    ll("load", "-q", stdin=archive_of({**PLAIN, **nulls}, layer_tar({"f": b""})))
    ll("create", "--name", "one", "one:1")


def container_without_writes(ll: Layerlog, _: Path) -> None:
    ll("create", "--name", "one", "scratch")


def commit_of_nothing(ll: Layerlog, _: Path) -> None:
    """Without message, author, name, or change."""
    ll("create", "--name", "one", "scratch")
    ll("commit", "--allow-empty", "one")
    ll("commit", "--allow-empty", "-m", "", "-a", "", "one", "one:1")


def commit_of_config_alone(ll: Layerlog, _: Path) -> None:
    ll("create", "--name", "one", "scratch")
    ll("config", "one", "--label", "a=")
    ll("commit", "one", "one:1")


def folder_without_files(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ll("import", str(tmp_path / "empty"), "one:1")
    ll("create", "--name", "one", "one:1")


def writes_that_leave_nothing(ll: Layerlog, _: Path) -> None:
    ll("create", "--name", "one", "scratch")
    ll("write", "--text", "", "one:/f")
    ll("delete", "one:/f")
    ll("commit", "one", "one:1")
    ll("fork", "one@1", "--name", "other")


STORES: list[Callable[[Layerlog, Path], None]] = [
    without_events, without_anything_left, image_without_layers, image_of_an_empty_layer, image_of_nulls, container_without_writes,
    commit_of_nothing, commit_of_config_alone, folder_without_files, writes_that_leave_nothing,
]  # fmt: skip

REFS = ("one", "one:1", "one@1", "one~1", "one@{now}", "one:1@{1}")
OF_A_REF: dict[str, list[list[str]]] = {
    "inspect": [["{}"], ["-f", "{{{{json .}}}}", "{}"]],
    "history": [["{}"], ["-q", "{}"], ["--format", "json", "{}"]],
    "tags": [["{}"]],
    "save": [["-q", "-o", "/dev/null", "{}"], ["-q", "--format", "oci-dir", "-o", "{out}", "{}"]],
    "status": [["{}"], ["--format", "json", "{}"]],
    "ls": [["{}"], ["-l", "{}"], ["-lR", "{}:/"], ["-d", "--format", "json", "{}:/"]],
    "cat": [["{}:/"], ["{}:/f"]],
    "stat": [["{}"], ["{}:/"], ["{}:/f"], ["--format", "json", "{}:/"]],
    "cp": [["{}:/.", "{out}"], ["{}:/", "{out}"], ["{}:/f", "{out}"]],
    "diff": [["{}"], ["--base", "{}"], ["-p", "{}", "one"], ["--stat", "one:1", "{}"], ["--format", "json", "one", "{}"]],
    "export": [["-o", "/dev/null", "{}"]],
    "checkout": [["{}", "{out}"]],
    "log": [["{}"], ["-p", "{}"], ["--stat", "{}"], ["--oneline", "{}"], ["--reverse", "{}"], ["{}:/"], ["{}", "--", "/f"], ["--format", "json", "{}"]],
    "show": [["{}"], ["--stat", "{}"], ["-p", "{}"], ["--format", "json", "{}"]],
    "blame": [["{}:/"], ["{}:/f"], ["--lines", "{}:/f"], ["--format", "json", "{}:/"]],
    "audit": [["--distribution", "{}"]],
    "find": [["--content", "{}:/f"]],
    "bisect": [["start", "{}", "one@1"]],
    "images": [["--filter", "before={}"], ["--filter", "since={}"]],
    "ps": [["--filter", "ancestor={}"]],
    "layers": [["{}"]],
}
OF_THE_STORE: dict[str, list[list[str]]] = {
    "images": [[], ["-a"], ["-q"], ["--digests"], ["--format", "json"], ["--filter", "dangling=true"], ["--filter", "label=a"], ["one"]],
    "status": [[], ["--format", "json"]],
    "ps": [[], ["-a"], ["-l"], ["-n", "0"], ["-q"], ["--format", "json"], ["--filter", "status=sealed"]],
    "inventory": [[]],
    "log": [[], ["--all"], ["--graph"], ["--all", "-p"], ["--all", "--stat"], ["-n", "0"], ["--author", "x"], ["--all", "--format", "json"], ["--oneline"]],
    "show": [["1"], ["0"], ["99999"]],
    "audit": [[], ["--format", "json"], ["--format", "csv"], ["--format", "html"], ["--until", "1970-01-02"]],
    "events": [[], ["--format", "json"], ["--since", "2000-01-01"], ["--until", "1970-01-02"]],
    "find": [["--path", "f"], ["--path", "/"], ["--bytes", "x"], ["--text", "x"], ["--content", digest_of(b"")]],
    "verify": [[], ["--quick"]],
    "df": [[], ["--format", "json"]],
    "gc": [[], ["--dry-run"]],
    "prune": [[], ["--contents-before", "now"]],
    "rebuild": [[]],
    "checkpoint": [[]],
    "prove": [["1"], ["0"], ["99999"]],
    "backup": [["{out}"]],
    "tags": [["one"]],
    "reflog": [[], ["one"], ["--format", "json"]],
    "undelete": [["none"]],
    "completion": [["bash"]],
    "sql": [[], ["select * from event_log"], ["--csv", "select * from commits"], ["--json", "select * from images"], ["--nl", "select 1"]],
}
CHANGES = {
    "tag", "rmi", "load", "import", "create", "rename", "rm", "commit", "sign", "config", "fork", "write", "delete", "move", "mkdir", "link",
    "chmod", "chown", "undo", "redo", "revert", "restore", "erase", "repair", "run", "exec", "recover", "build",
}  # fmt: skip
ELSEWHERE = {"pull", "push", "login", "logout", "copy", "serve", "demo"}
"""What needs a registry, or makes a store of its own."""


def test_every_command_that_reads_is_tried() -> None:
    """A new command belongs into one of the tables."""
    assert {*OF_A_REF, *OF_THE_STORE, *CHANGES, *ELSEWHERE} >= COMMANDS.keys()


def tried(tmp_path: Path) -> Iterator[list[str]]:
    number = 0
    for table, refs in ((OF_THE_STORE, REFS[:1]), (OF_A_REF, REFS)):
        for name, ways in table.items():
            for way in ways:
                for ref in refs:
                    number += 1
                    yield [name, *(part.format(ref, out=tmp_path / f"out{number}") for part in way)]


@pytest.mark.parametrize("make", STORES, ids=lambda make: make.__name__)
def test_nothing_to_read_is_no_reason_to_break(tmp_path: Path, make: Callable[[Layerlog, Path], None]) -> None:
    """What is refused is refused in one line; nothing else is said but notes, and no command is at a loss."""
    ll = Layerlog(tmp_path / "store")
    make(ll, tmp_path)
    for args in tried(tmp_path):
        done = ll.run(*args)
        assert done.exit_code in (0, 1, 2), (args, done.stderr, done.exception)
        assert "bug" not in done.stderr, (args, done.stderr)
        assert "Traceback" not in done.stderr, (args, done.stderr)
        assert not ONE_OF_MANY.search(done.output), (args, done.output)
        if done.exit_code == 1:
            assert done.stderr.startswith("layerlog: "), (args, done.stdout, done.stderr, done.exception)
        if done.exit_code == 2:
            assert "Error: " in done.stderr, (args, done.stderr)
