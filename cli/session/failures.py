"""The one place where an error becomes a line for the user and an exit code.

0 done, 1 refused or failed, 2 wrong usage, 70 a bug in layerlog, 130 interrupted, 141 whoever read the output left.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterable

import click

from cli.session.settings import Settings
from eventstore.errors import LayerlogError
from eventstore.model.paths import shown

BUG = 70
INTERRUPTED = 130
PIPE_CLOSED = 141
_HALF = 1000  # characters

_NEXT_STEPS = {
    errno.ENOSPC: "free some space, then run the command again",
    errno.EDQUOT: "free some of your quota, then run the command again",
    errno.EROFS: "choose a place that can be written (--store DIR for the store)",
    errno.EACCES: "check its owner and mode, or run as a user who may",
    errno.EPERM: "check its owner and mode, or run as a user who may",
    errno.ENOENT: "check the spelling",
    errno.ENOTDIR: "a part of that path is not a directory; check the spelling",
    errno.EISDIR: "name a file, not a directory",
    errno.EEXIST: "remove it or choose another name",
    errno.ELOOP: "its symbolic links lead in a circle; correct them",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit (ulimit -n), then run the command again",
    errno.ENFILE: "close other programs, then run the command again",
    errno.EBADF: "it is closed, so open it or name a file",
    errno.EIO: "check the disk, then run `layerlog verify`",
}

_SQLITE_STEPS = {
    "SQLITE_BUSY": "another process is writing to it; run the command again",
    "SQLITE_LOCKED": "another process is writing to it; run the command again",
    "SQLITE_PROTOCOL": "another process is writing to it; run the command again",
    "SQLITE_FULL": "free some space, then run the command again",
    "SQLITE_READONLY": "check the owner and mode of its files, or choose another store with --store DIR",
    "SQLITE_CANTOPEN": "check that the folder is there and that you may write in it",
    "SQLITE_IOERR": "check the disk, then run `layerlog verify`",
    "SQLITE_CORRUPT": "keep a copy of the folder, then run `layerlog verify`",
    "SQLITE_NOTADB": "check that --store names a store; if it does, keep a copy and bring back a backup",
}


def report(error: BaseException, settings: Settings) -> int:
    """Say on stderr what went wrong, in one line (after the traceback, for -v), and return the exit code."""
    if discard_unwritable_output() and isinstance(error, OSError) and error.filename is None:
        error.filename = "standard output"
    message, code = explained(error, settings.store)
    with contextlib.suppress(OSError, ValueError):
        if settings.verbosity and not isinstance(error, LayerlogError | KeyboardInterrupt | BrokenPipeError):
            import traceback

            _print_shown("".join(traceback.format_exception(error)))
        if message:
            _say(message)
    return code


def for_each(items: Iterable[str], act: Callable[[str], None]) -> int:
    """Call *act* with each of *items*; say on stderr why one is refused, and go on, as docker does; return the exit code."""
    code = 0
    for item in items:
        try:
            act(item)
        except LayerlogError as error:
            _say(str(error))
            code = error.exit_code
    return code


def _say(message: str) -> None:
    """Say it without the middle of what nobody would read."""
    readable = message if len(message) <= 2 * _HALF else f"{message[:_HALF]} ... {message[-_HALF:]}"
    print(f"layerlog: {shown(readable)}", file=sys.stderr)


def explained(error: BaseException, store: str) -> tuple[str, int]:
    """Return (message, exit code); empty where the user already knows; of ^C, what was noted on the way out."""
    match error:
        case LayerlogError():
            return str(error), error.exit_code
        case KeyboardInterrupt() | click.Abort(__context__=KeyboardInterrupt()):
            return "; ".join(getattr(error, "__notes__", ())), INTERRUPTED
        case click.Abort():
            return "stopped: not confirmed", 1
        case BrokenPipeError():
            return "", PIPE_CLOSED
        case OSError():
            return _explained_os(error, store), 1
        case MemoryError():
            return "out of memory; close other programs or give it more, then run the command again", 1
        case UnicodeEncodeError():
            return f"{str(error.object)[:80]!r} is not UTF-8 text, and only paths may be other bytes; correct it", 1
        case RecursionError():
            return "the input is nested too deeply to be read; check where it comes from", 1
        case _ if type(error).__name__ == "OperationalError" and str(error).startswith("Could not decode"):
            return f"store {store}: a text in its log is damaged; keep a copy of the folder, then run `layerlog verify`", 1
    name = getattr(error, "sqlite_errorname", "")  # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR
    primary = "_".join(name.split("_")[:2])
    if primary in _SQLITE_STEPS:  # what else it says is no fault of the disk, of another process or of the file
        return f"store {store}: {error}; {_SQLITE_STEPS[primary]}{_who_locks(store) if primary == 'SQLITE_BUSY' else ''}", 1
    if damage := _damage_of_log(store):
        return f"store {store}: its log is damaged ({damage}); run `layerlog repair`, then `layerlog verify`", 1
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}; this is a bug; run with -v for details", BUG


def _who_locks(store: str) -> str:
    from cli.session.waiting import who
    from eventstore.disk import folder

    return f" (locked by {who(found)})" if (found := folder.lockers(store)) else ""


def _damage_of_log(store: str) -> str | None:
    """Return what SQLite finds wrong with the log: an answer that cannot be may come of a damaged index."""
    from eventstore.integrity import derived_columns
    from eventstore.store.store import Store

    try:
        with Store.open(store) as opened:
            damage = next(derived_columns.pages(opened.log), None)
    except Exception:  # noqa: BLE001 - what cannot be asked now is the first error's matter
        return None
    return damage and damage.problem


def show_usage_error(error: click.ClickException) -> int:
    """Let click say it, without sending what the arguments hold raw to the terminal; return the exit code."""
    said = io.StringIO()
    error.show(said)
    with contextlib.suppress(OSError, ValueError):
        _print_shown(said.getvalue().expandtabs(4))
    return error.exit_code


def discard_unwritable_output() -> bool:
    """Return whether stdout takes no more; then drop what is left, so that the interpreter's exit cannot fail on it."""
    try:
        flush_output()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return True
    return False


def flush_output() -> None:
    """Raise OSError now, not at the interpreter's exit, where the last of the output cannot be written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _explained_os(error: OSError, store: str) -> str:
    names = [os.fsdecode(n) for n in (error.filename, error.filename2) if isinstance(n, str | bytes)]
    streams = "standard input" if error.errno == errno.EBADF else f"the output or the store {store}"
    place = " -> ".join(names) or streams
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    step = _NEXT_STEPS.get(error.errno or 0, "run with -v for details")
    return f"{place}: {reason}; {step}"


def _print_shown(text: str) -> None:
    print(*map(shown, text.splitlines()), sep="\n", file=sys.stderr)
