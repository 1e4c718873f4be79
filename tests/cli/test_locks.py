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


HOLDING = {
    "flock": "import fcntl; held = open(sys.argv[1] + '/lock', 'r+b'); fcntl.flock(held, fcntl.LOCK_EX)",
    "layout": "import fcntl; held = os.open(sys.argv[1] + '/../layout', os.O_RDONLY); fcntl.flock(held, fcntl.LOCK_EX)",
    "write": "held = sqlite3.connect(sys.argv[1] + '/log.db', isolation_level=None); held.execute('BEGIN IMMEDIATE')",
    "alone": "held = sqlite3.connect(sys.argv[1] + '/log.db', isolation_level=None); "
    "held.execute('PRAGMA journal_mode = DELETE'); held.execute('BEGIN EXCLUSIVE')",
}
"""How another program may lock a store, or what is written beside it."""


@contextmanager
def locked_by_another(store: str, how: str) -> Iterator[subprocess.Popen[bytes]]:
    program = f"import os, sqlite3, sys; {HOLDING[how]}; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder


def begun(ll: Layerlog, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=clean({}), stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize(
    ("how", "command", "what"),
    [
        ("flock", ["write", "--text", "x", "web:/f"], "the store's lock"),
        ("flock", ["gc"], "the store's lock"),
        ("flock", ["verify", "--quick"], "the store's lock"),
        ("flock", ["backup", "{tmp}/copy"], "the store's lock"),
        ("layout", ["save", "--format", "oci-dir", "-o", "{tmp}/layout", "base:1"], "the layout {tmp}/layout"),
        ("write", ["tag", "base:1", "other:1"], "the store's log"),
        ("alone", ["ps"], "the store's log, whose journal_mode is no longer WAL (`layerlog repair` sets it)"),
        ("alone", ["mkdir", "web:/d"], "the store's log, whose journal_mode is no longer WAL (`layerlog repair` sets it)"),
    ],
)
def test_who_waits_says_for_what_and_for_whom(tmp_path: Path, how: str, command: list[str], what: str) -> None:
    ll = with_base(tmp_path / "mine")
    ll("save", "--format", "oci-dir", "-o", str(tmp_path / "layout"), "base:1")
    with locked_by_another(ll.store, how) as holder:
        waiting = begun(ll, *(word.format(tmp=tmp_path) for word in command))
        assert waiting.stderr is not None
        said = waiting.stderr.readline().decode()
        holder.communicate()
        waiting.communicate()
    expected = f"layerlog: waiting for {what.format(tmp=tmp_path)}, held by pid {holder.pid} ({sys.executable} -c "
    assert said.startswith(expected), said
    assert said.endswith("; it goes on when that ends, ^C gives up\n")
    assert waiting.returncode == 0


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["write", "web:/f"], "web:/f"), (["write", "--append", "web:/etc/motd"], "web:/etc/motd"),
        (["cp", "-", "web:/srv"], "web:/srv/f"), (["import", "-", "made:1"], "made:1:/f"), (["load"], ""),
    ],
)  # fmt: skip
def test_who_waits_for_its_input_holds_no_lock(tmp_path: Path, command: list[str], path: str) -> None:
    ll = with_base(tmp_path / "store")
    data = b"some text\n" * 300_000
    (tmp_path / "f").write_bytes(data)
    if command[0] in ("cp", "import"):
        sent = subprocess.run(["tar", "c", "-C", tmp_path, "f"], capture_output=True, check=True).stdout
    else:
        sent = ll.raw("save", "base:1") if command == ["load"] else data
    with begun(ll, *command) as reading:
        assert reading.stdin is not None
        reading.stdin.write(sent[: len(sent) // 2])
        reading.stdin.flush()
        assert "freeing" in asked(ll, ["gc"], tmp_path).stdout.decode()
        said = reading.communicate(sent[len(sent) // 2 :])
    assert reading.returncode == 0, said
    assert not path or ll.raw("cat", path).endswith(data)
    assert ll("verify").endswith("all of it is sound\n")


@pytest.mark.parametrize("what", ["directory", pytest.param("mode", marks=pytest.mark.skipif(not os.geteuid(), reason="root reads all"))])
def test_a_wal_that_cannot_be_read_is_named(tmp_path: Path, what: str) -> None:
    ll = with_base(tmp_path / "store")
    wal = os.path.join(ll.store, "log.db-wal")
    with closing(sqlite3.connect(os.path.join(ll.store, "log.db"))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if what == "directory":
        os.mkdir(wal)
    else:
        os.close(os.open(wal, os.O_CREAT, 0o000))
    state = "it is no file" if what == "directory" else f"uid {os.geteuid()}'s, mode 0000"
    assert f"; log.db-wal cannot be read and written ({state}): put that right" in ll.run("ps").stderr
    (os.rmdir if what == "directory" else os.unlink)(wal)
    assert ll("verify").endswith("all of it is sound\n")


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist"])
def test_a_log_out_of_its_journal_mode_is_named_and_mended(tmp_path: Path, mode: str) -> None:
    ll = with_base(tmp_path / "store")
    with closing(sqlite3.connect(os.path.join(ll.store, "log.db"))) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
    assert "log.db: is a log, whose journal_mode is no longer WAL" in ll.run("verify", "--quick").stdout
    ll("write", "--text", "goes on", "web:/f")
    assert "made anew: log.db's WAL\n" in ll("repair")
    assert ll("verify").endswith("all of it is sound\n")
    assert ll("cat", "web:/f") == "goes on"


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
    assert len(asked) <= 44, "\n".join(asked)
    assert sum(statement.startswith("BEGIN") for statement in asked) == 1
