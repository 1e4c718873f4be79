"""A process that has the command line loaded and forks once for every request: commands without their start-up time.

Started by `commands.py`, which says what a request holds.
"""

import json
import os
import resource
import sys
import traceback
from contextlib import suppress
from ctypes import CDLL, c_char_p, c_int, c_long
from importlib import import_module
from typing import Any, BinaryIO

from cli import catalog, command_line

PRELOADED = ("isal.igzip", "zstandard", "fastcdc", "structlog", "sqlite_utils.migrations", "tarfile")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each line of *requests*: start a child and give its pid, or wait for one and give its status and memory."""
    for line in requests:
        request = json.loads(line)
        if "wait" in request:
            _, status, usage = os.wait4(request["wait"], 0)
            answer = [os.waitstatus_to_exitcode(status), usage.ru_maxrss]
        else:
            answer = [_forked(request)]
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _forked(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        code = _child(request)
    except BaseException:  # noqa: BLE001 - it must not go on as a second server
        traceback.print_exc()
    finally:
        os._exit(code)


def _child(request: dict[str, Any]) -> int:
    for number, path in enumerate((request["stdin"], request["out"], request["err"])):
        fd = os.open(path, os.O_RDWR | os.O_CREAT if number else os.O_RDONLY, 0o600)
        os.dup2(fd, number)
        os.close(fd)
    acknowledged = os.open(request["acks"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for limit, value in request["limits"].items():
        resource.setrlimit(getattr(resource, limit), (value, value))
    shim = _armed(request["shim"])
    code = 0
    for number, step in enumerate(request["steps"]):
        code = _done(step)
        sys.stdout.flush()
        sys.stderr.flush()
        if shim and code == 0:
            shim.shim_mark(c_int(number))
        os.write(acknowledged, b"%d %d\n" % (number, code))
    if shim:
        os.write(acknowledged, b"seen %d\n" % shim.shim_seen())
    return code


def _done(step: Any) -> int:
    if isinstance(step, dict):
        module, _, function = step["call"].partition(":")
        return int(getattr(import_module(module), function)(*step["args"]) or 0)
    return command_line.run(command_line.cli, step)


def _armed(shim: dict[str, Any] | None) -> Any:
    if shim is None:
        return None
    library = CDLL(None)
    library.shim_seen.restype = c_long
    folder = c_char_p(os.fsencode(shim["folder"]))
    if "record" in shim:
        log = os.open(shim["record"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        library.shim_record(folder, c_int(log))
    else:
        library.shim_arm(folder, c_int(shim["action"]), c_long(shim["at"]), c_int(shim["error"]), c_int(shim["classes"]))
    return library


def _preload() -> None:
    for module in sorted({entry.module for entry in catalog.COMMANDS.values()} | set(PRELOADED)):
        with suppress(ImportError):  # it will fail in the command that needs it, and say so
            import_module(module)


if __name__ == "__main__":
    _preload()
    with os.fdopen(os.dup(0), "rb") as asked, os.fdopen(os.dup(1), "wb") as told:
        serve(asked, told)
