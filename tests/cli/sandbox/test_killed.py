"""Kill -9 of any process of a visit at random moments: what was acknowledged stays, what was left is recorded, nothing goes on."""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.running import python
from tests.cli.sandbox.running import Runner

PATIENCE = 30
SCRIPT = "n=0; while :; do n=$((n+1)); echo $n > /srv/$n; echo $n > /srv/last; mv /data /data2; mv /data2 /data; done"


def processes(ll: Runner) -> list[tuple[int, str]]:
    """Each process that has the store's path on its command line, or is a child of one: who could be killed."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(entry.name)] = (parent, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    ours = {pid for pid, (_, line) in found.items() if ll.store in line}
    ours |= {pid for pid, (parent, _) in found.items() if parent in ours}
    return [(pid, found[pid][1]) for pid in sorted(ours) if pid != os.getpid()]


def settled(ll: Runner) -> None:
    """Wait until nothing of a visit runs any more."""
    until = time.monotonic() + PATIENCE
    while [line for _, line in processes(ll) if "run" in line] and time.monotonic() < until:
        time.sleep(0.05)
    assert [line for _, line in processes(ll) if "run" in line] == []


@pytest.mark.parametrize("number", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 40))])
def test_what_was_acknowledged_stays(ll: Runner, number: int) -> None:
    chance = random.Random(f"{ll.who} {number}")
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", SCRIPT)
    kept: list[str] = []
    for _ in range(100):
        done = ll.run("commit", "-m", "x", "web", "kept:1")
        if done.returncode == 0 and (kept := ll("ls", "kept:1:/srv").split()) != ["page"]:
            break
    assert len(kept) > 1
    time.sleep(chance.random() * 0.2)
    victims = processes(ll)
    victim, line = chance.choice(victims)
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    settled(ll)
    ll("write", "--text", "x", "web:/after")
    names = {*ll("ls", "web:/srv").split()}
    assert {*kept} <= names, f"lost with {line}"
    assert ll("ls", "kept:1:/srv").split() == kept
    if "last" in names:
        assert ll("cat", "web:/srv/last").strip() in names | {""}
    assert "sound" in ll("verify")
    mounts = subprocess.run(["grep", "-c", ll.store, "/proc/self/mountinfo"], capture_output=True, text=True, check=False)
    assert mounts.stdout.strip() == "0"


def test_a_removal_that_was_cut_short_records_nothing(ll: Runner) -> None:
    """Of what was recorded to its end the state goes first: an upper directory that is half gone is no deletion."""
    ll("run", "--name", "web", "base:1", "sh", "-c", "echo a > /srv/a")
    [container] = [row["id"] for row in ll.json("ps", "-a")]
    events = ll("events")
    folder = Path(ll.store, "running", container)
    for name in ("upper", "work", "refused"):
        (folder / name).mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "refused/.wh.x").touch()
    for path in (folder.parent, folder, *folder.iterdir()):
        shutil.chown(path, ll.who)
    ll("recover", "web")
    assert ll("events") == events
    assert [*folder.iterdir()] == [folder / "refused"], "what nobody can record stays until the container goes"
    ll("rm", "web")
    assert not folder.exists()


def test_nothing_goes_on_where_its_start_could_not_be_noted() -> None:
    program = (
        "import os, time\n"
        "from cli.sandbox import namespaces\n"
        "namespaces.become_root()\n"
        "def note(first): open('/proc/nowhere/else', 'w')\n"
        "try: namespaces.contained(lambda: time.sleep(1000) or 0, note)\n"
        "except OSError as error: print(error.filename)\n"
        "try: os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError: print('nobody')\n"
    )
    done = python(program)
    assert (done.stdout, done.stderr) == ("/proc/nowhere/else\nnobody\n", "")
