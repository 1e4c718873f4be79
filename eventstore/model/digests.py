"""Digests as OCI writes them, "sha256:" and 64 hex digits; inside the store they are 32 raw bytes.

SHA-256 is the one algorithm that every tool reads, and the only one here.
"""

import hashlib
import re

from eventstore.errors import InvalidError
from eventstore.model.paths import shown


def named(digest: bytes) -> str:
    return "sha256:" + digest.hex()


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_digest(text: str, what: str) -> str:
    """Return *text* as it is; InvalidError unless it is "sha256:" and 64 lower-case hex digits."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise InvalidError(f"{what}: {shown(text[:100])!r} is not a digest; sha256:<64 lower-case hex digits> is read")
    return text


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
