"""Guards: what a commit refuses to seal where the user asked for it.  All are off by default."""

import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from eventstore.model.entries import Entry
from eventstore.model.paths import as_bytes, shown
from projections.edits.secret_scan import MARKER, secrets
from projections.events.pathspecs import matcher, parsed
from projections.oci.config_diff import ConfigDifference

OF_FILE = 20
"""So many secrets that no line lets through are told of one file; there may be more."""

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


class Objection(NamedTuple):
    """What a guard objects to: of a file its `path`, of a secret the `line` too, of the config the `field`; `by` is what lets
    it through, "" nothing.
    """

    flaw: str
    path: bytes | None = None
    line: int | None = None
    by: str = ""
    field: str = ""

    def __str__(self) -> str:
        if self.path is None:
            return f"{shown(self.field)} {self.flaw}".lstrip()
        return f"/{shown(self.path)} {self.flaw}" + ("" if self.line is None else f" (line {self.line})")

    @property
    def stated(self) -> dict[str, Any]:
        config = {"field": shown(self.field)} if self.field else {}
        path = None if self.field else f"/{shown(self.path or b'')}"
        return {"path": path, "line": self.line, "flaw": self.flaw, "by": self.by} | config


def objections(
    asked: Guards, author: str | None, message: str | None, sealed: Iterable[Entry], read: Read, allowed: Iterable[str] = ()
) -> Iterator[Objection]:
    """Yield what the guards object to; *sealed* are the nodes that the commit would hold.

    Files of the pathspecs *allowed* are let through, and secrets whose line holds `MARKER`: those are yielded too, and say
    by what.
    """
    if asked.author and not author:
        yield Objection("it names no author (-a, or LAYERLOG_AUTHOR)")
    if asked.message and not message:
        yield Objection("it has no message (-m)")
    through = [(text, _through(text)) for text in allowed]
    for entry in sealed if asked.secrets or asked.setuid or asked.size is not None else ():
        by = next((text for text, matching in through if matching.match(entry.path)), "")
        yield from (flaw._replace(by=by or flaw.by) for flaw in _flaws(asked, entry, read))


def config_objections(
    asked: Guards, sealed: Iterable[ConfigDifference], instructions: Iterable[str], allowed: Iterable[str] = ()
) -> Iterator[Objection]:
    """As `objections`, of what a commit would seal of the config: values that it sets, and what the history keeps of others.

    *allowed* are let through where they say ENV NAME, LABEL NAME, CMD, ...: paths and their globs mean files alone.
    """
    if not asked.secrets:
        return
    texts = [(one.label, f"{one.name or one.field}={_text(one.after)}") for one in sealed if one.after is not None]
    texts += [(f"{text.partition(' ')[0]} (history)", text) for text in instructions]
    through = [(text, _through(text)) for text in allowed if re.match("[A-Z]+( |$)", text)]
    told: set[tuple[str, str]] = set()
    for label, text in texts:
        word = label.partition(" ")[0]
        by = next((known for known, matching in through if matching.match(as_bytes(label))), "")
        for secret in secrets([as_bytes(text)], b""):
            if not label.endswith(" (history)") or (word, secret.kind) not in told:
                yield Objection(f"holds {secret.kind}", by=by or (MARKER.decode() if secret.marked else ""), field=label)
            told.add((word, secret.kind))


def _through(text: str) -> re.Pattern[bytes]:
    """Return what matches the paths that one pathspec lets through: a name as it stands, and what it matches as a glob."""
    return matcher([parsed(as_bytes(text), lambda _: True), parsed(as_bytes(text), lambda _: False)])


def _text(value: object) -> str:
    return value if isinstance(value, str) else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _flaws(asked: Guards, entry: Entry, read: Read) -> Iterator[Objection]:
    if asked.setuid and entry.mode & (stat.S_ISUID | stat.S_ISGID) and entry.is_file:
        yield Objection("is setuid or setgid", entry.path)
    if asked.size is not None and entry.size > asked.size:
        yield Objection(f"has {entry.size} bytes, over {asked.size}", entry.path)
    if asked.secrets and entry.is_file:
        refused = 0
        for secret in secrets(read(entry), entry.path):
            yield Objection(f"holds {secret.kind}", entry.path, secret.line, MARKER.decode() if secret.marked else "")
            refused += not secret.marked
            if refused == OF_FILE:
                return
