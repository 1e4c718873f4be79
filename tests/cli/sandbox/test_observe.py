"""What is recorded of a process is what its mount shows: random programs of file operations, over layers, in several passes."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.sandbox import observe
from cli.sandbox.observe import Seen, UpperScan
from eventstore.log.log import Context
from eventstore.model.times import SECOND
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT
from tests.peers import lacking

EXAMPLES = int(os.environ.get("LAYERLOG_EXAMPLES", "20"))
SIZE = 4 << 20
NAMES = ["a", "b", "c"]
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
TEXT = st.sampled_from(["", "x", "one\n", "two\n" * 50])
OPERATION = st.one_of(
    st.tuples(st.sampled_from(["append", "write"]), PATHS, TEXT),
    st.tuples(st.sampled_from(["remove", "mkdir", "fifo"]), PATHS),
    st.tuples(st.sampled_from(["move", "link"]), PATHS, PATHS),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("symlink"), st.sampled_from(["a", "../b", "nowhere"]), PATHS),
    st.tuples(st.just("chmod"), PATHS, st.sampled_from([0o600, 0o755, 0o4711])),
    st.tuples(st.just("chown"), PATHS, st.sampled_from([0, 33, 1000])),
    st.tuples(st.just("touch"), PATHS, st.sampled_from([1, 10**18 + 7])),
    st.tuples(st.just("attribute"), PATHS, TEXT),
    st.tuples(st.just("map"), PATHS),
    st.tuples(st.just("poke"), st.sampled_from(["P", "Q"])),
    st.tuples(st.just("wait")),
)
BATCHES = st.lists(st.lists(OPERATION, max_size=12), min_size=1, max_size=3)
LOWER = """
mkdir web:/a; mkdir web:/a/b; mkdir web:/a/b/c; write --text x web:/a/b/c/a; write --text f web:/a/c; link web:/a/c web:/a/a
mkdir web:/b; write --text g web:/b/a; mkdir web:/b/b; commit web; write --text h web:/b/b/c; delete web:/a/a; write --text new web:/c
commit web; write --text later web:/b/c; chmod 700 web:/a/b
"""


def layered(path: Path) -> Layerlog:
    """A container over two layers of its own, with changes that are not sealed."""
    ll = Layerlog(path)
    ll("create", "--name", "web", "scratch")
    for line in LOWER.replace("\n", ";").split(";"):
        if line.strip():
            assert ll.run(*line.split()).exit_code == 0, line
    return ll


def differences(ll: Layerlog, batches: Any, *more: str) -> str:
    container = ll.json("ps")[0]["id"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.sandbox.mounted", ll.store, container, *more],
        input=json.dumps(batches), capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


@contextmanager
def store_writing(path: Path) -> Iterator[Writer]:
    with Store.open_or_create(str(path)) as store, writing(store, Context({"login": "test"}, ("test",), None)) as writer:
        yield writer


def require_root() -> None:
    if os.geteuid() != 0:
        lacking("only root mounts overlayfs outside of a user namespace")


@pytest.mark.parametrize("where", [(), ("--mapped",)], ids=["root", "in a user namespace"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(batches=BATCHES)
def test_the_recorded_tree_is_the_mounted_one(
    tmp_path_factory: pytest.TempPathFactory, where: tuple[str, ...], batches: Any
) -> None:
    require_root()
    ll = layered(tmp_path_factory.mktemp("observed") / "store")
    assert differences(ll, batches, *where) == ""
    assert ll.run("verify").exit_code == 0


@pytest.mark.parametrize("where", [(), ("--mapped",)], ids=["root", "in a user namespace"])
def test_what_is_written_to_memory_after_a_pass_is_in_the_next(tmp_path: Path, where: tuple[str, ...]) -> None:
    """A page that is dirty already takes more without a sign of it in the file's times."""
    require_root()
    batches = [[["write", "/new", "xyz"], ["map", "/new"], ["map", "/b/a"], ["poke", "A"], ["wait"]]]
    batches += [[["poke", letter], *more] for letter in "BCDE" for more in ([], [["wait"]])]
    assert differences(layered(tmp_path / "store"), batches, *where) == ""


def test_a_large_file_is_read_again_when_it_changed_and_only_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    if os.major(upper.stat().st_dev) == 0:
        lacking("a folder on a disk")
    for name in ("one", "two"):
        (upper / name).write_bytes(os.urandom(SIZE))
    monkeypatch.setattr(observe, "SETTLED", SECOND // 10)

    def read(*, is_last: bool = False) -> int:
        """Return how many bytes a pass read that is recorded."""
        before = bytes_read()
        with store_writing(tmp_path / "store") as writer:
            seen = Seen(str(tmp_path / "seen"), writer.content.known)
            contents = {change.path: change.content for change in UpperScan(str(upper), writer.content, seen, is_last=is_last)}
            with writer.transaction():
                pass
            seen.write()
        assert contents[b"one"] == sha256((upper / "one").read_bytes()).digest()
        return (bytes_read() - before - SIZE) // SIZE

    assert read() == 2, "too new to be known again"
    time.sleep(0.2)
    assert [read(), read(), read(is_last=True)] == [2, 0, 0]
    status = (upper / "one").stat()
    (upper / "one").write_bytes(os.urandom(SIZE))
    os.utime(upper / "one", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(is_last=True) == 1, "whatever its mtime is set to"
    (tmp_path / "seen").write_bytes(b"\0" * 100)
    assert read() == 2, "a power cut may spoil what is remembered"
    time.sleep(0.2)
    read()
    shutil.rmtree(tmp_path / "store")
    assert read() == 2, "what it held has to be in the store, too"
