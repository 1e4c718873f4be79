"""Terminals of any size that are resized meanwhile: one that cuts its lines then (pyte), and one that wraps them (tmux)."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.cli.running import ROOT, clean
from tests.peers import peer

ROWS = 24
PATIENCE = 30.0


class Terminal:
    """A program of Python whose stderr is a terminal; it goes on by a step for each line of its stdin, and prints one then."""

    def __init__(self, columns: int, program: str, *args: str) -> None:
        self.ours, theirs = os.openpty()
        self.screen = pyte.Screen(columns, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.resize(columns)
        self.process = subprocess.Popen(
            [sys.executable, "-uc", program, *args], cwd=ROOT, env=clean({"TERM": "xterm"}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.set_blocking(self.ours, False)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.screen.resize(ROWS, columns)

    def step(self) -> list[str]:
        """Let the program go on; return the lines that stand on the screen then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        answer = select.poll()
        answer.register(self.process.stdout, select.POLLIN)
        while not answer.poll(1):
            self._read()
        assert self.process.stdout.readline() == b"stepped\n"
        return self._shown()

    def end(self) -> list[str]:
        """Let the program end; return the lines that are left."""
        with self.process:
            self.process.communicate(timeout=PATIENCE)
        shown = self._shown()
        os.close(self.ours)
        assert self.process.returncode == 0, shown
        return shown

    def _read(self) -> None:
        try:
            while chunk := os.read(self.ours, 1 << 16):
                self.stream.feed(chunk)
        except OSError:  # nothing more for now, or for ever
            pass

    def _shown(self) -> list[str]:
        self._read()
        return [line.rstrip() for line in "\n".join(self.screen.display).rstrip().split("\n")]


class Tmux:
    """A shell command in a window of tmux, which wraps what it holds anew when it is resized."""

    def __init__(self, socket: Path, columns: int, command: str) -> None:
        self._call = [peer("tmux"), "-f", "/dev/null", "-S", str(socket)]
        self._do("new-session", "-d", "-x", str(columns), "-y", str(ROWS), command)

    def resize(self, columns: int) -> None:
        self._do("resize-window", "-x", str(columns), "-y", str(ROWS))

    def waited(self, text: str) -> list[str]:
        """Return the lines that it shows, once *text* is among them."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = self._do("capture-pane", "-p").rstrip().split("\n")
            if any(text in line for line in lines):
                return lines
            time.sleep(0.02)
        raise TimeoutError(f"{text!r} was never shown: {lines}")

    def _do(self, *words: str) -> str:
        return subprocess.run([*self._call, *words], capture_output=True, text=True, check=True, env=clean({"TERM": "xterm"})).stdout

    def close(self) -> None:
        subprocess.run([*self._call, "kill-server"], capture_output=True, check=False)


@contextmanager
def tmux(socket: Path, columns: int, command: Sequence[str]) -> Iterator[Tmux]:
    import shlex

    opened = Tmux(socket, columns, shlex.join(command))
    try:
        yield opened
    finally:
        opened.close()
