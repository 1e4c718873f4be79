import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_loaded
from tests.cli.running import ROOT, clean, layerlog, on_terminal
from tests.peers import peer

TRY = """
eval "$(layerlog completion bash)"
compopt() { printf 'option: %s\\n' "$2"; }
COMP_LINE="$LINE"; COMP_POINT=${#COMP_LINE}
_layerlog_completion layerlog
printf '%s\\n' "${COMPREPLY[@]}"
"""

ZSHRC = """
autoload -Uz compinit && compinit -u -D
eval "$(layerlog completion zsh)"
zle-line-init() {
    BUFFER=$LINE CURSOR=$#LINE
    zle complete-word
    print -r -- "$BUFFER|" > $OUT
    exit
}
zle -N zle-line-init
"""


@pytest.fixture
def ll(ll: Layerlog) -> Layerlog:
    with_loaded(ll, "app:2", "localhost/site")
    return ll


def completed(store: str, line: str, breaks: str = "") -> list[str]:
    """What the program answers to bash's question."""
    asked = {"_LAYERLOG_COMPLETE": "bash_complete", "LAYERLOG_LINE": line, "LAYERLOG_BREAKS": breaks, "LAYERLOG_STORE": store}
    done = layerlog(env=asked)
    assert done.stderr == ""
    return [line for line in done.stdout.split("\n") if line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("create ", ["web", "app:2", "base:1", "localhost/app:2", "localhost/site", "site"]),
        ("create a", ["app:2"]),
        ("create loc", ["localhost/app:2", "localhost/site"]),
        ("rm ", ["web"]),
        ("commit web ", ["app:2", "base:1", "localhost/app:2", "localhost/site", "site"]),
        ("ls w", ["web:/"]),
        ("ls web:/", ["web:/bin", "web:/etc/", "web:/srv/", "web:/usr/"]),
        ("ls base:1:/etc/m", ["base:1:/etc/motd"]),
        ("cat web:/bin/s", ["web:/bin/sh", "web:/bin/su"]),
        ("cat web@1:/etc/os", ["web@1:/etc/os-release"]),
        ("cat base:1:/etc/motd web:/etc/m", ["web:/etc/motd"]),
        ("write a", []),
        ("chmod 600 web:/etc/g", ["web:/etc/group"]),
        ("ls nope:/e", []),
        ("ls web:/nope/x", []),
        ("diff web b", ["base:1:/"]),
    ],
)
def test_what_completes(ll: Layerlog, line: str, expected: list[str]) -> None:
    assert completed(ll.store, f"layerlog {line}") == expected


def test_build_completes_dockerfiles_stages_and_tags(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base:1 AS made\n  from --platform=x made as Tested\nRUN echo FROM a AS b\nFROM made\n")
    file = str(tmp_path / "Dockerfile")
    assert completed(ll.store, f"layerlog build -f {tmp_path}/D") == [file]
    assert completed(ll.store, f"layerlog build -f {file} --target ") == ["made", "Tested"]
    assert completed(ll.store, f"layerlog build {tmp_path} --target m") == ["made"]
    assert completed(ll.store, f"layerlog build -f {tmp_path}/nothing --target ") == []
    assert completed(ll.store, "layerlog build -t a") == ["app:2"]


def test_cp_completes_this_machines_paths_too(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").touch()
    assert completed(ll.store, f"layerlog cp {tmp_path}/a") == [f"{tmp_path}/a\\ file", f"{tmp_path}/a\\ folder/"]
    assert completed(ll.store, "layerlog cp web:/etc/m") == ["web:/etc/motd"]
    for line in ("load -i", "import", "save -o", "export -o", "checkout web", "backup", "repair --from", "--store"):
        assert completed(ll.store, f"layerlog {line} {tmp_path}/a\\ fi") == [f"{tmp_path}/a\\ file"], line


def test_the_store_of_the_line_counts(ll: Layerlog, tmp_path: Path) -> None:
    assert completed("/nope", f"layerlog --store {ll.store} rm ") == ["web"]


def test_completing_makes_no_store_and_never_fails(tmp_path: Path) -> None:
    assert completed(str(tmp_path / "none"), "layerlog rm ") == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/log.db").write_bytes(b"x" * 5000)
    assert completed(str(tmp_path / "broken"), "layerlog rm ") == []


def test_only_what_bash_takes_for_the_last_word_is_answered(ll: Layerlog) -> None:
    breaks = " \t\n\"'@><=;|&(:"
    assert completed(ll.store, "layerlog cat web:/etc/m", breaks) == ["/etc/motd"]
    assert completed(ll.store, "layerlog cat web@1:/etc/m", breaks) == ["/etc/motd"]
    assert completed(ll.store, "layerlog create app", breaks) == ["app:2"]
    assert completed(ll.store, "layerlog create app:", breaks) == ["2"]


# -- the shells themselves


@pytest.fixture
def env(ll: Layerlog, tmp_path: Path) -> dict[str, str]:
    """An environment in which `layerlog` is this one, and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "a file").touch()
    (home / "folder").mkdir()
    (home / "layerlog").write_text(f'#!/bin/sh\nexec {sys.executable} -c "from cli.main import main; main()" "$@"\n')
    (home / "layerlog").chmod(0o755)
    ll("write", "--text", "x", "web:/etc/m n")
    ll("write", "--text", "x", "web:/etc/x:y,z")
    ll("mkdir", "web:/etc/conf.d")
    path = f"{home}:{os.environ['PATH']}"
    return {"PATH": path, "LAYERLOG_STORE": ll.store, "HOME": str(home), "ZDOTDIR": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm"}


def test_bash_itself(env: dict[str, str]) -> None:
    bash = peer("bash")

    def ask(line: str) -> list[str]:
        asked = clean({**env, "LINE": line})
        return subprocess.run([bash, "--norc", "-c", TRY], env=asked, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    assert ask("layerlog cat web:/etc/mo") == ["/etc/motd"]
    assert ask("layerlog ls web:/us") == ["option: nospace", "/usr/"]
    assert ask("layerlog comm") == ["commit"]
    assert ask("layerlog load -i ~/a") == ["~/a\\ file"]


def test_zsh_itself(env: dict[str, str], tmp_path: Path) -> None:
    """The line that stands there after a press of the tabulator."""
    zsh = peer("zsh")
    (tmp_path / "home/.zshrc").write_text(ZSHRC)

    def ask(line: str) -> str:
        on_terminal([zsh, "-i"], {**env, "LINE": line, "OUT": str(tmp_path / "out")}, stdin=True)
        return (tmp_path / "out").read_text().removesuffix("|\n")

    assert ask("layerlog comm") == "layerlog commit "
    assert ask("layerlog rm w") == "layerlog rm web "
    assert ask("layerlog create ap") == "layerlog create app:2 "
    assert ask("layerlog ls w") == "layerlog ls web:/"
    assert ask("layerlog ls web:/etc/c") == "layerlog ls web:/etc/conf.d/"
    assert ask("layerlog cat web:/etc/m\\ ") == "layerlog cat web:/etc/m\\ n "
    assert ask("layerlog cat web:/etc/x:") == "layerlog cat web:/etc/x:y,z "
    assert ask("layerlog load -i ~/a") == f"layerlog load -i {env['HOME']}/a\\ file "
    assert ask("layerlog checkout web ~/f") == f"layerlog checkout web {env['HOME']}/folder/"
    assert ask("layerlog rm nope") == "layerlog rm nope"


def test_fish_itself(env: dict[str, str]) -> None:
    fish = peer("fish")
    script = "layerlog completion fish | source; complete -C $LINE"

    def ask(line: str) -> list[str]:
        asked = clean({**env, "LINE": line})
        return subprocess.run([fish, "--no-config", "-c", script], env=asked, capture_output=True, text=True, check=True).stdout.splitlines()

    assert ask("layerlog conf") == ["config\tSet a container's command, environment, labels, ..."]
    assert ask("layerlog rm w") == ["web\tcontainer"]
    assert ask("layerlog create ap") == ["app:2\timage"]
    assert ask("layerlog ls web:/etc/c") == ["web:/etc/conf.d/"]
    assert ask("layerlog cat web:/etc/m") == ["web:/etc/m n", "web:/etc/motd"]
    assert ask("layerlog cat web:/etc/x") == ["web:/etc/x:y,z"]
    assert ask("layerlog load -i ~/a") == ["~/a file"]
    assert ask("layerlog rm nope") == []
