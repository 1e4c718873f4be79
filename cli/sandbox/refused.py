"""What no layer can hold, set aside: the processes of a container choose every name in there, so no path is ever followed."""

import os
from collections.abc import Iterable
from contextlib import suppress

from cli.hostfs.checkout import WALK, descend
from cli.hostfs.nodes import OPEN_DIRECTORY
from eventstore.model.paths import split

FOLDER = "refused"


def set_aside(running: str, visit: str, paths: Iterable[bytes]) -> list[str]:
    """Move what lies at *paths* of the upper directory in *running* below refused/VISIT; return where it lies now.

    Nothing of an earlier visit is in there, so that no symlink of it leads out.  What the host does not move is named with
    the reason.
    """
    kept = []
    for path in paths:
        where = os.path.join(running, FOLDER, visit, os.fsdecode(path))
        try:
            _move(os.path.join(running, "upper"), os.path.join(running, FOLDER, visit), path)
        except OSError as error:
            where = f"{where} no more ({error.strerror})"
        kept.append(where)
    return kept


def _move(source: str, target: str, path: bytes) -> None:
    os.makedirs(target, mode=0o700, exist_ok=True)
    parent, name = split(path)
    opened = [os.open(folder, OPEN_DIRECTORY) for folder in (source, target)]
    try:
        opened += [descend(opened[0], parent), _made(opened[1], parent)]
        os.rename(name, name, src_dir_fd=opened[2], dst_dir_fd=opened[3])
    finally:
        for fd in opened:
            os.close(fd)


def _made(folder: int, path: bytes) -> int:
    """Return the directory *path* below *folder*, made as far as it is not there, open for look-ups alone."""
    fd = os.dup(folder)
    for name in path.split(b"/") if path else ():
        above = fd
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=above)
            fd = os.open(name, WALK, dir_fd=above)
        finally:
            os.close(above)
    return fd
