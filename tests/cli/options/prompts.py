"""Shells at a terminal, at whose prompt a line is typed and the tabulator pressed."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.running import clean

READY = b"typehere>"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
PATIENCE = 60.0
"""Seconds that a shell may take for one line."""


class Prompt:
    """An interactive shell: ^G writes the line that is being typed to the file $OUT, and takes it away."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], out: Path) -> None:
        self.out = out
        self.terminal, theirs = pty.openpty()
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", *argv], env=clean({**env, "OUT": str(out)}), cwd=env["HOME"], stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self.shown = b""
        self._wait(lambda: READY in self.shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self.terminal)

    def completed(self, line: str, keys: str = "\t") -> str:
        """Return the line that stands there once *line* was typed and *keys* pressed."""
        return self.written(f"{line}{keys}\a")

    def written(self, keys: str) -> str:
        """Return what is in the file $OUT once *keys* were pressed that make it."""
        os.write(self.terminal, keys.encode())
        self._wait(self.out.exists)
        found = self.out.read_text()
        self.out.unlink()
        return found

    def _wait(self, there: object) -> None:
        assert callable(there)
        end = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < end, self.shown
            if select.select([self.terminal], [], [], 0.02)[0]:
                self.shown += os.read(self.terminal, 65536)


_WRITES = {
    "bash": r"""
PS1='typehere>'
eval "$(layerlog completion bash)"
written() { printf %s "$READLINE_LINE" > "$OUT.new"; mv "$OUT.new" "$OUT"; READLINE_LINE=; }
bind -x '"\C-g": written'
bind 'set bell-style none'
""",
    "zsh": r"""
PS1='typehere>'
unsetopt beep
autoload -Uz compinit && compinit -u -D
eval "$(layerlog completion zsh)"
written() { print -rn -- "$BUFFER" > $OUT.new; mv $OUT.new $OUT; BUFFER= }
zle -N written
bindkey '^G' written
""",
    "fish": r"""
function fish_prompt; echo -n 'typehere>'; end
function fish_greeting; end
set fish_autosuggestion_enabled 0
layerlog completion fish | source
bind \cg 'printf %s (commandline | string collect) > $OUT.new; mv $OUT.new $OUT; commandline ""'
""",
}


def prompt(shell: str, program: str, env: Mapping[str, str]) -> Prompt:
    """Return *program*, the path of *shell* (bash, bash-completion, zsh, fish), at a terminal in $HOME, with our completion."""
    kind, _, library = shell.partition("-")
    home = Path(env["HOME"])
    script = home / {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".fishrc"}[kind]
    script.write_text((f"source {BASH_COMPLETION}\n" if library else "") + _WRITES[kind])
    argv = {
        "bash": [program, "--noprofile", "--rcfile", str(script), "-i"],
        "zsh": [program, "-i"],
        "fish": [program, "--no-config", "-i", "-C", f"source {script}"],
    }[kind]
    return Prompt(argv, env, home / ".out")
