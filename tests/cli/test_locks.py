"""Who only reads, and who is refused, waits for nobody; what a write asks of the log is counted."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.invoking import Layerlog, with_base, write_and_commit
from tests.cli.running import ROOT, clean
from tests.golden.test_golden import unpacked

HELD = """
import fcntl, sqlite3, sys
lock = open(sys.argv[1] + "/lock", "r+b")
fcntl.flock(lock, fcntl.LOCK_EX)
db = sqlite3.connect(sys.argv[1] + "/log.db", isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
SOON = 20
"""Seconds: well below the minute that SQLite waits for a lock, and above what a slow machine needs to answer."""

READING = [
    ["images"], ["images", "-a", "--digests"], ["inspect", "base:1", "web"], ["history", "base:1"], ["ps", "-a"],
    ["ps", "--filter", "status=unsealed"], ["status", "web"], ["config", "web", "--show"], ["config", "web"],
    ["ls", "-l", "web"], ["cat", "web:/etc/motd"], ["stat", "web:/etc/motd"], ["cp", "web:/etc/motd", "-"], ["diff", "web"],
    ["diff", "-p", "base:1", "web"], ["diff", "--stat", "base:1", "web"], ["export", "web", "-o", "{tmp}/out.tar"],
    ["checkout", "web", "{tmp}/out"], ["cp", "web:/etc/motd", "{tmp}/motd"], ["log", "web"], ["log", "-p", "web"],
    ["show", "app:1"], ["blame", "web:/etc/motd"], ["audit"], ["events"], ["find", "--path", "/etc/motd"], ["df"],
    ["gc", "--dry-run"], ["gc", "--originals", "--dry-run"], ["prune", "--dry-run"], ["checkpoint"],
    ["erase", "--path", "web:/f", "--reason", "why", "--dry-run"], ["commit", "--dry-run", "web"],
    ["commit", "--dry-run", "--guard", "secrets", "web"],
]  # fmt: skip
REFUSED = [
    ["tag", "nosuch", "x"], ["tag", "base:1", "Wrong"], ["rmi", "nosuch"], ["rmi", "base:1"], ["save", "nosuch"],
    ["load", "-i", "/nonexistent"], ["import", "/nonexistent"], ["create", "nosuch"], ["create", "--name", "web", "base:1"],
    ["create", "--name", "/", "base:1"], ["fork", "web@99"], ["rename", "nosuch", "x"], ["rename", "web", "web"], ["rm", "nosuch"],
    ["commit", "nosuch"], ["commit", "clean"], ["commit", "web", "Wrong"],
    ["commit", "--guard", "message", "web"], ["sign", "nosuch"], ["config", "nosuch", "--cmd", "sh"],
    ["config", "web", "--env", "nonsense"], ["cp", "/nonexistent", "web:/"], ["cp", "/etc/hostname", "nosuch:/"],
    ["cp", "/etc/hostname", "web:/no/such/"], ["cp", "web:/nosuch", "web:/x"], ["write", "--text", "x", "nosuch:/f"],
    ["write", "--text", "x", "web:/etc"], ["write", "--text", "x", "web:/no/such"], ["write", "--append", "--text", "x", "web:/etc"],
    ["write", "--text", "x", "web:/.wh.x"], ["delete", "web:/nosuch"], ["delete", "web:/etc"], ["delete", "web:/"],
    ["move", "web:/nosuch", "web:/x"], ["move", "web:/etc", "web:/etc/x"], ["move", "web:/etc/motd", "web:/no/such"],
    ["mkdir", "web:/etc"], ["mkdir", "web:/no/such"], ["link", "web:/nosuch", "web:/x"], ["link", "web:/etc", "web:/x"],
    ["link", "-s", "x", "web:/no/such"], ["chmod", "0644", "web:/nosuch"], ["chown", "nobody-known", "web:/etc"],
    ["undo", "nosuch"], ["undo", "web", "99"], ["revert", "nosuch"], ["restore", "web@99:/etc"], ["restore", "web:/nosuch"],
    ["undelete", "nosuch"], ["undelete", "gone"], ["prune", "--contents-before", "nonsense"],
    ["erase", "--let-return", "--path", "web:/f", "--reason", "x"], ["erase", "--path", "web:/nosuch", "--reason", "x"],
    ["repair", "--from", "/nonexistent"], ["bisect", "start", "nosuch"],
]  # fmt: skip

OLD = [
    ["ps"], ["ls", "{web}"], ["gc", "--dry-run"], ["prune", "--dry-run"], ["commit", "--dry-run", "--allow-empty", "{web}"],
    ["rm", "nosuch"], ["tag", "nosuch", "x"], ["delete", "{web}:/nosuch"], ["import", "/nonexistent"], ["undelete", "nosuch"],
    ["save", "nosuch"], ["write", "--text", "x", "{web}:/no/such"],
]  # fmt: skip


@contextmanager
def held(store: str) -> Iterator[None]:
    """Let another process lock the store in every way there is."""
    with subprocess.Popen([sys.executable, "-c", HELD, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layerlog]:
    ll = with_base(tmp_path_factory.mktemp("locked") / "store")
    ll("create", "--name", "gone", "base:1")
    ll("rm", "gone")
    ll("create", "--name", "gone", "base:1")
    ll("create", "--name", "clean", "base:1")
    write_and_commit(ll, "one\n", "web", "app:1")
    ll("write", "--text", "two\n", "web:/f")
    with held(ll.store):
        yield ll


def test_the_store_is_locked(locked: Layerlog) -> None:
    with open(os.path.join(locked.store, "lock"), "r+b") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    with closing(sqlite3.connect(os.path.join(locked.store, "log.db"), timeout=0)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("BEGIN IMMEDIATE")


def asked(ll: Layerlog, args: list[str], tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    """Run in a process of its own, which is killed where it waits."""
    command = [arg.format(tmp=tmp_path) for arg in args]
    program = "from cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "--store", ll.store, *command], cwd=ROOT, env=clean({}), stdin=subprocess.DEVNULL,
        capture_output=True, timeout=SOON, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_who_reads_needs_no_lock(locked: Layerlog, tmp_path: Path, args: list[str]) -> None:
    done = asked(locked, args, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_who_is_refused_needs_no_lock(locked: Layerlog, tmp_path: Path, args: list[str]) -> None:
    done = asked(locked, args, tmp_path)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert done.stderr.startswith(b"layerlog: ")


def test_an_old_store_is_read_and_refuses_as_it_is(tmp_path: Path) -> None:
    ll = Layerlog(unpacked("schema-1", tmp_path))
    web = ll("ps", "-q").split()[0]
    with held(ll.store):
        for args in OLD:
            asked(ll, [arg.replace("{web}", web) for arg in args], tmp_path)
    with closing(sqlite3.connect(os.path.join(ll.store, "log.db"))) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_saving_holds_off_collections_and_nobody_else(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    ll("write", "web:/large", stdin=os.urandom(1 << 20))
    ll("commit", "web", "app:1")
    program = "from cli.main import main; main()"
    command = [sys.executable, "-c", program, "--store", ll.store, "save", "app:1"]
    with subprocess.Popen(command, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        begun = saving.stdout.read(1)
        with open(os.path.join(ll.store, "lock"), "r+b") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ll("write", "--text", "meanwhile", "web:/f")
        saved = begun + saving.stdout.read()
    assert saving.returncode == 0
    (tmp_path / "app.tar").write_bytes(saved)
    assert "app:1" in ll("load", "-i", str(tmp_path / "app.tar"))


@pytest.mark.parametrize("path", ["/etc/motd", "/etc/new"])
def test_a_write_asks_the_log_few_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """What is known is not asked again; PRAGMAs, which set the connection up, ask the log nothing."""
    ll = with_base(tmp_path / "store")
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*args: Any, **how: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **how)
        db.set_trace_callback(statements.append)
        return db

    monkeypatch.setattr(sqlite3, "connect", traced)
    ll("write", "--text", "one", f"web:{path}")
    asked = [statement for statement in statements if not statement.startswith("PRAGMA")]
    assert len(asked) <= 40, "\n".join(asked)
    assert sum(statement.startswith("BEGIN") for statement in asked) == 1
