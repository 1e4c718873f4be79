"""Progress bars, one for each of several things that come at once; on a terminal alone, and gone when all have come."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cli.display.formats import human_size
from eventstore.model.paths import shown

_EVERY = 0.1  # seconds between two pictures
_DELAY = 0.5
_WIDEST_BAR = 30


class Bars:
    """Told of bytes by name, from any thread; a name's *total* is None as long as nobody knows it."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, int | None]] = {}
        self._lock = threading.Lock()
        self._drawn = 0
        self._next = time.monotonic() + _DELAY

    def advance(self, name: str, size: int, total: int | None) -> None:
        with self._lock:
            done, _ = self._rows.get(name, (0, None))
            self._rows[name] = (done + size, total)
            if time.monotonic() >= self._next:
                self._draw()

    def clear(self) -> None:
        """Leave the terminal as it was."""
        with self._lock:
            if self._drawn:
                _write(f"\x1b[{self._drawn}A\x1b[J")
                self._drawn = 0

    def say(self, line: str) -> None:
        """Print a line that stays, above the bars."""
        with self._lock:
            erased = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
            _write(f"{erased}{line}\n")
            self._drawn = 0

    def _draw(self) -> None:
        width, height = shutil.get_terminal_size()
        unfinished = [(name, *row) for name, row in self._rows.items() if row[0] != row[1]]
        lines = [_line(name, done, total, width) for name, done, total in unfinished[: max(1, height - 2)]]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        _write(up + "\x1b[J" + "".join(f"{line}\n" for line in lines))
        self._drawn, self._next = len(lines), time.monotonic() + _EVERY


@contextmanager
def bars(*, quiet: bool) -> Iterator[Bars | None]:
    """Give bars on stderr, or None where they are not wanted or it is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    shown_bars = Bars()
    _on_screen.append(shown_bars)
    try:
        yield shown_bars
    finally:
        _on_screen.remove(shown_bars)
        shown_bars.clear()


_on_screen: list[Bars] = []


def say(line: str) -> None:
    """Print a line on stderr, from any thread; bars that are shown make room for it."""
    if _on_screen:
        _on_screen[-1].say(line)
    else:
        _write(f"{line}\n")


def _line(name: str, done: int, total: int | None, width: int) -> str:
    """Return a line of less than *width* columns; a terminal that is too narrow for the bar shows none."""
    figures = human_size(done) + (f" of {human_size(total)}" if total is not None else "")
    room = min(_WIDEST_BAR, width - len(name) - len(figures) - 6)
    filled = min(room, room * done // total) if total else 0
    bar = f"[{'#' * filled}{'-' * (room - filled)}] " if total and room > 3 else ""
    return shown(f"{name} {bar}{figures}")[: width - 1]


def _write(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
