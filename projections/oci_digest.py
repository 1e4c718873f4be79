"""Digests as OCI writes them; SHA-256 is the one algorithm that every tool reads, and the only one here."""

import hashlib
import re

from eventstore.errors import InvalidError
from eventstore.paths import shown

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_digest(text: str, what: str) -> str:
    """Return *text* as it is; InvalidError unless it is "sha256:" and 64 lower-case hex digits."""
    if not _DIGEST.fullmatch(text):
        raise InvalidError(f"{what}: {shown(text[:100])!r} is not a digest; sha256:<64 lower-case hex digits> is read")
    return text
