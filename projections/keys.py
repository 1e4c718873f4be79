"""Keys: the tree order of paths, from the ids under which the log interns them."""

from eventstore.log import ROOT_ID, Log

REMEMBERED = 5000


class Keys:
    """The tree order of paths by their directory's id and their name; directories are looked up once."""

    def __init__(self, log: Log) -> None:
        self._db = log.db
        self._prefixes = {0: b"", ROOT_ID: b""}

    def of(self, parent: int, name: bytes) -> bytes:
        prefix = self._prefixes.get(parent)
        return (self._prefix(parent) if prefix is None else prefix) + name

    def _prefix(self, directory: int) -> bytes:
        found = self.of(*self._db.execute("SELECT parent, name FROM path WHERE id = ?", (directory,)).fetchone()) + b"\0"
        if len(self._prefixes) > REMEMBERED:
            self._prefixes = {0: b"", ROOT_ID: b""}
        self._prefixes[directory] = found
        return found


def lies_within(key: bytes, top: bytes) -> bool:
    """Whether the path of one key is that of another, or below it."""
    return key.startswith(top) and key[len(top) : len(top) + 1] in (b"", b"\0")
