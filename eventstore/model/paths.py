"""Paths are bytes, absolute without the leading slash: b"" is the root, b"etc/motd" a file below it."""

from eventstore.errors import InvalidError

MAX_PATH = 4096
MAX_NAME = 255
MARKER = b".wh."
"""What the name of a whiteout begins with in a layer's tar (OCI image-spec, layer.md), and so no file's can."""


def checked(path: bytes) -> bytes:
    """Return *path* without its leading slash; raise InvalidError where no filesystem would take it as it stands.

    One leading slash is allowed; `.`, `..`, empty parts, NUL, parts over 255 bytes and paths over 4,096 bytes are not.
    """
    relative = path[1:] if path.startswith(b"/") else path
    if len(relative) > MAX_PATH:
        raise InvalidError(f"path of {len(relative)} bytes ({shown(relative[:40])}...): at most {MAX_PATH} are allowed")
    if b"\0" in relative:
        raise InvalidError(f"path {shown(relative)}: a NUL byte cannot be part of a name")
    for part in relative.split(b"/") if relative else ():
        if part in (b"", b".", b".."):
            raise InvalidError(f"path {shown(relative)}: the part {shown(part)!r} is not a name")
        if len(part) > MAX_NAME:
            raise InvalidError(f"path {shown(relative[:40])}...: a name of {len(part)} bytes is over {MAX_NAME}")
    return relative


def spelled(path: bytes) -> bytes:
    """Return a path as somebody wrote it without its empty parts and its `.`; what needs a tree to be understood stays:
    `..`, and a slash at the end, which asks for a directory.  Raise InvalidError as `checked`.
    """
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    checked(b"/".join(part for part in parts if part != b".."))
    directory = parts and path.endswith((b"/", b"/."))
    return b"/".join(parts) + (b"/" if directory else b"")


def plain(path: bytes) -> bytes:
    """Return a `spelled` path without `..` and the slash at its end, where there is no tree to follow symlinks in."""
    found: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del found[-1:]
        elif part:
            found.append(part)
    return b"/".join(found)


def is_marker(path: bytes) -> bool:
    """Whether a layer's tar would take the path, or a directory above it, for a whiteout."""
    return path.startswith(MARKER) or b"/" + MARKER in path


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return (parent, name); the root has no parent and must not be asked for one."""
    parent, _, name = path.rpartition(b"/")
    return parent, name


def ancestors(path: bytes) -> list[bytes]:
    """Return every proper prefix of *path* from the root (b"") down, *path* itself left out; [] for the root."""
    found = []
    while path:
        path = path.rpartition(b"/")[0]
        found.append(path)
    return found[::-1]


def order(path: bytes) -> bytes:
    """Return the key that sorts paths in tree order: a directory, then all that is below it, then its next sibling."""
    return path.replace(b"/", b"\0")


def path_of(key: bytes) -> bytes:
    """Return the path whose `order` is *key*."""
    return key.replace(b"\0", b"/")


def join(parent: bytes, name: bytes) -> bytes:
    return parent + b"/" + name if parent else name


def as_bytes(text: str) -> bytes:
    """Return the bytes that *text* stood for on the command line, UTF-8 or not (PEP 383)."""
    return text.encode("utf-8", "surrogateescape")


def shown(text: bytes | str) -> str:
    r"""Return *text* for a message to a person: control, bidi and undecodable characters escaped, on one line.

    A byte that is no UTF-8 is `\xfc`, also in a text that stood for bytes (PEP 383), so that a name looks the same everywhere.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shown_name(name: bytes) -> str | None:
    """Return how *name* is shown where its bytes are not plain printable text, else None."""
    text = shown(name)
    return None if text.encode() == name else text
