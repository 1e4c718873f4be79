"""A command tried in a checkout of a view, which is gone afterwards."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from cli.hostfs.checkout import checkout
from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import shown
from projections.tree.hard_links import linked_nodes
from projections.tree.view import View
from projections.tree.walk import walk

STDERR = 2


def attempt(view: View, command: Sequence[str], name: str, erased: Callable[[bytes], object] | None = None) -> int:
    """Return the exit code of *command* run in a checkout of *view*; what it prints goes to stderr.

    Where *erased* tells of a content, by its digest, whether it was erased, files that were are left out.
    LAYERLOG_POINT tells it *name*.  Raise NotFoundError or InvalidError where it cannot be run at all.
    """
    folder = tempfile.mkdtemp(prefix="layerlog-bisect-")
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        root = os.path.join(folder, "root")
        entries = (entry for entry in walk(view) if not (erased and entry.content and erased(entry.content)))
        checkout(entries, view.read, root, linked=linked_nodes(view))
        return _run(command, root, name)
    finally:
        _remove(folder)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(_number: int, _frame: object) -> None:
    """Whoever ends this process finds no checkout left behind."""
    raise KeyboardInterrupt


def program(command: Sequence[str]) -> list[str]:
    """Return *command* with its program's whole path, as found from here; raise NotFoundError where there is none."""
    found = shutil.which(command[0])
    if found is None:
        raise NotFoundError(f"no program {shown(command[0])}; check the spelling, and that it may be executed")
    return [os.path.abspath(found), *command[1:]]


def _run(command: Sequence[str], root: str, name: str) -> int:
    environment = {**os.environ, "LAYERLOG_POINT": name}
    try:
        return subprocess.run(command, cwd=root, env=environment, stdout=STDERR, check=False).returncode
    except OSError as error:
        raise InvalidError(f"{shown(command[0])} cannot be run: {error.strerror}; give it a #! line, or use sh") from None


def _remove(folder: str) -> None:
    def open_up(function: Callable[..., object], path: str, _: object) -> None:
        """Directories that were checked out without rights for their owner get them, and it is tried once more."""
        for place in (os.path.dirname(path), path):
            if os.path.isdir(place) and not os.path.islink(place):
                os.chmod(place, stat.S_IRWXU)
        with contextlib.suppress(FileNotFoundError):
            function(path)
            if os.path.isdir(path):
                shutil.rmtree(path)

    shutil.rmtree(folder, onerror=open_up)
