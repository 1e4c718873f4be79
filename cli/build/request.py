"""What is asked of a build, and what it says while it goes on."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cli.display.formats import counted
from eventstore.model.paths import shown
from projections.build.stages import Stage
from projections.oci.config import Platform
from projections.refs.targets import Target

LAST_LINES = 20
_FAINT, _PLAIN = "\x1b[2m", "\x1b[0m"


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
    """Tells of steps on stderr, as `docker build --progress plain` does; what they print goes there, too."""

    def __init__(self, *, quiet: bool, explain: bool) -> None:
        self.quiet, self.explain = quiet, explain
        self.steps = self.reused = 0
        self.last: list[str] = []
        self._began = time.monotonic()

    def begin(self, stage: Stage, number: int, total: int, instruction: str) -> None:
        self.steps += 1
        self.last = []
        self._began = time.monotonic()
        self._say(f"[{stage.called} {number}/{total}] {shown(instruction.replace(chr(10), ' '))[:200]}")

    def found(self) -> None:
        self.reused += 1
        self._say("  reused")

    def missed(self, reasons: Sequence[str]) -> None:
        if self.explain:
            for reason in reasons or ["nothing like it was built before"]:
                self._say(f"  not reused: {shown(reason)}")

    def built(self) -> None:
        self._say(f"  done in {time.monotonic() - self._began:.1f} s")

    def printed(self, line: str) -> None:
        """Tell a line of what a process prints."""
        self.last = [*self.last, line][-LAST_LINES:]
        if not self.quiet:
            print(f"  | {shown(line)}", file=sys.stderr)

    def end(self) -> None:
        self._say(f"{counted(self.steps, 'step')}, {self.reused} reused")

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)
