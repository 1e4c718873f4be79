"""Guards: what a commit refuses to seal where the user asked for it.  All are off by default."""

import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from eventstore.entries import Entry
from eventstore.errors import InvalidError
from eventstore.paths import shown

OVERLAP = 512
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SIZE = re.compile(r"size=(\d+)([kmg]?)b?", re.IGNORECASE)
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
NAMES = ("secrets", "setuid", "author", "message", "size=BYTES")

Read = Callable[[Entry], Iterable[bytes]]


class Guards(NamedTuple):
    """Which guards stand; `size` is the largest file allowed, in bytes, or None."""

    secrets: bool
    setuid: bool
    author: bool
    message: bool
    size: int | None

    @property
    def any(self) -> bool:
        return self.secrets or self.setuid or self.author or self.message or self.size is not None


def guards(rules: Iterable[str]) -> Guards:
    """Return what *rules* (secrets, setuid, author, message, size=10M) ask for; raise InvalidError for any other."""
    names, size = set(), None
    for rule in rules:
        match = _SIZE.fullmatch(rule)
        if match:
            size = int(match[1]) * _UNITS[match[2].lower()]
        elif rule in NAMES:
            names.add(rule)
        else:
            raise InvalidError(f"no guard {shown(rule)!r}; there are {', '.join(NAMES)} (as in size=10M)")
    return Guards("secrets" in names, "setuid" in names, "author" in names, "message" in names, size)


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
