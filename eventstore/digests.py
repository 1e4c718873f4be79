"""Digests as text, "sha256:" and 64 hex digits; inside the store they are 32 raw bytes."""

from eventstore.errors import InvalidError
from eventstore.paths import shown


def named(digest: bytes) -> str:
    return "sha256:" + digest.hex()


def raw(text: str) -> bytes:
    """Return the 32 bytes of a checked digest."""
    return bytes.fromhex(text.removeprefix("sha256:"))


def parsed(text: str) -> bytes:
    """Return the 32 bytes of a digest that a user wrote, with "sha256:" or without; raise InvalidError."""
    try:
        found = raw(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidError(f"{shown(text)!r} is no digest: write sha256: and 64 hex digits, as `layerlog stat` shows them")
    return found
