"""Sources of ADD that lie elsewhere: how they are spelled, and what a fetched file is called."""

import posixpath
import re

from eventstore.errors import InvalidError
from eventstore.model.digests import check_digest
from eventstore.model.paths import shown

_URL = re.compile(r"https?://", re.IGNORECASE)
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_GIT = re.compile(r"(git|ssh|git\+\w+)://|[\w.-]+@[\w.-]+:|https?://[^#]+\.git(#|$)|github\.com/[^#]+(#|\.git$)", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether a source is fetched; raise InvalidError for one in git."""
    if _GIT.match(text):
        raise InvalidError(f"{shown(text)}: sources in git are not fetched; clone it into the context first")
    return _URL.match(text) is not None


def name_of(url: str) -> str:
    """Return what a file is called by its URL alone, "" where that says nothing."""
    _, _, path = re.split(r"[?#]", url)[0].partition("://")[2].partition("/")
    plain = _ENCODED.sub(lambda found: bytes.fromhex(found[1].decode()), path.encode(errors="surrogateescape"))
    name = posixpath.basename(plain.decode(errors="surrogateescape").rstrip("/"))
    return "" if name in (".", "..") else name



def check_checksum(text: str, sources: int) -> None:
    """Raise InvalidError for what --checksum cannot be, of so many *sources*."""
    check_digest(text, "--checksum")
    if sources != 1:
        raise InvalidError("--checksum is of one source; write an ADD for each")


def require_network(url: str, network: str) -> None:
    """Raise InvalidError where a build has no network to fetch *url* over."""
    if network == "none":
        raise InvalidError(f"{shown(url)}: nothing is fetched with --network none; copy it into the context first")
