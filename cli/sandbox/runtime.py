"""The OCI runtime: which one there is, its commands, and what it says when it cannot start a program."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from eventstore.errors import LayerlogError, NotFoundError
from eventstore.model.paths import shown

KNOWN = ("runc", "crun", "youki")
FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
"""The exit codes that Docker gives where the program did not run."""
_NOT_FOUND = ("executable file not found", "no such file or directory")
_NOT_EXECUTABLE = ("permission denied", "exec format error", "is a directory")


class Runtime(NamedTuple):
    """A runtime's program, the folder in which it keeps its state, and the file for what it says of itself."""

    program: str
    folder: str
    log: str

    def command(self, *arguments: str) -> list[str]:
        root = os.path.join(self.folder, "state")
        return [self.program, "--root", root, "--log", self.log, "--log-format", "json", *arguments]


@contextmanager
def own_failures() -> Iterator[None]:
    """Let what keeps a program from being started end with Docker's exit code for that, not with one that it could have."""
    try:
        yield
    except LayerlogError as error:
        if error.exit_code == 1:
            error.exit_code = FAILED
        raise


def is_known(program: str) -> bool:
    """Whether a program is what one of the known names finds on this machine."""
    with suppress(NotFoundError):
        return os.path.basename(program) in KNOWN and find(os.path.basename(program)) == program
    return False


def find(name: str | None) -> str:
    """Return the path of a runtime, of the first known one that is there where none is named; NotFoundError for none."""
    for program in [name] if name else KNOWN:
        found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        if found:
            return found
    if name:
        raise NotFoundError(f"no runtime {shown(name)}; check the spelling, or leave --runtime out")
    raise NotFoundError("no OCI runtime is installed; install the package runc (or crun), or name another with --runtime")


def find_init() -> str:
    """Return the path of a program that buries orphans and passes signals on; NotFoundError where none is installed."""
    for program in ("docker-init", "tini", "tini-static", "catatonit"):
        if found := shutil.which(program):
            return found
    raise NotFoundError("no init is installed; install the package tini or catatonit, or leave --init out")


def spawned(command: list[str], *, closed_input: bool, output: int | None = None) -> int:
    """Start a program with the signals that a shell would give it, and return its process id.

    What it prints goes to *output*, where one is given.
    """
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)] if closed_input else []
    if output is not None:
        actions += [(os.POSIX_SPAWN_DUP2, output, number) for number in (1, 2)]
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsigmask=())


def say(log: str, error: LayerlogError) -> int:
    """Leave in the runtime's log why it was not even asked, for `failure`; return the exit code for that."""
    with open(log, "a", encoding="utf-8") as file:
        file.write(json.dumps({"level": "error", "msg": str(error), "own": True}) + "\n")
    return FAILED


def failure(log: str) -> LayerlogError | None:
    """Return why the runtime could not run the program, as its log says; None where it could.

    Its text is empty where the runtime has printed it already.
    """
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [json.loads(line) for line in file if line.startswith("{")]
    except (OSError, ValueError):
        return None
    said = [line for line in lines if line.get("level") in ("error", "fatal")]
    if not said:
        return None
    reason = str(said[-1].get("msg", ""))
    code = FAILED
    if "exec" in reason or "starting container process" in reason:
        code = NOT_FOUND if any(text in reason for text in _NOT_FOUND) else code
        code = NOT_EXECUTABLE if any(text in reason for text in _NOT_EXECUTABLE) else code
    error = LayerlogError(shown(reason) if said[-1].get("own") else "")
    error.exit_code = code
    return error
