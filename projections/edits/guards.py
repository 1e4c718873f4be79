"""Guards: what a commit refuses to seal where the user asked for it.  All are off by default."""

import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from eventstore.model.entries import Entry
from eventstore.model.paths import shown

OVERLAP = 512
_SECRETS = {
    "a private key": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": rb"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,})",
    "a GitLab token": rb"\bglpat-[0-9A-Za-z_-]{20,}",
    "a Slack token": rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    "a Google API key": rb"\bAIza[0-9A-Za-z_-]{35}\b",
    "an npm token": rb"\bnpm_[0-9A-Za-z]{36}\b",
    "a PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}",
    "a Stripe key": rb"\b[rs]k_live_[0-9A-Za-z]{20,}",
}
_PATTERN = re.compile(b"|".join(b"(" + pattern + b")" for pattern in _SECRETS.values()))

Read = Callable[[Entry], Iterable[bytes]]


class Guards(NamedTuple):
    """Which guards stand; `size` is the largest file allowed, in bytes, or None."""

    secrets: bool = False
    setuid: bool = False
    author: bool = False
    message: bool = False
    size: int | None = None

    @property
    def any(self) -> bool:
        return self.secrets or self.setuid or self.author or self.message or self.size is not None


def objections(asked: Guards, author: str | None, message: str | None, sealed: Iterable[Entry], read: Read) -> Iterator[str]:
    """Yield one line for each thing that the guards object to; *sealed* are the nodes that the commit would hold."""
    if asked.author and not author:
        yield "it names no author (-a, or LAYERLOG_AUTHOR)"
    if asked.message and not message:
        yield "it has no message (-m)"
    for entry in sealed if asked.secrets or asked.setuid or asked.size is not None else ():
        yield from (f"/{shown(entry.path)} {flaw}" for flaw in _flaws(asked, entry, read))


def _flaws(asked: Guards, entry: Entry, read: Read) -> Iterator[str]:
    if asked.setuid and entry.mode & (stat.S_ISUID | stat.S_ISGID) and entry.is_file:
        yield "is setuid or setgid"
    if asked.size is not None and entry.size > asked.size:
        yield f"has {entry.size} bytes, over {asked.size}"
    if asked.secrets and entry.is_file and (secret := _secret(read(entry))):
        yield f"holds {secret}"


def _secret(chunks: Iterable[bytes]) -> str | None:
    """Return what kind of secret the bytes hold, if any; one that lies across two chunks is found too."""
    tail = b""
    for chunk in chunks:
        window = tail + chunk
        match = _PATTERN.search(window)
        if match and match.lastindex:
            return list(_SECRETS)[match.lastindex - 1]
        tail = window[-OVERLAP:]
    return None
