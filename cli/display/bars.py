"""How far long work is: lines at the bottom of the terminal, drawn anew in place, on stderr and on a terminal alone.

The cursor rests on the first character of the first line.  A terminal that is made narrower meanwhile wraps what is drawn or
cuts it, and either way all that was drawn, and nothing else, stands from there on: that much is erased, and nothing is left.
Lines are drawn without wrapping (DECAWM off), for the terminal may be narrower already than it has said.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cli.display.formats import columns_of, fitted, human_size
from eventstore.model.paths import shown

_EVERY = 0.1  # seconds between two pictures
_DELAY = 0.5  # what is over before that needs no bar
_GUESSED = 3.0  # after so many seconds it is said how many more it may take
_WIDEST_BAR = 30
_USUAL = (80, 24)


class LiveLines:
    """Lines that stand below all others, until they are drawn anew or cleared; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_drawn = False

    def draw(self, lines: Sequence[str]) -> None:
        """Show *lines*, each cut to the terminal's width, in place of those that are shown."""
        columns, rows = terminal_size()
        fit = [fitted(line, columns - 1) for line in lines[: max(1, rows - 1)]]
        up = f"\x1b[{len(fit) - 1}A" if len(fit) > 1 else ""
        with self._lock:
            if not self._is_drawn:
                _on_screen.append(self)
            _write("\x1b[J\x1b[?7l" + "\n".join(fit) + up + "\r\x1b[?7h")
            self._is_drawn = True

    def say(self, line: str) -> None:
        """Print a line that stays."""
        with self._lock:
            _write(f"{self._erased()}{line}\n")

    def clear(self) -> None:
        """Leave the terminal as it was."""
        with self._lock:
            _write(self._erased())

    def _erased(self) -> str:
        if not self._is_drawn:
            return ""
        self._is_drawn = False
        _on_screen.remove(self)
        return "\x1b[J"


class Bars:
    """One bar for each of several things that come at once, told of by name; *text* is how a number of them reads."""

    def __init__(self, text: Callable[[int], str] = human_size) -> None:
        self.lines = LiveLines()
        self._text = text
        self._rows: dict[str, tuple[int, int | None]] = {}
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._next = self._began + _DELAY

    def advance(self, name: str, size: int, total: int | None) -> None:
        """Tell, from any thread, of *size* more; *total* is None as long as nobody knows it."""
        with self._lock:
            done, _ = self._rows.get(name, (0, None))
            self._rows[name] = (done + size, total)
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _EVERY
            rows = list(self._rows.items())
        unfinished = [row for row in rows if row[1][0] != row[1][1]]
        room = terminal_size()[0] - 1
        self.lines.draw([self._line(name, *row, room) for name, row in unfinished or rows[-1:]])

    def _line(self, name: str, done: int, total: int | None, room: int) -> str:
        """Return the fullest line that fits into *room* columns; the barest begins with the figure, as its end is cut."""
        label, figures = shown(name), self._text(done)
        if total is None:
            ways = [f"{label} {figures}", f"{figures} {label}"]
        else:
            figures += f" of {self._text(total)}"
            left = self._left(done, total)
            width = min(_WIDEST_BAR, room - columns_of(f"{label} [] {figures}{left}"))
            filled = min(width, width * done // (total or 1))
            bar = f"[{'#' * filled}{'-' * (width - filled)}]"
            ways = [f"{label} {bar} {figures}{left}"] if width > 1 else []
            ways += [f"{label} {figures}{left}", f"{label} {figures}", f"{100 * done // (total or 1)}% {label}"]
        return next((way for way in ways if columns_of(way) <= room), ways[-1])

    def _left(self, done: int, total: int) -> str:
        """Return how much longer it takes if it goes on as it went, once that can be said."""
        elapsed = time.monotonic() - self._began
        if elapsed < _GUESSED or not 0 < done < total:
            return ""
        minutes, seconds = divmod(int(elapsed * (total - done) / done), 60)
        return f", {minutes}:{seconds:02} left"


@contextmanager
def bars(*, quiet: bool, text: Callable[[int], str] = human_size) -> Iterator[Bars | None]:
    """Give bars on stderr, or None where they are not wanted or it is no terminal that could show them."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    drawn = Bars(text)
    try:
        yield drawn
    finally:
        drawn.lines.clear()


@contextmanager
def progress(total: int | None, label: str, unit: str = "items", *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Give a function that is told of each step: *unit* is "items" or "bytes", *total* None if not known.

    A bar appears on stderr if that is a terminal and the work takes over half a second; else nothing is shown.
    """
    with bars(quiet=quiet, text=human_size if unit == "bytes" else str) as drawn:
        yield (lambda _: None) if drawn is None else (lambda steps: drawn.advance(label, steps, total))


_on_screen: list[LiveLines] = []


def say(line: str) -> None:
    """Print a line on stderr, from any thread; lines that are drawn make room for it."""
    drawn = _on_screen[-1:]
    if drawn:
        drawn[0].say(line)
    else:
        _write(f"{line}\n")


def terminal_size() -> tuple[int, int]:
    """Return the columns and rows of the terminal that stderr is."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return _USUAL
    return columns or _USUAL[0], rows or _USUAL[1]


def _write(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
