"""What images, processes and stores of somebody who means harm try, and where it ends."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from cli.sandbox import runtime
from cli.sandbox.observe import Seen, UpperScan
from eventstore.disk.held import remove
from tests.cli.sandbox.running import Runner
from tests.cli.sandbox.test_run import until_printed

HUGE = "9" * 5000


@pytest.mark.parametrize(("user", "says"), [
    ("²", "user '²'"), ("0:²", "group '²'"), (HUGE, "no such name"), ("-1", "no such name"), ("4294967296", "no such name"),
    ("2147483648", "no such name"), ("neg", "no such name"), ("big", "no such name"), ("odd", "no such name"), ("many", "over 4096"),
])  # fmt: skip
def test_ids_that_are_none(ll: Runner, user: str, says: str) -> None:
    passwd = f"neg:x:-5:1::/:/bin/sh\nbig:x:{HUGE}:1::/:/bin/sh\nodd:x:²:³::/:/bin/sh\nmany:x:5:5::/:/bin/sh\n"
    ll("create", "--name", "web", "base:1")
    ll("write", "web:/etc/passwd", stdin=passwd)
    ll("write", "web:/etc/group", stdin="".join(f"g{number}:x:{number}:many\n" for number in range(6000)))
    done = ll.run("run", "-u", user, "web", "true", code=125)
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("args", [
    ("-v", "/tmp:/"), ("-v", "/tmp:/srv/.."), ("--tmpfs", "//"), ("--hostname", "a\nb"), ("--hostname", "a" * 65),
    ("-w", "/" + "x" * 256), ("-w", "/x" * 3000), ("-w", "/proc/self/fd/7"), ("-w", "/proc/../proc/1"), ("--tmpfs", "/" + "x" * 256),
])  # fmt: skip
def test_what_cannot_be_is_one_line(ll: Runner, args: tuple[str, ...]) -> None:
    done = ll.run("run", "--name", "web", *args, "base:1", "true", code=125)
    assert done.stderr.startswith("layerlog: ")
    assert len(done.stderr.splitlines()) == 1
    assert "bug" not in done.stderr
    assert not os.path.isdir(f"{ll.store}/running") or os.listdir(f"{ll.store}/running") == []


def test_a_path_that_no_log_can_hold_keeps_nothing_else_from_it(ll: Runner) -> None:
    """Deeper than paths, open files and calls may be; what is there beside it is recorded, and it can be removed."""
    script = "echo a > /srv/a; n=0; while test $n -lt 25; do mkdir -p $d && cd $d; n=$((n+1)); done; echo x > leaf; rm /srv/page"
    done = ll.run("run", "--name", "web", "-e", f"d={'d/' * 120}", "-w", "/srv", "base:1", "sh", "-c", script, code=1)
    assert "no layer can hold" in done.stderr
    assert sorted(ll("ls", "web:/srv").split()) == ["a", "d"]
    ll("rm", "web")
    assert os.listdir(f"{ll.store}/running") == []


def test_a_deep_tree_is_removed(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for name in ["top", *["d"] * 3000]:
        os.mkdir(name, dir_fd=at)
        os.mkdir("beside", 0, dir_fd=at) if name == "d" else None
        above, at = at, os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.symlink("/", "out", dir_fd=at)
    os.close(at)
    remove(str(tmp_path / "top"))
    assert os.listdir(tmp_path) == []


def test_a_file_that_grows_and_devices_in_its_place_do_not_hold_a_pass_up(ll: Runner) -> None:
    script = (
        "(while :; do echo grows; done) >> /srv/log & if mknod /srv/z c 1 5; then"
        " while :; do cp /srv/page /srv/p; mv /srv/p /srv/f; ln /srv/z /srv/y; mv /srv/y /srv/f; done & fi; echo ready; wait"
    )
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", script)
    try:
        until_printed(process, "ready")
        for number in range(3):
            ll("commit", "web", f"c:{number}")
        assert ll("cat", "c:2:/srv/log").startswith("grows\n")
    finally:
        process.kill()
        process.communicate()


class _Meanwhile:
    """Keeps nothing, and does something to the folder whenever bytes come."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        self.act()
        return bytes(32)

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        for number, _ in enumerate(chunks):
            assert number < 100
            self.act()
        return bytes(32)


def _nothing_seen() -> Seen:
    return Seen("/nowhere", lambda _: False)


def test_a_file_that_grows_faster_than_it_is_read_has_an_end(tmp_path: Path) -> None:
    def grow() -> None:
        with (tmp_path / "log").open("ab") as file:
            file.truncate(file.tell() + (2 << 20))

    grow()
    scan = UpperScan(str(tmp_path), _Meanwhile(grow), _nothing_seen(), is_last=False)
    assert [change.path for change in scan] == [b"", b"log"]
    assert scan.unstable == [b"log"]


def test_what_took_a_files_place_is_not_opened(tmp_path: Path) -> None:
    """Opening a device can do things: start a watchdog, rewind a tape."""

    def replace() -> None:
        if not (tmp_path / "b").is_fifo():
            (tmp_path / "b").unlink()
            os.mkfifo(tmp_path / "b")

    for name in "abc":
        (tmp_path / name).write_text(name)
    scan = UpperScan(str(tmp_path), _Meanwhile(replace), _nothing_seen(), is_last=False)
    assert [change.path for change in scan] == [b"", b"a", b"c"]
    assert (scan.skipped["vanished"], scan.unstable) == (1, [])


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": "x"}', "[" * 100_000])
def test_a_damaged_note_of_what_was_seen_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "seen").write_text(text)
    assert Seen(str(tmp_path / "seen"), lambda _: True).content(os.stat(tmp_path)) is None


@pytest.mark.parametrize("stated", [
    {"runtime": "/evil"}, {"container": "../../victim"}, {"id": "../../victim"}, {"first": "1"}, {"moves": [["a"]]}, {"command": [1]},
    {"version": None}, {"more": 1}, {"upper": "/etc"}, None,
])  # fmt: skip
def test_what_a_store_of_somebody_else_says_of_a_visit_is_not_obeyed(ll: Runner, stated: dict[str, object] | None) -> None:
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo new > /srv/page; echo ready; sleep 60")
    until_printed(process, "ready")
    process.kill()
    process.communicate()
    with tempfile.TemporaryDirectory(prefix="layerlog-") as folder:
        Path(folder).chmod(0o777)
        evil = Path(folder, "evil")
        evil.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
        evil.chmod(0o755)
        [running] = Path(ll.store, "running").iterdir()
        state = running / "state.json"
        told = json.loads(state.read_text())
        if stated and "upper" in stated:
            (running / "upper").rename(running / "elsewhere")
            (running / "upper").symlink_to("/etc")
            stated = {"started": told["started"]}
        for name, value in (stated or {}).items():
            told[name] = str(evil) if value == "/evil" else value
        with state.open("w") as file:
            file.write(json.dumps(told) if stated else "[" * 100_000)
        done = ll.run("recover", "web")
        assert not Path(folder, "ran").exists()
    if stated == {"runtime": "/evil"}:
        assert (done.returncode, ll("cat", "web:/srv/page")) == (0, "new\n")
    else:
        assert (done.returncode, "is damaged" in done.stderr) == (1, True), done
        assert (running / "upper" / "srv" / "page").exists() or (running / "elsewhere" / "srv" / "page").exists()
        assert "threw away" in ll.run("recover", "--discard", "web", code=0).stderr
        assert "nothing unrecorded" in ll.run("recover", "--discard", "web", code=0).stderr
        assert (ll("cat", "web:/srv/page"), ll("run", "web", "cat", "/srv/page"), os.listdir(running.parent)) == ("one\n", "one\n", [])


def test_what_is_mounted_below_sys_is_read_only(ll: Runner) -> None:
    """Control groups and connections of FUSE may be the user's own."""
    rows = [line.split() for line in ll("run", "--rm", "base:1", "cat", "/proc/self/mountinfo").splitlines()]
    assert [row for row in rows if row[4].startswith("/sys") and "ro" not in row[5].split(",")] == []


def test_what_a_process_changed_is_kept_whatever_the_runtime_says_then(ll: Runner) -> None:
    with tempfile.TemporaryDirectory(prefix="layerlog-") as folder:
        Path(folder).chmod(0o755)
        script = Path(folder, "odd")
        complaint = '{"level":"error","msg":"cannot remove the control group"}'
        script.write_text(f"#!/bin/sh\n{runtime.find('runc')} \"$@\"\necho '{complaint}' >> $4\nexit 1\n")
        script.chmod(0o755)
        ll.run("run", "--runtime", str(script), "--name", "web", "base:1", "sh", "-c", "echo new > /srv/page", code=125)
    assert ll("cat", "web:/srv/page") == "new\n"
    assert os.listdir(f"{ll.store}/running") == []


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_what_is_mounted_on_is_no_symlink_that_leads_to_the_host(ll: Runner, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="layerlog-") as victim:
        Path(victim).chmod(0o777)
        Path(victim, "ptmx").write_text("the host's")
        ll("create", "--name", "web", "base:1")
        ll("link", "-s", victim, f"web:/{name}")
        done = ll.run("run", "web", "true", code=125)
        assert os.listdir(victim) == ["ptmx"]
    assert f"/{name} is a symbolic link in the container" in done.stderr
    ll("delete", f"web:/{name}")
    ll("run", "web", "true")
