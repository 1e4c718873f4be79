"""What a step is made from, as one text: its digest is the key by which the step is found again, its lines say what changed.

The first line is JSON; one line follows for each file that the step takes.
"""

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from eventstore.content.reader import Content
from eventstore.errors import ErasedError
from eventstore.index.provenance import step_like, step_with
from eventstore.log.log import Log
from eventstore.model.changes import Change, extras
from eventstore.model.events import Event, Kind
from eventstore.model.paths import shown

MOST_NAMED = 5


def text(stated: Mapping[str, Any], files: Iterable[str] = ()) -> bytes:
    """Return the text of what a step states of itself, and of the files that it takes."""
    first = json.dumps(stated, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return "\n".join([first, *files, ""]).encode()


def key(inputs: bytes) -> bytes:
    return sha256(inputs).digest()


def lines(changes: Iterable[Change]) -> Iterator[str]:
    """Yield what counts of each change: all but its time, since a fresh clone of the same files has other ones."""
    for change in changes:
        what = (change.content or b"").hex() or shown(change.target or b"")
        more = "" if change.detail is None else _detail(change.detail)
        yield f"{change.mode:o} {change.uid}:{change.gid} {what}{more}\t{shown(change.path)}"


def _detail(text: str) -> str:
    xattrs, rdev = extras(text)
    said = [f"{shown(name)}={value.hex()}" for name, value in sorted(xattrs.items())]
    return " ".join(["", *said, *([f"device {rdev[0]}:{rdev[1]}"] if rdev else [])])


# -- what was built before


def find(log: Log, wanted: bytes) -> Event | None:
    """Return the seal of the latest step with that key: O(steps ever built), by the index of their kind."""
    event = step_with(log, wanted)
    if event is None:
        return None
    seal = log.event(event.stream, event.version + 1)
    return seal if seal.kind == Kind.COMMITTED else None


def changed(log: Log, content: Content, stage: str, number: int, instruction: str, now: bytes, moved: str) -> list[str]:
    """Return why a step isn't found: what differs from the latest step of the same instruction, or of the same place.

    *moved* says why it may stand on something else.  [] where there was none.  O(steps ever built + the step's files).
    """
    event = step_like(log, stage, number, instruction)
    if event is None or event.content is None:
        return []
    try:
        before = content.read_all(event.content)
    except ErasedError:
        return []
    return list(_differences(before.decode(), now.decode(), moved))


def _differences(before: str, now: str, moved: str) -> Iterator[str]:
    (old, old_files), (new, new_files) = _parsed(before), _parsed(now)
    for name in sorted(old.keys() | new.keys()):
        if name == "base" and old.get(name) != new.get(name):
            yield moved
        else:
            yield from _of_value(name, old.get(name), new.get(name))
    names = sorted(old_files.keys() | new_files.keys())
    differing = [name for name in names if old_files.get(name) != new_files.get(name)]
    for name in differing[:MOST_NAMED]:
        yield f"{name} {_how(old_files.get(name), new_files.get(name))}"
    if len(differing) > MOST_NAMED:
        yield f"and {len(differing) - MOST_NAMED} files more"


def _parsed(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    first, *rest = text.rstrip("\n").split("\n")
    files = (line.partition("\t") for line in rest)
    return json.loads(first), {name: what for what, _, name in files}


def _of_value(name: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"{name} {key}: {_shown(old.get(key))} became {_shown(new.get(key))}"
    else:
        yield f"{name}: {_shown(old)} became {_shown(new)}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else shown(value if isinstance(value, str) else json.dumps(value))[:80]


def _how(old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return "is new" if old is None else "is gone"
    pairs = zip_longest(old.split(" ", 2), new.split(" ", 2))
    names = [name for name, (a, b) in zip(("its mode", "its owner", "its content"), pairs, strict=False) if a != b]
    kinds = (stat.S_IFMT(int(each.partition(" ")[0] or "0", 8)) for each in (old, new))
    return "is of another kind now" if len(set(kinds)) > 1 else f"changed: {' and '.join(names) or 'its attributes'}"
