"""What must be on disk before anything else happens."""

import os


def sync_folder(path: str) -> None:
    """Make the names that a folder holds durable: of files made, renamed or removed in it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
