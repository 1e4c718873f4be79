"""The pager: what a listing prints on a terminal goes through it, as git's does."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

PAGED = ("audit", "blame", "diff", "events", "find", "history", "layers", "log", "reflog", "show", "sql")
"""The commands that may print more than a screen, and are read rather than watched."""
_DEFAULT = "less"
_FLAGS = {"LESS": "FRX", "LV": "-c"}
"""What git says to less and lv, where the user has said nothing: leave where one screen is enough, and show colours."""


class _Paged(io.TextIOWrapper):
    """Whoever asks is told that it is a terminal, since that is what stands behind it."""

    def isatty(self) -> bool:
        return True


class Pager:
    """One that is open; what is printed goes to it until it is closed."""

    def __init__(self, command: str) -> None:
        unset = {name: value for name, value in _FLAGS.items() if name not in os.environ}
        environment = {**os.environ, **unset}
        self._process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)  # noqa: S602 - the user's own
        assert self._process.stdin is not None
        self._before = sys.stdout
        sys.stdout = _Paged(self._process.stdin, encoding=sys.stdout.encoding, errors="backslashreplace")

    def close(self) -> None:
        """Let the user read to the end."""
        paged, sys.stdout = sys.stdout, self._before
        with suppress(OSError):  # the user has seen enough
            paged.close()
        while True:
            with suppress(KeyboardInterrupt):  # which is the pager's
                self._process.wait()
                return


def opened(command: str | None, arguments: Sequence[str]) -> Pager | None:
    """Return the pager for a command, None where it needs none, the user wants none, or this is no terminal."""
    if command not in PAGED or {"-f", "--follow"} & {*arguments} or not sys.stdout.isatty():
        return None
    named = next((os.environ[name] for name in ("LAYERLOG_PAGER", "PAGER") if name in os.environ), None)
    if named is None:
        named = _DEFAULT if shutil.which(_DEFAULT) else ""
    return None if named.strip() in ("", "cat") else Pager(named)
