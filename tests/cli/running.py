"""The real command line in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOVED = re.compile(r"^layerlog: \S+ moved from [0-9a-f]{12} \(now \S+@\{1\}\) to [0-9a-f]{12}\n", re.MULTILINE)
"""What is said of a name that another image had: most tests that take one over look at something else."""


def layerlog(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return python("from cli.main import main; main()", *args, env=env)


def python(program: str, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=ROOT,
        env=clean(env or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def clean(extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the developer's own settings decide nothing."""
    mine = ("LAYERLOG_", "XDG_", "GIT_", "LC_", "LANG", "NO_COLOR", "PYTHON")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    return {**kept, "PYTHONPATH": str(ROOT), "LAYERLOG_PULL": "never", "LAYERLOG_PAGER": "cat", **extra}


def on_terminal(argv: Sequence[str], env: Mapping[str, str] | None = None, *, stdin: bool = False) -> bytes:
    """Return what *argv* writes where stdout and stderr, and *stdin* too, are one terminal."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv, cwd=ROOT, env=clean(env or {}), stdout=theirs, stderr=theirs, stdin=theirs if stdin else subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux's way of saying that the other end of a terminal is closed
        pass
    os.close(ours)
    process.wait()
    return written


def started(program: str, *args: str, wrapper: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Run a program that hears ^C, even where the tests run in the background of a shell, which ignores it."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", *wrapper, sys.executable, "-c", program, *args],
        cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
