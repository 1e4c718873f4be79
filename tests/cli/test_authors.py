"""--author: every command that appends in its user's name takes it, and all that it appends bears it."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from cli.catalog import COMMANDS, OTHER_A, WRITING
from cli.command_line import cli
from eventstore.store import visits
from tests.cli.archived import ONE, archived
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT
from tests.cli.sandbox.running import Runner, as_root, as_user
from tests.peers import peer
from tests.registry.real import registry

READING = {
    "audit", "backup", "blame", "cat", "checkout", "checkpoint", "completion", "df", "diff", "events", "export", "find", "history",
    "images", "inspect", "inventory", "layers", "log", "login", "logout", "ls", "ps", "prove", "rebuild", "reflog", "repair", "show",
    "sql", "stat", "status", "tags", "verify",
}  # fmt: skip
"""They append nothing: repair brings contents back that the log names already."""
IN_OTHERS_NAMES = {"demo": "the people of its story", "serve": "those who pull"}
STORY = """
    create base:1 --name web
    write web:/f --text one
    cp host web:/g
    mkdir web:/d
    link web:/f web:/l
    move web:/g web:/h
    chmod 600 web:/f
    chown 1:1 web:/f
    delete web:/h
    undo web
    redo web
    config web --env A=b
    commit web site:1
    sign site:1 --key key
    write web:/f --text two
    commit web site:2
    revert site:2
    restore site:1:/f web:/f
    tag site:1 site:3
    rename web site
    fork site@2 --name other
    rm other
    undelete other
    rmi site:3
    save -q -o site.tar site:1
    copy -q site:1 oci:layout:1
    load -q -i one.tar
    import -m x tree tree:1
    build -q -t built:1 tree
    push -q site:1 HUB/site:1
    pull -q HUB/site:1
    run --name ran base:1 sh -c 'echo 1 > /srv/new'
    exec ran sh -c 'echo 2 > /srv/new'
    bisect run --in-container sh -c 'test ! -e /srv/new'
    write site:/srv/held --text held
    erase -y --reason x --path site:/srv/held
    write other:/alone --text alone
    rm other
    prune -y
    gc --originals
"""
SETTLED = 30  # seconds


@pytest.fixture
def ll(tmp_path: Path) -> Iterator[Runner]:
    """Layerlog with an image whose programs run."""
    yield from as_user(ROOT) if os.geteuid() else as_root(tmp_path)


def events_since(ll: Runner, position: int) -> list[dict[str, Any]]:
    return [row for row in ll.json("events") if row["position"] > position]


def authored(line: str, author: str) -> list[str]:
    """The words of a line, with the author behind the command."""
    words = shlex.split(line)
    at = 2 if words[0] == "bisect" else 1
    return [*words[:at], "--author", author, *words[at:]]


def test_every_command_is_known_to_write_or_to_read() -> None:
    written = {line.split()[0] for line in STORY.split("\n") if line.strip()} | {"recover"}
    assert written == WRITING | {"bisect"}
    assert {*COMMANDS} == written | READING | IN_OTHERS_NAMES.keys()
    assert len(COMMANDS) == len(written) + len(READING) + len(IN_OTHERS_NAMES)


def test_who_writes_takes_it_and_who_reads_does_not() -> None:
    said = {}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for param in command.params:
            if isinstance(param, click.Option) and "--author" in param.opts and name not in ("log", "audit"):
                said[name] = (param.help, "-a" in param.opts)
    assert said.keys() == WRITING
    assert len({text for text, _ in said.values()}) == 1, "the same line everywhere"
    assert {name for name, (_, short) in said.items() if not short} == OTHER_A


def test_whoever_is_named_is_the_author_of_all_that_a_command_records(ll: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree").mkdir()
    for name, text in {"host": "g", "tree/f": "f", "tree/Dockerfile": "FROM base:1\nCOPY f /f\nRUN echo 1 > /srv/page\n"}.items():
        Path(name).write_text(text)
    archived(tmp_path, ONE, name="one.tar")
    subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", "key"], check=True)
    with registry(tmp_path / "hub") as hub:
        for number, line in enumerate(filter(str.strip, STORY.split("\n"))):
            if "bisect" in line:
                ll("bisect", "start", "ran", "ran@1")
            author, before = f"{line.split()[0]} {number} <a@b>", ll.json("events")[-1]["position"]
            done = subprocess.run(
                ll.argv(*authored(line.replace("HUB", hub.address), author)), env=ll.environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, (line, done)
            assert {row["author"] for row in events_since(ll, before)} == {author}, line


def killed(ll: Runner) -> int:
    """Let a program's run be killed once it has written; return where the log ends."""
    process = ll.start("run", "--name", "web", "base:1", "sh", "-c", "echo 1 > /srv/new; echo done; sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    last = int(ll.json("events")[-1]["position"])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (container,) = (row["id"] for row in ll.json("ps"))
    until = time.monotonic() + SETTLED
    while visits.state(ll.store, container) == visits.RUNNING and time.monotonic() < until:
        time.sleep(0.05)
    return last


@pytest.mark.parametrize("line", ["recover web", "write --text x web:/after"])
def test_what_was_left_is_recorded_in_the_name_of_who_recovers_it(ll: Runner, line: str) -> None:
    last = killed(ll)
    ll(*authored(line, "Ada <a@b>"))
    found = events_since(ll, last)
    assert {row["author"] for row in found} == {"Ada <a@b>"}
    assert "/srv/new" in {row["path"] for row in found}


ODD = {
    "nothing": "", "no mail": "Ada", "a newline": "Ada\n<a@b>", "an escape": "\x1b[31mAda", "no UTF-8": os.fsdecode(b"A\xff"),
    "looks like an option": "--message", "long": "A" * 100_000, "brackets": "Ada <<a@b>", "blanks": "  ",
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_odd_names_are_kept_as_commit_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Somebody <s@b>")
    found = Layerlog(tmp_path / "store")
    found("create", "--author", ODD[kind], "--name", "web", "scratch")
    found("write", "-a", ODD[kind], "--text", "x", "web:/f")
    found("commit", "-a", ODD[kind], "web")
    expected = ODD[kind] or "Somebody <s@b>"
    authors = [json.loads(row)["author"] for row in found("events", "--format", "json").splitlines()]
    assert authors == [authors[-1]] * 4, "the store's first event, too"
    assert authors[-1].replace("\N{REPLACEMENT CHARACTER}", "\udcff") == expected
