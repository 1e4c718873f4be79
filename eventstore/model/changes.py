"""Change: one intended change of a tree, on its way in.

Layer tars, host folders, command lines and archives are all just sources of Changes; what a Change means for a tree
is decided in `rules.py` alone.  A Change has the fields that its event will have.
"""

import json
import stat
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import NamedTuple

from eventstore.model.events import Kind

Xattrs = Mapping[bytes, bytes]


class Change(NamedTuple):
    """`content` is a digest (32 bytes) already put into the content store; sizes are bytes, `mtime` is ns since 1970."""

    kind: Kind
    path: bytes
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    content: bytes | None = None
    target: bytes | None = None
    detail: str | None = None


def put(
    path: bytes,
    mode: int,
    *,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
    size: int = 0,
    content: bytes | None = None,
    target: bytes | None = None,
    rdev: tuple[int, int] | None = None,
    xattrs: Xattrs | None = None,
) -> Change:
    """A node of any type but hard link: *mode* holds the type bits too; *target* is a symlink's, *rdev* a device's."""
    return Change(Kind.FILE_WRITTEN, path, mode, uid, gid, mtime, size, content, target, _detail(xattrs, rdev))


def attributes(path: bytes, mode: int, *, uid: int, gid: int, mtime: int, xattrs: Xattrs | None = None) -> Change:
    """chmod, chown, touch, setfattr: all attributes of the node, restated; type bits of *mode* as the node has them."""
    return Change(Kind.ATTRIBUTES_CHANGED, path, mode, uid, gid, mtime, detail=_detail(xattrs, None))


def implied(path: bytes) -> Change:
    """A directory that a layer's tar leaves out but needs: root's, 0755, unless a lower layer has it."""
    return Change(Kind.DIRECTORY_IMPLIED, path, stat.S_IFDIR | 0o755)


def link(path: bytes, target: bytes) -> Change:
    """One more name, *path*, for the node that *target* names."""
    return Change(Kind.LINK_MADE, path, target=target)


def delete(path: bytes) -> Change:
    """*path* and all below it are gone."""
    return Change(Kind.PATH_DELETED, path)


def clear(path: bytes) -> Change:
    """The directory stays, what lower layers (or earlier events) put below it is hidden."""
    return Change(Kind.DIRECTORY_CLEARED, path)


def move(source: bytes, path: bytes) -> Change:
    """*source*, with all below it, is now *path*."""
    return Change(Kind.PATH_MOVED, path, target=source)


def _detail(xattrs: Xattrs | None, rdev: tuple[int, int] | None) -> str | None:
    detail: dict[str, object] = {"rdev": rdev} if rdev else {}
    if xattrs:
        names = (name.decode("utf-8", "surrogateescape") for name in xattrs)
        texts = zip(names, (b2a_base64(value, newline=False).decode() for value in xattrs.values()), strict=True)
        detail["xattrs"] = dict(texts)
    return json.dumps(detail, sort_keys=True, separators=(",", ":")) if detail else None


def extras(detail: str | None) -> tuple[dict[bytes, bytes], tuple[int, int] | None]:
    """Return the (xattrs, rdev) that a Change's or an event's *detail* states."""
    if not detail:
        return {}, None
    stated = json.loads(detail)
    xattrs = {k.encode("utf-8", "surrogateescape"): a2b_base64(v) for k, v in stated.get("xattrs", {}).items()}
    rdev = stated.get("rdev")
    return xattrs, (rdev[0], rdev[1]) if rdev else None
