"""The shells themselves: what stands at the prompt once a line was typed and the tabulator pressed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.options.completion import DIGITS
from cli.options.shells import Bash, Fish, split
from tests.cli.invoking import Layerlog, write_and_commit
from tests.cli.options.prompts import BASH_COMPLETION, prompt
from tests.cli.running import ROOT, clean
from tests.peers import lacking, peer

SHELLS = ("bash", "bash-completion", "zsh", "fish")
PATHS = ("a b", "q\"d's$HOME", "é{x,y}!", "x:y,z=@w", "~t*[c]")

LINES: dict[str, str | dict[str, str]] = {
    "comm": "commit ",
    "container rena": "container rename ",
    "help rmi": "help rmi ",
    "rm w": "rm web ",
    "rm nope": "rm nope",
    "create ba": "create base:1 ",
    "create base:": "create base:1 ",
    "ls w": "ls web:/",
    "ls web:/et": "ls web:/etc/",
    "ls 'w": "ls 'web:/",
    "ls 'web:/et": "ls 'web:/etc/",
    'ls "web:/et': 'ls "web:/etc/',
    "ls 'web:/etc/conf": {"bash": "ls 'web:/etc/conf.d/'", "zsh": "ls 'web:/etc/conf.d/", "fish": "ls 'web:/etc/conf.d/"},
    "cat 'web:/etc/'mo": {"bash": "cat 'web:/etc/'motd ", "zsh": "cat 'web:/etc/motd' ", "fish": "cat 'web:/etc/'motd "},
    'cat "web:"/etc/mo': {"bash": 'cat "web:"/etc/motd ', "zsh": 'cat "web:/etc/motd" ', "fish": 'cat "web:"/etc/motd '},
    "cat web@4:/etc/mo": "cat web@4:/etc/motd ",
    "cat web~0:/etc/mo": "cat web~0:/etc/motd ",
    "cat base:1:/etc/mo": "cat base:1:/etc/motd ",
    "cat web:/etc/a": r"cat web:/etc/a\ b ",
    "cat web:/etc/a\\ ": r"cat web:/etc/a\ b ",
    "cat 'web:/etc/a ": "cat 'web:/etc/a b' ",
    'cat "web:/etc/a ': 'cat "web:/etc/a b" ',
    "cat web:/etc/x:": {"bash": "cat web:/etc/x:y,z=@w ", "zsh": r"cat web:/etc/x:y,z=@w ", "fish": "cat web:/etc/x:y,z=@w "},
    "cat 'web:/etc/q": {
        "bash": """cat 'web:/etc/q"d'\\''s$HOME' """,
        "zsh": """cat 'web:/etc/q"d'\\''s$HOME' """,
        "fish": """cat 'web:/etc/q"d\\'s$HOME' """,
    },
    "log web -- /et": "log web -- /etc/",
    "log web -- '/etc/a": "log web -- '/etc/a b' ",
    "diff web base:1 -- /etc/mo": "diff web base:1 -- /etc/motd ",
    "log web@4..w": "log web@4..web ",
    "ps --filter st": "ps --filter status=",
    "ps --filter status=uns": "ps --filter status=unsealed ",
    "ps --filter=status=uns": "ps --filter=status=unsealed ",
    "tag base:1@": {"bash": "tag base:1@{0} ", "zsh": r"tag base:1@\{0\} ", "fish": r"tag base:1@\{0\} "},
    "tag base:1@{": {"bash": "tag base:1@{0} ", "zsh": r"tag base:1@{0\}", "fish": r"tag base:1@{0\} "},
    "tag 'base:1@{": "tag 'base:1@{0}' ",
    "undelete ma": "undelete made ",
    "load -i ~/a": r"load -i ~/a\ file ",
    "load -i $HOME/a": r"load -i $HOME/a\ file ",
    "load -i 'a": "load -i 'a file' ",
    "checkout web ~/fo": "checkout web ~/folder/",
    "--store=fo": "--store=folder/",
    "--store /nope rm ": "--store /nope rm ",
}
"""What was typed, and what stands there then (in each shell), all behind the program's name."""


@pytest.fixture
def env(ll: Layerlog, tmp_path: Path) -> dict[str, str]:
    """An environment in which `layerlog` is this one, and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "a file").touch()
    (home / "folder").mkdir()
    (home / ".bin").mkdir()
    (home / ".bin/layerlog").write_text(f'#!/bin/sh\nexec {sys.executable} -c "from cli.main import main; main()" "$@"\n')
    (home / ".bin/layerlog").chmod(0o755)
    for name in PATHS:
        ll("write", "--text", name, f"web:/etc/{name}")
    ll("mkdir", "web:/etc/conf.d")
    mine = {"HOME": str(home), "ZDOTDIR": str(home), "XDG_CONFIG_HOME": str(home / ".x"), "XDG_DATA_HOME": str(home / ".x")}
    path = f"{home / '.bin'}:{os.environ['PATH']}"
    return {**mine, "PATH": path, "LAYERLOG_STORE": ll.store, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LANG": "C.UTF-8"}


def the(shell: str) -> str:
    if shell == "bash-completion" and not BASH_COMPLETION.exists():
        lacking("bash-completion is not installed")
    return peer(shell.partition("-")[0])


@pytest.mark.parametrize("shell", SHELLS)
def test_lines_at_the_prompt(env: dict[str, str], shell: str) -> None:
    kind = shell.partition("-")[0]
    expected = {line: then if isinstance(then, str) else then[kind] for line, then in LINES.items()}
    with prompt(shell, the(shell), env) as at:
        found = {line: at.completed(f"layerlog {line}").removeprefix("layerlog ") for line in LINES}
    assert found == expected


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_what_is_completed_is_what_the_program_is_given(env: dict[str, str], shell: str, quote: str) -> None:
    """Whatever the names hold that means something to the shell, and whichever quote was begun."""
    with prompt(shell, the(shell), env) as at:
        for name in PATHS:
            found = at.written(f"layerlog cat {quote}web:/etc/{name[0]}\t> $OUT.new; mv $OUT.new $OUT\r")
            assert found == name, at.shown


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_ids_are_described_by_their_messages(ll: Layerlog, env: dict[str, str], shell: str) -> None:
    commit = write_and_commit(ll, "x", "-m", "100% done: $HOME [x] `y`", "web")
    line, list_choices = f"layerlog revert {commit[:2]}", {"zsh": "\x04", "fish": "\t"}[shell]
    if shell == "fish":
        script = f"layerlog completion fish | source; complete -C '{line}'"
        shown = subprocess.run([the(shell), "--no-config", "-c", script], env=clean(env), capture_output=True, check=True).stdout
    else:
        with prompt(shell, the(shell), env) as at:
            at.completed(line, list_choices)
            shown = at.shown
    assert b"100% done: $HOME [x] `y`" in shown
    assert commit[:DIGITS].encode() in shown


@pytest.mark.parametrize(
    ("line", "words", "quote"),
    [
        ("a", ["a"], ""),
        ("a ", ["a", ""], ""),
        ("  a  b", ["a", "b"], ""),
        ("a '", ["a", ""], "'"),
        ("a '' ", ["a", "", ""], ""),
        ("a b'c d'e", ["a", "bc de"], ""),
        ("a b\\ ", ["a", "b "], ""),
        ("a b\\", ["a", "b"], ""),
        (r"""a "\"\$\`\\\x""", ["a", '"$`\\\\x'], '"'),
        (r"""a 'b\'c""", ["a", "b\\c"], ""),
        ("""a "b'c" 'd"e""", ["a", "b'c", 'd"e'], "'"),
    ],
)
def test_words_are_split_as_the_shell_does(line: str, words: list[str], quote: str) -> None:
    assert split(line, Bash.escapes) == (words, quote)


def test_fish_has_escapes_in_single_quotes() -> None:
    assert split(r"a 'b\'c\\\d", Fish.escapes) == (["a", r"b'c\\d"], "'")
