"""Runs contenders one after the other, round by round, and measures each run from outside.

No run's files are deleted before the whole bench is over: ext4 avoids inodes that were deleted in the last minutes and
walks over them at each creation, which made file creation five times slower.  What a run left stays where it is, its
large files cut to nothing.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.figures import Figure, Sample

ROOT = Path(__file__).parents[2]
SPAWN = Path(__file__).with_name("spawn.py")
LARGE = 1 << 20

class FailedError(Exception):
    """A command that did not do its work: the message is the end of what it said."""


class Command(NamedTuple):
    """What is timed: a process."""

    argv: Sequence[str]
    cwd: str | None = None
    stdin: str = os.devnull
    env: Mapping[str, str] = {}


def nothing(_work: str) -> None:
    pass


Run = dict[str, Any]
"""A finished run: wall (s), peak (bytes), others (cores), output."""


def wall(run: Run) -> float:
    return float(run["wall"])


def answered(key: str) -> Callable[[Run], float]:
    """What the process itself measured, and printed as JSON in its last line under *key*."""
    return lambda run: float(json.loads(run["output"].splitlines()[-1])[key])


def sample_of(run: Run, value: Callable[[Run], float]) -> Sample:
    return Sample(value(run), run["peak"], run["others"])


class Side(NamedTuple):
    """A contender.  `prepare` and `command` are given a new folder for each run; `tool` must be installed.

    `reads` is what the work reads, to be in the page cache when it starts; `kept` what, below that folder, it leaves on
    disk; `value` says what counts of a run.
    """

    name: str
    command: Callable[[str], Command]
    prepare: Callable[[str], object] = nothing
    tool: str = ""
    durability: str = ""
    kept: str = ""
    reads: Sequence[str] = ()
    value: Callable[[Run], float] = wall


def layerlog(store: str, *args: str, stdin: str = os.devnull) -> Command:
    """The command line as its installed script starts it."""
    return Command([sys.executable, "-c", "from cli.main import main; main()", "--store", store, *args], stdin=stdin)


def unseen(command: Command) -> Command:
    """Return *command* with its standard output thrown away."""
    return command._replace(argv=["sh", "-c", 'exec "$@" >/dev/null', "sh", *command.argv])


def inside(function: str, **arguments: Any) -> Command:
    """Work that is timed in its own process: *function* ("module:name" below tests.bench) prints what it measured."""
    return Command([sys.executable, "-m", "tests.bench.inside", function, json.dumps(arguments)])


@dataclass
class Runner:
    scratch: str
    rounds: int = 3
    warmups: int = 1
    say: Callable[[str], None] = print
    _numbers: Any = field(default_factory=lambda: count(1))

    def fresh(self) -> str:
        """Return a new folder, made."""
        path = os.path.join(self.scratch, f"{next(self._numbers):05d}")
        os.makedirs(path)
        return path

    def run(self, command: Command) -> Run:
        """Run *command* to its end; raise FailedError."""
        output = os.path.join(self.scratch, "output")
        work = {
            "argv": list(command.argv), "cwd": command.cwd or str(ROOT), "stdin": command.stdin, "output": output,
            "env": environment(self.scratch) | dict(command.env),
        }  # fmt: skip
        made = subprocess.run(
            [sys.executable, "-I", "-S", str(SPAWN)], input=json.dumps(work), capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise FailedError(made.stderr.strip().splitlines()[-1])
        found: Run = json.loads(made.stdout)
        found["output"] = _end_of(output)
        if found["code"]:
            raise FailedError(f"exit {found['code']}: {found['output'].strip()[-300:]}")
        return found

    def call(self, *argv: str, cwd: str | None = None, stdin: str = os.devnull) -> str:
        """Run a command that is not measured and return what it said; raise FailedError."""
        return str(self.run(Command(argv, cwd, stdin))["output"])

    def alternate(self, *sides: Side) -> tuple[Figure, ...]:
        """Run all *sides* in turn, the warm-up rounds first, and return their figures in the same order."""
        figures = {side.name: _figure(side) for side in sides}
        for number in range(self.warmups + self.rounds):
            for side in sides:
                figure = figures[side.name]
                if not figure.error:
                    figures[side.name] = self._round(side, figure, warming=number < self.warmups)
        return tuple(figures[side.name] for side in sides)

    def _round(self, side: Side, figure: Figure, *, warming: bool) -> Figure:
        work = self.fresh()
        try:
            side.prepare(work)
            os.sync()
            warm(side.reads)
            sample = sample_of(self.run(side.command(work)), side.value)
        except (FailedError, OSError, ValueError) as error:
            self.say(f"    {side.name}: {error}")
            return figure._replace(error=str(error), samples=())
        disk = used(os.path.join(work, side.kept)) if side.kept else 0
        retire(work)
        if warming:
            return figure
        self.say(f"    {side.name}: {sample.value:.4g}, {sample.peak >> 20} MiB, others {sample.others:.2f}")
        return figure._replace(samples=(*figure.samples, sample), disk=disk or figure.disk)


def _end_of(path: str) -> str:
    """Return the last MiB of a file, as text."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - LARGE))
        return file.read().decode("utf-8", "replace")


def _figure(side: Side) -> Figure:
    missing = side.tool and shutil.which(side.tool) is None
    return Figure(side.name, durability=side.durability, error=f"{side.tool} is not installed" if missing else "")


def environment(scratch: str) -> dict[str, str]:
    """Return an environment in which the user's own settings decide nothing, and peers write below *scratch*."""
    dropped = ("LAYERLOG_", "XDG_", "GIT_", "RESTIC_", "BORG_", "LC_", "LANG", "PYTHON")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return {
        **kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "XDG_DATA_HOME": os.path.join(scratch, "data"),
        "LAYERLOG_AUTHOR": "Ada <ada@example.org>", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0",
        "GIT_AUTHOR_NAME": "ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org", "RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": os.path.join(scratch, "restic"),
        "BORG_BASE_DIR": os.path.join(scratch, "borg"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }  # fmt: skip


def used(path: str) -> int:
    """Return the bytes that *path* and all below it take on disk, hard links once."""
    os.sync()
    seen: dict[tuple[int, int], int] = {}
    for entry in _everything(path):
        status = os.lstat(entry)
        seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def _everything(path: str) -> list[str]:
    found = [path]
    for folder, folders, files in os.walk(path):
        found.extend(os.path.join(folder, name) for name in (*folders, *files))
    return found


def retire(work: str) -> None:
    """Free what a run's folder holds without deleting an inode."""
    unmount(work)
    for path in _everything(work):
        if os.path.isfile(path) and not os.path.islink(path) and os.lstat(path).st_nlink == 1 and os.path.getsize(path) > LARGE:
            os.truncate(path, 0)


def warm(paths: Sequence[str]) -> None:
    """Read all files at and below *paths*: a machine may have dropped what nobody read for some seconds."""
    for path in (found for top in paths for found in _everything(top)):
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb", buffering=0) as file:
                while file.read(LARGE):
                    pass


def unmount(work: str) -> None:
    with open("/proc/mounts", encoding="utf-8") as file:
        mounted = [line.split()[1] for line in file]
    for path in sorted(mounted, reverse=True):
        if path.startswith(work + "/"):
            subprocess.run(["umount", "-l", path], check=False, capture_output=True)
