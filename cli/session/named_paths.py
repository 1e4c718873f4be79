"""What the paths on a command line mean, by one rule for all commands; where that is another path, it is said on stderr."""

import sys
from collections.abc import Iterable, Sequence

from eventstore.log.log import Log
from eventstore.model.paths import as_bytes, plain, shown
from projections.events import pathspecs
from projections.events.pathspecs import Pathspec
from projections.tree.symlinks import follow
from projections.tree.view import View

FEW = 3


def led(view: View, path: bytes, *, last: bool = False) -> bytes:
    """Return what *path* leads to in *view*, as `follow`."""
    found = follow(view, path, last=last)
    _say_led(plain(path), found)
    return found


def specs_in(view: View, texts: Iterable[str]) -> tuple[Pathspec, ...]:
    """Return the paths and globs that *texts* mean in a view."""
    found = tuple(spec for text in texts for spec in pathspecs.in_view(view, as_bytes(text)))
    say_meant(view.log, found, view)
    return found


def specs_anywhere(log: Log, texts: Iterable[str]) -> tuple[Pathspec, ...]:
    """Return the paths and globs that *texts* mean in some view of the log."""
    found = tuple(spec for text in texts for spec in pathspecs.anywhere(log, as_bytes(text)))
    say_meant(log, found)
    return found


def say_meant(log: Log, specs: Sequence[Pathspec], view: View | None = None) -> None:
    """Say which paths symlinks led to, and which ones a glob matches that could be a name: one with a set or a backslash."""
    for spec in specs:
        if not spec.is_glob:
            _say_led(plain(spec.written), spec.path)
        elif _could_be_name(spec) and (found := pathspecs.matched(log, spec, view, FEW + 1)):
            more = " and others" if len(found) > FEW else ""
            listed = ", ".join(f"/{shown(path)}" for path in found[:FEW])
            print(f"layerlog: {shown(spec.written)} matches {listed}{more}", file=sys.stderr)


def _could_be_name(spec: Pathspec) -> bool:
    return any(byte in spec.written for byte in (b"[", b"\\"))


def _say_led(asked: bytes, found: bytes) -> None:
    if asked != found:
        print(f"layerlog: /{shown(asked)} is /{shown(found)}", file=sys.stderr)
