"""What is asked of a build, and what it says while it goes on."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cli.display.bars import LiveLines, terminal_size
from cli.display.formats import counted, fitted
from eventstore.model.paths import shown
from projections.build.stages import Stage
from projections.oci.config import Platform
from projections.refs.targets import Target

LAST_LINES = 20
_EVERY = 0.05  # seconds between two pictures


class Request(NamedTuple):
    """`image` returns what a name in FROM or --from means, got from its registry where it must be; `epoch` is in seconds.

    `secret` returns the bytes of a secret by its id, None where none of that id was given.
    """

    arguments: Mapping[str, str]
    target: str | None
    tags: Sequence[str]
    labels: Sequence[str]
    network: str
    reuse: bool
    explain: bool
    platform: Platform
    own_platform: Platform
    epoch: int | None
    image: Callable[[str, Platform], Target]
    secret: Callable[[str], bytes | None]


class Progress:
    """Tells of steps on stderr, as `docker build --progress plain` does; what they print goes there, too.

    Where it is *live*, on a terminal, lines fit its width, and of what a step prints the last line is shown while it runs.
    """

    def __init__(self, *, quiet: bool, explain: bool, live: bool) -> None:
        self.quiet, self.explain, self._live = quiet, explain, live
        self.steps = self.reused = 0
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._next = 0.0
        self._lines = LiveLines()

    @property
    def hides(self) -> bool:
        """Whether nobody has seen what steps printed."""
        return self.quiet or self._live

    def begin(self, stage: Stage, number: int, total: int, instruction: str) -> None:
        self.steps += 1
        self.last.clear()
        self._say(f"[{stage.called} {number}/{total}] {shown(instruction.replace(chr(10), ' '))[:200]}")

    def found(self) -> None:
        self.reused += 1
        self._say("  reused")

    def missed(self, reasons: Sequence[str]) -> None:
        if self.explain:
            for reason in reasons or ["nothing like it was built before"]:
                self._say(f"  not reused: {shown(reason)}")

    def printed(self, line: str) -> None:
        """Tell a line of what a process prints."""
        self.last.append(line)
        if self._live and not self.quiet:
            self._draw(f"  | {shown(line)}")
        elif not self.quiet:
            print(f"  | {shown(line)}", file=sys.stderr)

    def end(self) -> None:
        self._say(f"{counted(self.steps, 'step')}, {self.reused} reused")

    def clear(self) -> None:
        """Leave nothing of a step's output on the terminal."""
        self._lines.clear()

    def _draw(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self._lines.draw([text])
            self._next = time.monotonic() + _EVERY

    def _say(self, text: str) -> None:
        if not self.quiet:
            self._lines.say(fitted(text, terminal_size()[0] - 1) if self._live else text)
