"""The host is never touched but where the user says: what goes out follows no symlink, and the store is its user's alone."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import clean
from tests.faults import totals
from tests.faults.commands import Commands
from tests.hostile.making import NAME, docker_archive
from tests.hostile.refusals import check_refused
from tests.projections.tar_blocks import END, block, entry

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
STRANGER = 54321


@pytest.fixture
def web(commands: Commands, tmp_path: Path) -> Path:
    """A store whose container web has /d/sub/f, /f and /s, a symlink to /etc/passwd."""
    store = tmp_path / "store"
    commands.ok(store, ["create", "--name", "web", "scratch"], ["write", "-p", "--text", "in", "web:/d/sub/f"])
    commands.ok(store, ["write", "--text", "in", "web:/f"], ["link", "-s", "/etc/passwd", "web:/s"])
    return store


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("untouched")
    return folder


def untouched(outside: Path) -> bool:
    return os.listdir(outside) == ["secret"] and (outside / "secret").read_text() == "untouched"


# -- what goes out


def test_cp_out_replaces_a_symlink_or_refuses_it(web: Path, outside: Path, commands: Commands, tmp_path: Path) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (to / "f").symlink_to(outside / "secret")
    commands.run(web, ["cp", "web:/f", f"{to}/"])
    assert untouched(outside)
    totals.count("hostile cases handled", 1, 1)


def test_cp_out_does_not_pass_through_a_symlink(web: Path, outside: Path, commands: Commands, tmp_path: Path) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (to / "sub").symlink_to(outside)
    done = commands.run(web, ["cp", "web:/d/.", str(to)])
    assert untouched(outside)
    assert done.status == 1 or not (to / "sub").is_symlink()
    totals.count("hostile cases handled", 1, 1)


def test_a_symlink_leads_within_its_view_alone(web: Path, commands: Commands, tmp_path: Path) -> None:
    for argv in (["cat", "web:/s"], ["cp", "-L", "web:/s", str(tmp_path / "passwd")]):
        check_refused(commands.run(web, argv), "no such path")
    assert not (tmp_path / "passwd").exists()
    totals.count("hostile cases handled", 1, 1)


def test_a_checkout_of_symlinks_stays_inside(commands: Commands, outside: Path, tmp_path: Path) -> None:
    """An upper layer puts a file below what is a symlink in the lower one: a directory takes the symlink's place."""
    lower = block(b"d", b"2", link=bytes(outside)) + block(b"up", b"2", link=b"../../../..") + END
    upper = entry(b"d/new", b"x") + entry(b"up/etc/new", b"x") + END
    (tmp_path / "image.tar").write_bytes(docker_archive(lower, upper))
    commands.run(tmp_path / "store", ["load", "-i", str(tmp_path / "image.tar")], ["checkout", NAME, str(tmp_path / "out")])
    assert untouched(outside)
    assert not os.path.lexists("/etc/new")
    totals.count("hostile cases handled", 1, 1)


RACER = """
import os, sys
to, outside = sys.argv[1:]
while True:
    for make in (lambda: os.symlink(outside, to + "/sub"), lambda: os.mkdir(to + "/sub")):
        try:
            make()
        except OSError:
            pass
        try:
            os.unlink(to + "/sub")
        except OSError:
            pass
        try:
            os.rename(to + "/sub", to + "/was")
            os.rmdir(to + "/was")
        except OSError:
            pass
"""


@pytest.mark.parametrize("rounds", [10, pytest.param(500, marks=pytest.mark.slow)])
def test_a_racing_process_leads_no_copy_outside(
    web: Path, outside: Path, commands: Commands, tmp_path: Path, rounds: int
) -> None:
    to = tmp_path / "to"
    to.mkdir()
    with subprocess.Popen([sys.executable, "-c", RACER, str(to), str(outside)], env=clean({})) as racer:
        try:
            for _ in range(rounds):
                commands.run(web, ["cp", "web:/d/.", str(to)])
                assert untouched(outside)
        finally:
            racer.send_signal(signal.SIGKILL)
    totals.count("hostile cases handled", 1, 1)


# -- the store itself


def test_the_store_is_its_users_alone(commands: Commands, tmp_path: Path) -> None:
    store = tmp_path / "store"
    old = os.umask(0)
    try:
        own = Commands(tmp_path / "own")
    finally:
        os.umask(old)
    (tmp_path / "image.tar").write_bytes(docker_archive(entry(b"f", b"x") + END))
    own.ok(store, ["load", "-i", str(tmp_path / "image.tar")], ["create", "--name", "web", NAME], ["save", "-o", "/dev/null", NAME])
    own.ok(store, ["write", "--text", "x", "web:/f"], ["commit", "web", "a:1"], ["save", "-o", str(tmp_path / "x.tar"), "a:1"])
    own.close()
    for folder, _, files in os.walk(store):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
        for name in files:
            assert not stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) & 0o077, name


SYMLINKS: dict[str, Callable[[Path, Path], None]] = {
    "lock": lambda store, to: (store / "lock").symlink_to(to / "secret"),
    "log.db": lambda store, to: (store / "log.db").symlink_to(to / "secret"),
    "log.db-wal": lambda store, to: (store / "log.db-wal").symlink_to(to / "secret"),
    "content": lambda store, to: (store / "content").symlink_to(to),
    "content/segments": lambda store, to: (store / "content/segments").symlink_to(to),
    "content/segments/000001": lambda store, to: (store / "content/segments/000001").symlink_to(to / "secret"),
    "cache": lambda store, to: (store / "cache").symlink_to(to),
}


@pytest.mark.damages
@pytest.mark.parametrize("part", SYMLINKS)
def test_a_store_with_a_symlink_in_it_is_not_written(web: Path, outside: Path, commands: Commands, part: str) -> None:
    victim = web / part
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink(missing_ok=True)
    SYMLINKS[part](web, outside)
    check_refused(commands.run(web, ["write", "--text", "other", "web:/f"]), "symlink|symbolic link")
    assert untouched(outside)
    totals.count("hostile cases handled", 1, 1)


@AS_ROOT
def test_another_users_symlink_is_not_taken_for_the_store(web: Path, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(web)
    commands.ok(tmp_path / "link", ["ps"])
    os.lchown(tmp_path / "link", STRANGER, STRANGER)
    check_refused(commands.run(tmp_path / "link", ["ps"]), f"is a symlink of uid {STRANGER}")
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.damages
@AS_ROOT
def test_another_users_folder_is_not_written(web: Path, commands: Commands) -> None:
    os.chown(web, STRANGER, STRANGER)
    check_refused(commands.run(web, ["ps"]), f"belongs to uid {STRANGER}")
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.damages
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_refused(web: Path, commands: Commands, mode: int) -> None:
    web.chmod(mode)
    check_refused(commands.run(web, ["ps"]), "others may write in the store .*chmod 700")
    totals.count("hostile cases handled", 1, 1)


def test_an_empty_folder_becomes_its_users_alone(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o755)
    commands.ok(tmp_path / "store", ["create", "--name", "web", "scratch"])
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_secrets_are_in_no_event_and_no_log(web: Path, commands: Commands, tmp_path: Path) -> None:
    """A value that a config is given is part of the image; the command line that gave it is kept without it."""
    lines = (
        ["config", "web", "-e", "TOKEN=s3cret-one"], ["commit", "-c", "ENV PASSWORD=s3cret-two", "web", "a:1"],
        ["write", "--text", "s3cret-three", "web:/f"], ["load", "-i", "https://user:s3cret-four@example.org/x"],
    )  # fmt: skip
    said = ""
    for line in lines:
        for options in (["-vv"], ["-vv", "--log-format", "json"]):
            done = commands.run(web, {"call": "tests.hostile.test_host:with_options", "args": [[*options, "--store", str(web), *line]]})
            said += done.err
    assert "s3cret" not in said.replace("user:s3cret-four@example.org/x: no such file", "")
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(web / "log.db")) as db:
        bodies = " ".join(row[0] for row in db.execute("SELECT body FROM context"))
    assert "s3cret" not in bodies
    assert "TOKEN" in bodies


def with_options(argv: list[str]) -> int:
    from cli import command_line

    return command_line.run(command_line.cli, argv)
