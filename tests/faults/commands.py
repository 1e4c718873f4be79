"""The real command line in processes of its own, started fast enough for thousands of them (see forkserver.py)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.running import MOVED, ROOT, clean

Step = Sequence[str] | Mapping[str, Any]
"""A command line without the store, or {"call": "module:function", "args": [...]}."""


class Done(NamedTuple):
    """`codes` are the exit codes of the steps that ended, `status` the process's (negative: the signal that ended it);
    `seen` is how many faults could have been made; `memory` the peak in KiB.
    """

    status: int
    codes: list[int]
    out: str
    err: str
    seen: int
    memory: int

    @property
    def lines(self) -> list[str]:
        """What was said on stderr, by lines."""
        return self.err.splitlines()


class Job:
    """A child that runs its steps one after the other."""

    def __init__(self, commands: "Commands", pid: int, files: list[Path]) -> None:
        self._commands, self.pid, self._files = commands, pid, files

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # the server has not waited for it, so the number is still its own

    def acknowledged(self) -> list[str]:
        return self._files[2].read_text().splitlines()

    def wait_for(self, steps: int, seconds: float = 60) -> None:
        """Wait until so many steps have ended."""
        end = time.monotonic() + seconds
        while len(self.acknowledged()) < steps:
            assert time.monotonic() < end, self.acknowledged()
            time.sleep(0.01)

    def wait(self) -> Done:
        status, memory = self._commands.ask({"wait": self.pid})
        said = self.acknowledged()
        codes = [int(line.split()[1]) for line in said if line[0].isdigit()]
        seen = next((int(line.split()[1]) for line in said if line.startswith("seen")), 0)
        out, err = (path.read_bytes().decode("utf-8", "replace") for path in self._files[:2])
        for path in self._files:
            path.unlink()
        return Done(status, codes, out, err, seen, memory)


class Commands:
    """A fork server; close it at the end.  *preload* is the shim that its children may arm."""

    def __init__(self, folder: Path, preload: str | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._numbers = folder, count(1)
        environment = clean({"LC_ALL": "C.UTF-8", "LAYERLOG_AUTHOR": "Ada", **({"LD_PRELOAD": preload} if preload else {})})
        program = [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.faults.forkserver"]
        self._server = subprocess.Popen(program, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request: Mapping[str, Any]) -> list[int]:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        answer: list[int] = json.loads(self._server.stdout.readline())
        return answer

    def start(
        self, store: Path, *steps: Step, stdin: str = "/dev/null", shim: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None, cwd: str = "/", limits: Mapping[str, int] | None = None,
    ) -> Job:  # fmt: skip
        number = next(self._numbers)
        files = [self._folder / f"{number}.{kind}" for kind in ("out", "err", "acks")]
        for file in files:
            file.touch()
        lines = [step if isinstance(step, Mapping) else ["--store", str(store), *step] for step in steps]
        request = {"steps": lines, "stdin": stdin, "env": dict(env or {}), "cwd": cwd, "limits": dict(limits or {})}
        paths = dict(zip(("out", "err", "acks"), map(str, files), strict=True))
        (pid,) = self.ask(request | paths | {"shim": dict(shim) if shim else None})
        return Job(self, pid, files)

    def run(self, store: Path, *steps: Step, **how: Any) -> Done:
        return self.start(store, *steps, **how).wait()

    def ok(self, store: Path, *steps: Step, **how: Any) -> str:
        """Run *steps*, each of which must succeed in silence, but for which names moved; return what they print."""
        done = self.run(store, *steps, **how)
        assert done.codes == [0] * len(steps), (steps, done)
        assert not MOVED.sub("", done.err), done.err
        return done.out

    def close(self) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        assert self._server.wait(60) == 0
        self._server.stdout.close()
