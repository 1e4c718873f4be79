"""run, exec and recover with a real runtime, as root and as an ordinary user."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import tarfile
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cli.distribution import archive
from tests import images
from tests.cli.sandbox.running import Runner, base_tar

PATIENCE = 30
SECRET = "ghp_" + "0123456789abcdefABCDEFghijklmnopQRST"[:36]


def until_printed(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"it ended before it printed {text!r}: {process.stderr.read() if process.stderr else ''}")


def state(ll: Runner, name: str) -> str:
    [found] = [row for row in ll.json("ps", "-a") if row["name"] == name]
    return str(found["process"])


def test_every_change_is_an_event_of_the_process(ll: Runner) -> None:
    script = "echo new > /srv/new; rm /srv/page; mkdir -p /opt/deep; ln /srv/new /opt/link; mv /data /data2; chown 33:44 /srv/new; exit 3"
    assert ll.run("run", "--name", "web", "base:1", "sh", "-c", script).returncode == 3
    assert ll("cat", "web:/opt/link") == "new\n"
    assert ll("ls", "web:/srv").split() == ["new"]
    assert ll("ls", "web:/data2").split() == ["f"]
    assert ll.run("ls", "web:/data").returncode == 1
    [entry] = ll.json("stat", "web:/srv/new")
    assert (entry["uid"], entry["gid"]) == (33, 44)
    assert "(observed)" in ll("blame", "web:/srv/new")
    [exited] = [row["detail"] for row in ll.json("events") if row["event"] == "ProcessExited"]
    assert (exited["exit"], exited["program"], exited["user"]) == (3, "sh", "0:0")
    assert exited["command"][1:] == ["--store", ll.store, "run", "--name", "web", "base:1", "sh", "-c", script]
    assert not os.path.exists(f"{ll.store}/running") or os.listdir(f"{ll.store}/running") == []


def test_nothing_changed_is_nothing_recorded(ll: Runner) -> None:
    ll("run", "--name", "web", "-v", "/etc/hostname:/mnt/deep/name", "--tmpfs", "/scratch", "-w", "/work/here", "base:1",
       "sh", "-c", "cat /mnt/deep/name /etc/hosts /srv/page; echo x > /scratch/x; pwd")  # fmt: skip
    assert "Nothing to commit" in ll("status", "web")
    assert [row["event"] for row in ll.json("events")][-1] == "ProcessExited"


def test_what_runs_and_as_whom_is_settled_by_dockers_rules(ll: Runner) -> None:
    assert ll("run", "--rm", "base:1", stdin="").strip() == ""  # CMD is sh, whose input is at its end
    assert ll("run", "--rm", "-u", "web", "base:1", "id") .startswith("uid=33(web) gid=44(web) groups=")
    assert "uid=33(web) gid=50(staff)" in ll("run", "--rm", "-u", "web:staff", "base:1", "id")
    assert "uid=1234 gid=0(root)" in ll("run", "--rm", "-u", "1234", "base:1", "id")
    environment = ll("run", "--rm", "-e", "A=b c", "-e", "NONE", "base:1", "env").splitlines()
    assert {"A=b c", "GREETING=hello", "HOME=/root"} <= {*environment}
    assert ll("run", "--rm", "--entrypoint", "echo", "base:1", "x", "-y") == "x -y\n"
    assert ll("run", "--rm", "--hostname", "shop", "base:1", "cat", "/etc/hostname") == "shop\n"
    assert ll("run", "--rm", "-i", "base:1", "cat", stdin="through\n") == "through\n"


@pytest.mark.parametrize(("args", "code", "says"), [
    (("base:1", "nosuch"), 127, "no program nosuch"), (("base:1", "/srv/page"), 126, "may not be executed"),
    (("-w", "/srv/page", "base:1", "true"), 125, "is a file in the container"), (("-u", "nobody-here", "base:1", "true"), 125, "no such name"),
    (("-v", "/nowhere/at/all:/x", "base:1", "true"), 125, "is not there on this machine"), (("--cap-add", "WINGS", "base:1", "true"), 125, "capability"),
    (("--runtime", "nosuchrun", "base:1", "true"), 125, "no runtime nosuchrun"), (("nosuch:1", "true"), 125, "no container or image nosuch:1"),
    (("-w", "/proc/self/fd/7", "base:1", "true"), 125, "/proc"), (("--hostname", "x" * 200, "base:1", "true"), 125, "host name"),
])  # fmt: skip
def test_what_cannot_run_is_one_line_and_nothing_is_recorded(ll: Runner, args: tuple[str, ...], code: int, says: str) -> None:
    done = ll.run("run", "--rm", *args, code=code)
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "ProcessExited" not in [row["event"] for row in ll.json("events")]


def test_while_it_runs_it_is_the_only_writer_and_commit_takes_what_is_there(ll: Runner) -> None:
    waiting = "echo early > /srv/early; echo ready; while ! test -e /tmp/end; do sleep 0.1; done"
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", waiting)
    until_printed(process, "ready")
    assert state(ll, "web") == "running"
    for words in (("write", "--text", "x", "web:/x"), ("rm", "web"), ("config", "--env", "A=b", "web"), ("run", "web", "true")):
        assert "layerlog exec" in ll.run(*words).stderr, words
    assert ll("exec", "-e", "A=b", "web", "sh", "-c", "echo $A > /srv/beside; cat /srv/early") == "early\n"
    assert ll.run("exec", "web", "sh", "-c", "exit 9").returncode == 9
    assert ll.run("exec", "web", "nosuch").returncode == 127
    ll("commit", "-m", "meanwhile", "web", "mid:1")
    assert sorted(ll("ls", "mid:1:/srv").split()) == ["beside", "early", "page"]
    rows = [row for row in ll.json("events") if row["known"] == "observed"]
    assert {row["actor"]["login"] for row in rows} == {ll.who}, "whoever it becomes in a user namespace"
    writers = {row["command"][3] for row in rows if row["event"] != "ProcessExited"}
    assert writers == {"run"}, "it was the program, and not the commit, that wrote this"
    ll("exec", "web", "rm", "/srv/early")
    process.send_signal(signal.SIGTERM)  # sh, the first process of its namespace, does not heed it
    ll("exec", "web", "touch", "/tmp/end")
    process.communicate(timeout=PATIENCE)
    assert sorted(ll("ls", "web:/srv").split()) == ["beside", "page"]
    assert sorted(ll("ls", "mid:1:/srv").split()) == ["beside", "early", "page"]


def test_what_ran_beside_is_on_record_as_the_writer_is(ll: Runner) -> None:
    """Each program that ran has an event of its own, with its user, its end and its words, without secrets; none that did not."""
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo ready; while ! test -e /tmp/end; do sleep 0.1; done; sleep 1")
    until_printed(process, "ready")
    before = time.time_ns()
    assert ll.run("exec", "-u", "web", "-e", "KEY=hidden", "web", "sh", "-c", f"echo {SECRET} > /dev/null; exit 9").returncode == 9
    assert ll.run("exec", "web", "nosuch").returncode == 127
    ll("exec", "web", "touch", "/tmp/end")
    process.communicate(timeout=PATIENCE)
    rows = [row for row in ll.json("events") if row["event"] == "ProcessExited"]
    shell, touch, first = (row["detail"] for row in rows)
    assert [(one["program"], one["user"], one["exit"]) for one in (shell, touch, first)] == [("sh", "33:44", 9), ("touch", "0:0", 0), ("sh", "0:0", 0)]
    assert before < int(shell["started"]) < int(shell["ended"]) < int(touch["started"])
    assert len({one["process"] for one in (shell, touch, first)}) == 3
    assert SECRET not in ll("events")
    assert "hidden" not in ll("events")
    assert shell["command"][3:-1] == ["exec", "-u", "web", "-e", "KEY=***", "web", "sh", "-c"]
    said = ll("show", str(rows[0]["position"]))
    assert len(re.findall(r"(?:started|ended): \d{4}-\d\d-\d\d \d\d:", said)) == 2
    assert "exit code 9" in ll("events", "--format", "table")


def test_a_signal_goes_through(ll: Runner) -> None:
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done")
    until_printed(process, "ready")
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 7


def test_after_a_kill_nothing_runs_and_the_next_command_records_what_was_left(ll: Runner) -> None:
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo left > /srv/left; echo ready; sleep 4321")
    until_printed(process, "ready")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    until = time.monotonic() + PATIENCE
    while state(ll, "web") == "running" and time.monotonic() < until:
        time.sleep(0.05)
    assert state(ll, "web") == "unrecorded"
    assert subprocess.run(["pgrep", "-f", "sleep 4321"], capture_output=True, check=False).stdout == b""
    assert "layerlog recover web" in ll("status", "web")
    assert ll("ls", "web:/srv").split() == ["page"]
    assert "recorded what a process left" in ll.run("write", "--text", "x", "web:/srv/next", code=0).stderr
    assert sorted(ll("ls", "web:/srv").split()) == ["left", "next", "page"]
    [exited] = [row["detail"] for row in ll.json("events") if row["event"] == "ProcessExited"]
    assert exited["exit"] is None
    assert "nothing unrecorded" in ll.run("recover", "web", code=0).stderr


def test_a_point_of_history_runs_on_a_fork(ll: Runner) -> None:
    ll("create", "--name", "web", "base:1")
    ll("write", "--text", "then\n", "web:/srv/page")
    ll("write", "--text", "now\n", "web:/srv/page")
    assert ll("run", "--rm", "web@2", "sh", "-c", "cat /srv/page; echo mine > /srv/page") == "then\n"
    assert ll("cat", "web:/srv/page") == "now\n"
    assert [row["name"] for row in ll.json("ps")] == ["web"]


def test_a_committed_change_is_there_for_the_next(ll: Runner) -> None:
    ll("run", "--name", "web", "base:1", "sh", "-c", "echo two > /srv/page; rm /etc/motd; mkdir /srv/d")
    ll("commit", "web", "base:2")
    assert ll("run", "--rm", "base:2", "sh", "-c", "cat /srv/page; ls /etc; test -d /srv/d && echo d") == "two\ngroup\nhostname\nhosts\npasswd\nresolv.conf\nd\n"
    ll("run", "web", "sh", "-c", "rm -r /srv/d; mkdir /srv/d; echo x > /srv/d/x")
    assert ll("ls", "web:/srv/d").split() == ["x"]


def test_a_name_that_no_layer_can_hold_is_set_aside(ll: Runner) -> None:
    done = ll.run("run", "--name", "web", "base:1", "sh", "-c", "echo a > /srv/.wh.page; echo b > /srv/b", code=1)
    assert "no layer can hold" in done.stderr
    assert sorted(ll("ls", "web:/srv").split()) == ["b", "page"]
    aside = Path(f"{ll.store}/running/{ll.json('ps')[0]['id']}/refused")
    assert [path.read_text() for path in aside.glob("*/srv/.wh.page")] == ["a\n"]
    ll("write", "--text", "x", "web:/srv/c")
    ll("rm", "web")
    assert os.listdir(f"{ll.store}/running") == []


def test_what_is_set_aside_leads_nowhere_later(ll: Runner) -> None:
    with tempfile.TemporaryDirectory(prefix="layerlog-") as victim:
        Path(victim).chmod(0o777)
        ll.run("run", "--name", "web", "base:1", "sh", "-c", f"ln -s {victim} /.wh.d; mkdir /srv/e; ln -s {victim} /srv/e/.wh.d", code=1)
        for _ in range(2):
            ll.run("run", "web", "sh", "-c", "for d in / /srv/e/; do rm -f $d.wh.d; mkdir $d.wh.d; echo x > $d.wh.d/passwd; done", code=1)
        assert os.listdir(victim) == []
    ll("run", "web", "true")
    ll.run("run", "web", "no-such-program", code=127)
    aside = Path(f"{ll.store}/running/{ll.json('ps')[0]['id']}/refused")
    assert len([*aside.glob("*/srv/e/.wh.d/passwd"), *aside.glob("*/.wh.d/passwd")]) == 4


def test_a_collection_leaves_what_is_in_use_and_an_erasure_waits(ll: Runner) -> None:
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo ready; while ! test -e /tmp/end; do sleep 0.1; done; cat /srv/page")
    until_printed(process, "ready")
    ll("gc")
    ll("rebuild")
    digest = ll.json("stat", "base:1:/srv/page")[0]["digest"]
    assert "a process runs in container" in ll.run("erase", "--yes", "--reason", "x", "--content", digest, code=1).stderr
    ll("exec", "web", "touch", "/tmp/end")
    assert process.communicate(timeout=PATIENCE)[0] == "one\n"
    assert "cache" in ll("df")
    ll("gc")
    assert [name for name in os.listdir(f"{ll.store}/cache/lower") if not name.endswith(".lock")] == []
    assert ll("run", "--rm", "base:1", "cat", "/srv/page") == "one\n"


def test_the_walls(ll: Runner, tmp_path: Path) -> None:
    """What a program inside may not see, and may not do."""
    (tmp_path / "secret").write_text("host")
    tries = f"""
        cat {tmp_path}/secret; mount -t tmpfs x /mnt; mknod /dev/disk b 254 0 && cat /dev/disk; echo 1 > /proc/sys/kernel/panic
        echo x > /sys/kernel/uevent_helper; cat /proc/kcore; ls /proc/self/fd; cat /proc/1/cmdline; kill -0 {os.getpid()} && echo re""ached
    """
    done = ll.run("run", "--name", "web", "base:1", "sh", "-c", tries)
    assert "host" not in done.stdout
    assert "reached" not in done.stdout
    assert sorted(done.stdout.replace("\0", "\n").split()[:4])[:4] == ["0", "1", "2", "3"]
    limits = ll("run", "--rm", "base:1", "cat", "/proc/self/status")
    assert "NoNewPrivs:\t1" in limits
    assert "Seccomp:\t2" in limits
    assert "CapBnd:\t00000000a80425fb" in limits


def test_no_network_is_no_network(ll: Runner) -> None:
    assert [line.split(":")[0].strip() for line in ll("run", "--rm", "--network", "none", "base:1", "cat", "/proc/net/dev").splitlines()[2:]] == ["lo"]


def test_read_only_and_volumes(ll: Runner) -> None:
    assert ll("run", "--rm", "-v", "/usr/bin/busybox:/busybox", "base:1", "/busybox", "echo", "x") == "x\n"
    assert ll.run("run", "--rm", "--read-only", "base:1", "sh", "-c", "echo x > /srv/x").returncode == 1
    done = ll.run("run", "--name", "web", "-v", "/etc/passwd:/srv/page:ro", "base:1", "sh", "-c", "echo x > /srv/page")
    assert done.returncode == 1
    assert ll("cat", "web:/srv/page") == "one\n"


@pytest.mark.parametrize(("option", "says"), [
    ("-d", "no daemon"), ("-p=80:80", "ports are there"), ("--memory=1g", "systemd-run"), ("--cpus=2", "systemd-run"),
    ("--privileged", "--cap-add"), ("--device=/dev/sda", "not given away"), ("--security-opt=x", "--cap-add"), ("--platform=linux/s390x", "only this machine"),
])  # fmt: skip
def test_what_docker_has_and_this_has_not_is_refused_by_name(ll: Runner, option: str, says: str) -> None:
    done = ll.run("run", option, "base:1", "true", code=2)
    assert f"{option.partition('=')[0].lstrip('-')}" in done.stderr
    assert says in done.stderr


def test_a_secret_on_the_command_line_is_not_recorded(ll: Runner) -> None:
    ll("run", "--name", "web", "base:1", "sh", "-c", f"echo before\necho {SECRET} > /srv/token; true")
    rows = ll.json("events")
    assert SECRET not in str([(row["command"], row["detail"]) for row in rows])
    assert rows[-1]["detail"]["command"][-1] == "echo before\necho *** > /srv/token; true"
    assert ll("cat", "web:/srv/token").strip() == SECRET


def test_what_stands_behind_the_image_may_be_left_out_of_the_log(ll: Runner) -> None:
    ll("run", "--no-record-args", "--name", "web", "base:1", "sh", "-c", "echo hunter2 > /srv/page")
    rows = ll.json("events")
    assert "hunter2" not in str([(row["command"], row["detail"]) for row in rows])
    assert rows[-1]["detail"]["command"][-1] == "base:1"


def test_bisect_tries_a_command_inside(ll: Runner) -> None:
    ll("create", "--name", "web", "base:1")
    for number in range(6):
        ll("write", "--text", "good\n" if number < 4 else "bad\n", "web:/srv/state")
    ll("bisect", "start", "web", "web@2")
    done = ll.run("bisect", "run", "--in-container", "sh", "-c", "test $(cat /srv/state) = good", code=0)
    assert "web@6" in done.stdout
    assert [row["name"] for row in ll.json("ps")] == ["web"]


def test_a_terminal_is_the_programs_own(ll: Runner) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    command = ll.argv("run", "-it", "--name", "web", "base:1", "sh", "-c", "stty size; read line; echo got $line; exit 5")
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=ll.environment, cwd="/", start_new_session=True)
    os.close(theirs)
    said = b""
    with suppress(OSError):
        while b"33 101" not in said:
            said += os.read(ours, 1000)
        until = time.monotonic() + 5
        while termios.tcgetattr(ours)[3] & termios.ICANON and time.monotonic() < until:
            time.sleep(0.05)  # what is typed before the runtime has made this terminal raw is thrown away by that
        os.write(ours, b"typed\r")
        while chunk := os.read(ours, 1000):
            said += chunk
    os.close(ours)
    assert process.wait(PATIENCE) == 5
    assert b"got typed" in said


def test_what_holds_overlayfss_own_markers_is_refused_by_name(ll: Runner) -> None:
    marked = io.BytesIO()
    with tarfile.open(fileobj=marked, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo("program")
        entry.mode, entry.pax_headers = 0o755, {"SCHILY.xattr.trusted.overlay.opaque": "y"}
        tar.addfile(entry)
    load(ll, [marked.getvalue()], "localhost/odd:1")
    done = ll.run("run", "odd:1", "/program", code=125)
    assert "/program has the attribute trusted.overlay.opaque" in done.stderr


def test_hundreds_of_layers_are_one_root(ll: Runner) -> None:
    """More than a kernel takes names of in one mount call; some change what others hold."""
    tars = [images.layer_tar({f"srv/{n}": b"%d" % n, "srv/last": b"%d" % n}) for n in range(130)]
    load(ll, [base_tar(), *tars], "localhost/many:1")
    script = "ls /srv | wc -l; cat /srv/0 /srv/129 /srv/last; rm /srv/7; echo new > /srv/8"
    assert ll("run", "--name", "web", "many:1", "sh", "-c", script).split() == ["132", "0129129"]
    assert (len(ll("ls", "web:/srv").split()), ll("cat", "web:/srv/8")) == (131, "new\n")


def load(ll: Runner, tars: list[bytes], name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="layerlog-") as folder:
        Path(folder).chmod(0o755)
        with open(f"{folder}/image.tar", "wb") as file:
            archive.write(file, [images.image("gzip", tars=tuple(tars), names=(name,))])
        ll("load", "-q", "-i", f"{folder}/image.tar")


def test_rm_f_kills_what_runs_and_keeps_its_changes(ll: Runner) -> None:
    assert ll.run("rm", "-f", "nobody").returncode == 0
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo new > /srv/new; echo ready; sleep 1000")
    until_printed(process, "ready")
    assert "a process runs in container" in ll.run("rm", "web", code=1).stderr
    ll("rm", "-f", "web")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 137
    assert [row["name"] for row in ll.json("ps")] == []
    ll("undelete", "web")
    assert ll("cat", "web:/srv/new") == "new\n"
