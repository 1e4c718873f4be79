"""What hands that are used to docker and git type: each line works, or is answered in one line that says what to type."""

import shlex
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog

WORKS = ""
DOCKER = {
    "images": WORKS, "image ls": WORKS, "images -a": WORKS, "images -q --no-trunc": WORKS, "image inspect app:1": WORKS,
    "history app:1": WORKS, "image history --no-trunc app:1": WORKS, "tag app:1 app:2": WORKS, "image tag app:1 x/y:z": WORKS,
    "rmi app:1": WORKS, "image rm app:1": WORKS, "save app:1 -o app.tar": WORKS, "image save -o app.tar app:1": WORKS,
    "load -i app.tar": WORKS, "load app.tar": WORKS, "image prune -f": "No such option", "ps": WORKS, "ps -a": WORKS, "ps -aq": WORKS,
    "container ls --all": WORKS, "create --name two app:1": WORKS, "container create app:1": WORKS, "rename web old": WORKS,
    "rm web": WORKS, "rm -f web": WORKS, "container rm web": WORKS, "cp web:/etc/motd motd": WORKS, "cp -r web:/etc etc": WORKS,
    "container cp web:/srv .": WORKS, "diff web": WORKS, "commit -m x -a 'Ada <a@b>' web app:3": WORKS, "export web -o web.tar": WORKS,
    "inspect -f '{{.Config.Cmd}}' app:1": WORKS, "version": WORKS, "--version": WORKS, "help commit": WORKS, "system df": WORKS,
    "start web": "layerlog run CONTAINER", "stop web": "`layerlog exec CONTAINER kill 1`", "logs web": "`layerlog run` prints",
    "run -d app:1": "there is no daemon", "run -p 80:80 app:1": "machine's network", "volume ls": "layerlog run -v",
    "network ls": "--network none", "info": "layerlog df", "search tomcat": "layerlog tags", "system": "goes before one of df, prune",
}  # fmt: skip
GIT = {
    "log web": WORKS, "log --oneline web": WORKS, "log -p web": WORKS, "log --stat web": WORKS, "log -n 1 web": WORKS,
    "log --graph": WORKS, "log --all": WORKS, "log --author Ada web": WORKS, "log web -- /etc/motd": WORKS,
    "log --follow web -- /etc/motd": WORKS, "log app:1..web": WORKS, "show app:1": WORKS, "show web:/etc/motd": WORKS,
    "diff app:1 web": WORKS, "diff app:1..web": WORKS, "diff -p web": WORKS, "diff --stat web": WORKS, "diff app:1 web -- /etc": WORKS,
    "diff -U 1 -p web": WORKS, "blame web:/etc/motd": WORKS, "blame --lines web:/etc/motd": WORKS, "status": WORKS, "status web": WORKS,
    "tag": WORKS, "restore app:1:/etc/motd web:/etc/motd": WORKS, "revert web": "its last commit is", "bisect start web@4 web@2": WORKS,
    "mv web:/etc/motd web:/etc/m": WORKS, "help log": WORKS, "commit -m x web": WORKS, "undelete": WORKS, "reflog": WORKS, "reflog app:1": WORKS,
    "add .": "in the log already", "branch": "layerlog fork", "switch other": "layerlog fork", "merge other": "layerlog cp",
    "rebase app:1": "layerlog create", "reset --hard": "layerlog undo", "stash": "layerlog fork", "clone x": "layerlog pull",
    "fetch": "layerlog pull", "init": "made by the first", "grep x": "layerlog find", "cherry-pick x": "No such command",
}  # fmt: skip


@pytest.fixture
def habitual(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    """A store with the container web and the images app:1 and base:1, and the archive app.tar beside it."""
    monkeypatch.chdir(tmp_path)
    ll("write", "--text", "one\n", "web:/etc/motd")
    ll("commit", "-m", "one", "-a", "Ada <a@b>", "web", "app:1")
    ll("write", "--text", "two\n", "web:/etc/motd")
    ll("save", "-q", "-o", "app.tar", "base:1")
    return ll


@pytest.mark.parametrize("line", [*DOCKER, *GIT])
def test_a_line_works_or_says_what_to_type(habitual: Layerlog, line: str) -> None:
    told = (DOCKER | GIT)[line]
    done = habitual.run(*shlex.split(line))
    if told == WORKS:
        assert done.exit_code in (0, 1), done.stderr
        assert "No such" not in done.stderr, done.stderr
        assert (done.exit_code == 0) or "diff" in line or "bisect" in line, done.stderr
    else:
        assert done.exit_code in (1, 2)
        said = done.stderr.splitlines()[-1]
        assert told in said


def test_there_are_forty_of_each() -> None:
    assert min(len(DOCKER), len(GIT)) >= 40


@pytest.mark.parametrize("typed", ["run", "merge", "rum", "erased", "prunes", "deletion", "rim", "gcc", "remove"])
def test_no_suggestion_destroys(ll: Layerlog, typed: str) -> None:
    said = ll.run(typed).stderr
    slips = {"erased": "erase", "prunes": "prune", "gcc": "gc"}
    for name in ("delete", "erase", "gc", "prune", "rm", "rmi"):
        assert f"'{name}'" not in said or slips.get(typed) == name, said


def test_the_first_screen_names_forty_commands_and_help_all_the_rest(ll: Layerlog) -> None:
    def named(text: str) -> set[str]:
        return {line.split()[0] for line in text.partition("\nImages:")[2].splitlines() if line.startswith("  ") and line[2:3].isalpha()}

    few, every = named(ll("help")), named(ll("help", "-a"))
    assert len(few) <= 40
    assert few < every
    assert ll("help") == ll("--help")
