"""Cache: files below a store's cache/, each computable anew, so that one which cannot be read or written costs time alone."""

import os
from contextlib import suppress

from eventstore.disk.atomic import replacing


class Cache:
    """What is remembered below *folder*, by name; whoever writes a name last is believed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def path(self, *parts: str) -> str:
        """Return a path below cache/; everything there may be deleted at any moment."""
        return os.path.join(self._folder, *parts)

    def names(self, *parts: str) -> list[str]:
        """Return what a folder there holds, in no order; [] where there is none."""
        try:
            return os.listdir(self.path(*parts))
        except OSError:
            return []

    def read(self, *parts: str) -> bytes | None:
        """Return what was written last under this name, whole, or None."""
        try:
            with open(self.path(*parts), "rb") as file:
                return file.read()
        except OSError:
            return None

    def remove(self, *parts: str) -> None:
        with suppress(OSError):
            os.unlink(self.path(*parts))

    def write(self, data: bytes, *parts: str) -> None:
        """Remember *data* under this name, at once or not at all."""
        path = self.path(*parts)
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with replacing(path) as fd, open(fd, "wb", closefd=False) as file:
                file.write(data)
