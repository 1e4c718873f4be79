"""A disk that runs full before a program begins, while it runs, and when it is to be recorded: one line, nothing half recorded."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sandbox.running import Runner
from tests.faults.test_full_disk import fill
from tests.peers import lacking

KIB = 1024
SIZE = 24 << 20


@pytest.fixture
def small(ll: Runner, tmp_path: Path) -> Iterator[Runner]:
    """As `ll`, with its store on a filesystem of 24 MiB of its own."""
    if os.geteuid():
        lacking("root alone mounts a filesystem that others see")
    disk = tmp_path / "disk" if ll.who == "root" else Path(ll.store).with_name("disk")
    disk.mkdir()
    user = pwd.getpwnam(ll.who)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700,uid={user.pw_uid},gid={user.pw_gid}", "tmpfs", disk], check=True)
    try:
        subprocess.run(["cp", "-a", ll.store, disk / "store"], check=True)
        yield ll._replace(store=str(disk / "store"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def require_clear(done: subprocess.CompletedProcess[str]) -> None:
    said = [line for line in done.stderr.splitlines() if line.startswith("layerlog: ")]
    assert done.returncode in (1, 125), done
    assert len(said) == 1, done.stderr
    assert "space" in said[0] or "full" in said[0], said
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--rm",)], ids=["kept", "removed"])
def test_without_room_to_begin_nothing_is_left(small: Runner, more: tuple[str, ...]) -> None:
    small("run", "--rm", "base:1", "true")  # the lower directories are there
    refused, rooms = 0, [0, *(4 * KIB << n for n in range(10))]
    for room in rooms:
        ballast = fill(Path(small.store).parent, room)
        done = small.run("run", *more, "base:1", "sh", "-c", "echo x > /srv/new")
        ballast.unlink()
        if done.returncode:
            refused += 1
            require_clear(done)
        assert not left_running(small)
        assert "sound" in small("verify")
    assert 0 < refused < len(rooms)
    assert small("run", "--rm", "base:1", "cat", "/srv/page")


def test_what_fills_the_disk_itself_is_recorded_once_there_is_room(small: Runner) -> None:
    ballast = fill(Path(small.store).parent, 6 << 20)
    done = small.run("run", "--rm", "--name", "web", "base:1", "sh", "-c", "dd if=/dev/urandom of=/srv/big bs=64k; wc -c < /srv/big")
    assert "No space left" in done.stderr, "the program is told"
    assert int(done.stdout) > 1 << 20
    require_clear(done)
    events = small("events")
    assert "FileWritten" not in events.rpartition("ContainerCreated")[2]
    assert [row["process"] for row in small.json("ps", "-a")] == ["unrecorded"]
    ballast.unlink()
    small("recover", "web")
    [entry] = small.json("stat", "web:/srv/big")
    assert entry["size"] == int(done.stdout)
    assert [row["detail"]["exit"] for row in small.json("events") if row["event"] == "ProcessExited"] in ([0], [None])
    assert "sound" in small("verify")
    assert not left_running(small)


def left_running(ll: Runner) -> list[str]:
    folder = Path(ll.store, "running")
    return os.listdir(folder) if folder.exists() else []
