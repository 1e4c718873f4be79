"""What must be on disk before anything else happens."""

import os


def sync_folder(path: str, above: int | None = None) -> None:
    """Make the names that a folder holds durable: of files made, renamed or removed in it.

    *path* is relative to the open folder *above*, if any.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
