"""A bisection that is under way, kept in the store's folder: no part of the history, gone with `bisect reset`.

Of a store that cannot be written it is kept where the user's programs keep their state.
"""

import json
import os
from contextlib import suppress
from hashlib import sha256
from typing import Any, NamedTuple

from eventstore.disk.atomic import replacing
from eventstore.errors import NotFoundError, StoreError
from projections.history.bisect import Point, Segment, State


class Kept(NamedTuple):
    """A state, and the commands that led to it."""

    state: State
    said: tuple[str, ...]


def load(store: str) -> Kept:
    """Return what is kept; raise NotFoundError where no bisection is under way, StoreError where the file is none."""
    path = _path(store)
    try:
        with open(path, encoding="ascii") as file:
            return _read(json.load(file))
    except FileNotFoundError:
        raise NotFoundError("no bisection is under way; begin one with `layerlog bisect start BAD GOOD`") from None
    except (ValueError, KeyError, TypeError, IndexError):
        raise StoreError(f"{path} is damaged; `layerlog bisect reset` removes it") from None


def save(store: str, kept: Kept) -> None:
    """Keep it, whole or not at all; only the store's owner may read it."""
    os.makedirs(os.path.dirname(_path(store)), mode=0o700, exist_ok=True)
    with replacing(_path(store), durable=True) as fd, open(fd, "w", encoding="ascii", closefd=False) as file:
        json.dump({**kept.state._asdict(), "said": kept.said}, file)


def remove(store: str) -> None:
    """Forget it, if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(_path(store))


def _path(store: str) -> str:
    if os.access(store, os.W_OK):
        return os.path.join(store, "bisect.json")
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    named = sha256(os.fsencode(os.path.realpath(store))).hexdigest()[:16]
    return os.path.join(home, "layerlog", f"bisect-{named}.json")


def _read(stated: dict[str, Any]) -> Kept:
    line = [Segment(str(container), int(upto), *map(bool, erased)) for container, upto, *erased in stated["line"]]
    good, bad = (None if stated[key] is None else Point(*map(int, stated[key])) for key in ("good", "bad"))
    skipped = tuple(Point(*map(int, pair)) for pair in stated["skipped"])
    return Kept(State(line, good, bad, skipped), tuple(map(str, stated["said"])))
