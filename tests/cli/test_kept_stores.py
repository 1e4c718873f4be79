"""A store that may not be read, or not be written: whose it is and what to do is said in one line, and whatever can be done is."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.invoking import Layerlog, with_base
from tests.cli.running import clean
from tests.cli.sandbox.running import PROGRAM, Runner
from tests.peers import lacking, peer

STRANGER = 54321
LITTLE = 48 << 10  # bytes: enough to read a log, and too few to write it
READ = [["ls", "web:/etc"], ["cat", "web:/etc/motd"], ["log", "web"], ["verify"], ["gc", "-n"], ["save", "--no-record", "-q", "base:1"]]
WRITE = [["create", "base:1"], ["commit", "--allow-empty", "web"], ["write", "--text", "x", "web:/f"], ["tag", "base:1", "x:1"], ["undo", "web"],
         ["gc"], ["rebuild"], ["repair"], ["push", "base:1", "localhost:1/x:1"], ["copy", "base:1", "oci:OUT/x"], ["load"], ["import", "-"],
         ["pull", "localhost:1/x:1"]]  # fmt: skip
SAVES = [["save", "-q", "-o", "OUT/x.tar", "base:1"], ["save", "-q", "base:1"], ["save", "-q", "--format", "oci-dir", "-o", "OUT/x", "base:1"]]


def tree(folder: Path, owner: int, folders: int, files: int) -> None:
    """Give all of a store to *owner*, with these modes."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)
        os.chown(path, owner, owner)


def closed(store: Path) -> None:
    tree(store, 0, 0o700, 0o600)


def open_to_read(store: Path) -> None:
    tree(store, 0, 0o755, 0o644)


def open_but_for_its_log(store: Path) -> None:
    open_to_read(store)
    (store / "log.db").chmod(0o600)


def unlistable(store: Path) -> None:
    open_to_read(store)
    store.chmod(0o711)


def in_a_closed_folder(store: Path) -> None:
    open_to_read(store)
    store.parent.chmod(0o700)


def own_and_closed(store: Path) -> None:
    tree(store, STRANGER, 0o700, 0o600)
    store.chmod(0)


def own_and_read_only(store: Path) -> None:
    tree(store, STRANGER, 0o700, 0o600)
    store.chmod(0o500)


def own_with_a_read_only_log(store: Path) -> None:
    tree(store, STRANGER, 0o700, 0o600)
    (store / "log.db").chmod(0o400)


def on_a_read_only_mount(store: Path) -> None:
    tree(store, STRANGER, 0o700, 0o600)
    mount("--bind", store, store)
    mount("-o", "remount,ro,bind", store)


def on_a_disk_with(left: int) -> Callable[[Path], None]:
    def fill(store: Path) -> None:
        aside = store.with_name("aside")
        store.rename(aside)
        store.mkdir()
        mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", store)
        shutil.copytree(aside, store, dirs_exist_ok=True)
        tree(store, STRANGER, 0o700, 0o600)
        disk = os.statvfs(store)
        (store / "filling").write_bytes(bytes(disk.f_bavail * disk.f_frsize - left))

    return fill


class Kept(NamedTuple):
    """How a store is kept from who runs a command on it, what that hears of it, and whether it can be read all the same."""

    keep: Callable[[Path], None]
    said: str
    readable: bool


NOT_YOURS = "is not yours, but uid 0's (mode {}); run as that user, or choose another with --store DIR"
ALL = {
    "another's, closed": Kept(closed, "cannot be read: it " + NOT_YOURS.format("0700"), readable=False),
    "another's": Kept(open_to_read, "cannot be written: it " + NOT_YOURS.format("0755"), readable=True),
    "another's log": Kept(open_but_for_its_log, "/log.db " + NOT_YOURS.format("0600"), readable=False),
    "another's, unlistable": Kept(unlistable, "cannot be read: it " + NOT_YOURS.format("0711"), readable=False),
    "in another's folder": Kept(in_a_closed_folder, NOT_YOURS.format("0700"), readable=False),
    "one's own, closed": Kept(own_and_closed, "it is yours, but of mode 0000; run `chmod u+rwX` on that", readable=False),
    "one's own, read-only": Kept(own_and_read_only, "it is yours, but of mode 0500; run `chmod u+rwX` on that", readable=True),
    "one's own, its log read-only": Kept(own_with_a_read_only_log, "of mode 0400; run `chmod u+rwX`", readable=True),
    "a read-only mount": Kept(on_a_read_only_mount, "cannot be written: its file system is read-only; choose another", readable=True),
    "a full disk": Kept(on_a_disk_with(0), "its disk is full: free some space", readable=False),
}  # fmt: skip


def mount(*args: str | Path) -> None:
    done = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def ll() -> Iterator[Layerlog]:
    """A store whose cache is gone, of root, in a folder that everybody may enter."""
    if os.geteuid():
        lacking("only root can give files to others")
    with tempfile.TemporaryDirectory(prefix="layerlog-kept-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "in").mkdir(mode=0o755)
        found = with_base(Path(folder) / "in/store")
        found("write", "--text", "x", "web:/srv/x")
        shutil.rmtree(f"{found.store}/cache")
        (Path(folder) / "out").mkdir()
        os.chown(f"{folder}/out", STRANGER, STRANGER)
        yield found
        while subprocess.run(["umount", found.store], capture_output=True, check=False).returncode == 0:
            pass


@pytest.fixture
def stranger(ll: Layerlog, public: Path) -> Runner:
    become = [peer("setpriv"), f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--"]
    environment = clean({"PYTHONPATH": str(public), "HOME": "/nonexistent", "PYTHONWARNINGS": "ignore"})
    return Runner("stranger", [*become, "/usr/bin/python3", "-c", PROGRAM], ll.store, environment)


def ran(who: Runner, line: list[str]) -> subprocess.CompletedProcess[bytes]:
    out = str(Path(who.store).parents[1] / "out")
    argv = who.argv(*(word.replace("OUT", out) for word in line))
    return subprocess.run(argv, stdin=subprocess.DEVNULL, env=who.environment, capture_output=True, check=False, cwd="/")


def refused(who: Runner, line: list[str], said: str) -> str:
    """Return the one line that says *said*; nothing may have been written elsewhere."""
    done = ran(who, line)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout, told.count("\n")) == (1, b"", 1), (line, done)
    assert told.startswith(f"layerlog: the store {who.store} "), (line, told)
    assert said in told, line
    assert not os.listdir(Path(who.store).parents[1] / "out"), line
    return told


@pytest.mark.parametrize("kind", ALL)
def test_what_can_be_done_is_and_all_else_says_why_not(ll: Layerlog, stranger: Runner, kind: str) -> None:
    kept = ALL[kind]
    recorded = ll.raw("save", "-q", "base:1")
    kept.keep(Path(ll.store))
    for line in READ:
        if not kept.readable:
            refused(stranger, line, kept.said)
            continue
        done = ran(stranger, line)
        assert done.returncode == 0, (line, done.stderr)
        if "save" in line:
            assert done.stdout == recorded, "the same bytes"
            assert done.stderr == b"layerlog: saved, and not recorded: the log does not say that it left\n"
    for line in WRITE:
        refused(stranger, line, kept.said)
    for line in SAVES:
        assert ("`save --no-record`" in refused(stranger, line, kept.said)) == kept.readable


def test_a_disk_too_full_to_record_anything_refuses_before_it_saves(ll: Layerlog, stranger: Runner) -> None:
    recorded = ll.raw("save", "-q", "base:1")
    on_a_disk_with(LITTLE)(Path(ll.store))
    for line in SAVES:
        assert "`save --no-record` saves all the same" in refused(stranger, line, "cannot be written: its disk is full; free some space")
    assert ran(stranger, ["save", "-q", "--no-record", "base:1"]).stdout == recorded


def test_a_save_that_is_not_recorded_is_not(ll: Layerlog) -> None:
    """Where it could be, too; the next one that is recorded is the first in the log."""
    before = ll.head()
    assert ll.run("save", "-q", "--no-record", "base:1").exit_code == 0
    assert ll.head() == before
    ll.raw("save", "-q", "base:1")
    assert ll.head() > before
