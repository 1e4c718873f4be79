"""Events: facts in the past tense, and the exact bytes that the hash chain covers (FORMAT.md, "An event's bytes")."""

import json
from enum import IntEnum
from typing import Any, NamedTuple


class Kind(IntEnum):
    """What happened.  A number means one kind in one schema for ever; a changed shape gets a new number."""

    # a tree: container and layer streams
    FILE_WRITTEN = 1
    LINK_MADE = 2
    ATTRIBUTES_CHANGED = 3
    PATH_MOVED = 4
    PATH_DELETED = 5
    DIRECTORY_CLEARED = 6
    DIRECTORY_IMPLIED = 7
    # a container's life
    CONTAINER_CREATED = 20
    CONTAINER_RENAMED = 21
    CONFIG_CHANGED = 22
    PROCESS_EXITED = 23
    COMMITTED = 24
    COMMIT_SIGNED = 25
    CONTAINER_REMOVED = 26
    CONTAINER_RESTORED = 27
    CHANGES_RECORDED = 28
    STEP_BUILT = 29
    # images and references
    LAYER_IMPORTED = 40
    IMAGE_LOADED = 41
    IMAGE_PULLED = 42
    IMAGE_SAVED = 43
    IMAGE_PUSHED = 44
    IMAGE_REMOVED = 45
    IMAGE_RESTORED = 46
    TAG_MOVED = 47
    TAG_DELETED = 48
    HISTORY_RECEIVED = 49
    IMAGE_BUILT = 50
    IMAGE_SERVED = 51
    REFERRER_KEPT = 52
    # housekeeping
    STORE_CREATED = 60
    ORIGINALS_DROPPED = 61
    CONTENT_ERASED = 62
    CONTENT_READMITTED = 63

    @property
    def title(self) -> str:
        """The name users see: FileWritten, PathDeleted, ..."""
        return "".join(word.capitalize() for word in self.name.split("_"))


TREE_KINDS = range(1, 20)
ARRIVALS = (Kind.IMAGE_LOADED, Kind.IMAGE_PULLED)
DEPARTURES = (Kind.IMAGE_SAVED, Kind.IMAGE_PUSHED, Kind.IMAGE_SERVED)

ENCODER = 3
"""The encoder that a seal states from now on.

The number stands for all that an image's digests depend on: which layers go out and which are merged, their Changes and the
order of those, the bytes of the tar, the JSON of the config.  An older encoder stays for ever, as digests have left by it.
"""

PUTS_DIRECTORY, NAMES, ATTRIBUTES, HIDES = range(4)
"""What an event does to names (its column `effect`): it puts a directory; puts or removes a name, and hides what was below
that; changes attributes alone; hides what is below alone."""
NAMING, HIDING = (PUTS_DIRECTORY, NAMES), (NAMES, HIDES)
"""The effects of events that say what a path is, and of those that hide what was below it."""


class Node(NamedTuple):
    """What a filesystem shows of a file, whatever its name.

    `mode` holds the type bits; `mtime` is ns since 1970; `size` is bytes; `content` is a regular file's digest (32 bytes),
    `target` a symlink's text (of links and moves: the other path); `detail` is JSON text: xattrs and device numbers.

    The rows of Change, Event and Entry hold these fields beside their own, flat, since millions of them pass by.
    """

    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    content: bytes | None = None
    target: bytes | None = None
    detail: str | None = None


class Event(NamedTuple):
    """One row of the log, `path` interned.

    `node`, `source`, `effect`, `fresh` and `id` are indexes that the appender derives from the rest (schema.py).
    """

    position: int
    stream: int
    version: int
    kind: int
    path: int | None
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    content: bytes | None
    target: bytes | None
    detail: str | None
    node: int | None
    source: int | None
    effect: int | None
    fresh: int | None
    id: bytes | None

    @property
    def stated(self) -> dict[str, Any]:
        """What `detail` says; {} where the event says nothing more."""
        return json.loads(self.detail) if self.detail else {}

    @property
    def commit(self) -> str:
        """The id (64 hex digits) of the commit that a Committed event makes."""
        return (self.id or b"").hex()


NODE_IN_EVENT = slice(Event._fields.index("mode"), Event._fields.index("detail") + 1)
assert tuple(Event._fields)[NODE_IN_EVENT] == Node._fields
"""Where an event's row, as it comes from the table, has the node that it states."""

EVENT_BYTES = b"%d:%b %d %d %d %d %d %d %d %d:%b %d:%b %d:%b %d:%b"


def event_bytes(stream: bytes, version: int, kind: int, path: bytes, node: Node) -> bytes:
    """Return the bytes that the chain covers: decimal numbers and length-prefixed strings, absent strings empty."""
    mode, uid, gid, mtime, size, content, target, detail = node
    content, target, said = content or b"", target or b"", detail.encode() if detail else b""
    return EVENT_BYTES % (
        len(stream), stream, version, kind, mode, uid, gid, mtime, size,
        len(path), path, len(content), content, len(target), target, len(said), said,
    )  # fmt: skip
