"""What a build says: on a terminal, of output that floods, of what was built anew and why, and where it was stopped."""

import os
import pty
import re
import resource
import signal
import struct
import subprocess
import termios
from contextlib import suppress
from fcntl import ioctl

import pytest

from cli.build.process import LONGEST
from tests.cli.build.building import Builder
from tests.cli.sandbox.test_killed import PATIENCE, processes

EXPLAINED = "FROM base:1\nARG A=1\nENV E=1\nCOPY a b /srv/\nRUN echo $A > /srv/out\nRUN echo last\n"


def changed(builder: Builder, text: str, *args: str) -> list[str]:
    lines = builder(text, "--explain", *args).splitlines()
    return [line.removeprefix("  not reused: ") for line in lines if line.startswith("  not reused: ")]


def test_explain_names_the_file_the_value_or_the_step_that_changed(builder: Builder) -> None:
    builder.write({"a": "a\n", "b": "b\n"})
    builder(EXPLAINED)
    stale = [f"the step in line {line} was built anew" for line in (4, 5)]
    (builder.folder / "a").chmod(0o755)
    assert changed(builder, EXPLAINED) == ["srv/a changed: its mode", *stale]
    assert changed(builder, EXPLAINED.replace("COPY", "COPY --chown=1:1"))[:1] == ["srv/a changed: its owner"]
    (builder.folder / "c").write_text("c\n")
    assert "srv/c is new" in changed(builder, EXPLAINED.replace("a b", "a b c"))
    assert "srv/b is gone" in changed(builder, EXPLAINED.replace("a b", "a"))
    said = changed(builder, EXPLAINED, "--build-arg", "A=2")
    assert said[0] == "arguments A: 1 became 2"
    assert said[-1] == "the step in line 5 was built anew"
    assert "env E: 1 became 2" in changed(builder, EXPLAINED.replace("E=1", "E=2"))
    assert "user:  became web" in changed(builder, EXPLAINED.replace("RUN echo l", "USER web\nRUN echo l"))
    builder.ll("run", "--name", "other", "base:1", "touch", "/etc/other")
    builder.ll("commit", "-m", "other", "other", "base:1")
    assert changed(builder, EXPLAINED)[0] == "what FROM names in line 1 is another image now"


FLOODS = {
    "lines": "busybox yes | busybox head -c 300M; echo end",
    "one line": "dd if=/dev/zero bs=1M count=100 2>/dev/null; echo; echo end",
    "binary": "dd if=/dev/urandom bs=1M count=20 2>/dev/null; echo; echo end",
    "no newline": "echo begun; dd if=/dev/zero bs=1M count=1 2>/dev/null; echo; echo -n end",
}


@pytest.mark.parametrize("kind", FLOODS)
def test_output_that_floods_is_cut_and_memory_stays_flat(builder: Builder, kind: str) -> None:
    said = builder(f"FROM base:1\nRUN {FLOODS[kind]}\n")
    assert "  | end\n" in said
    assert len(said) < 12 << 20
    assert max(map(len, said.splitlines())) < 5 * LONGEST
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 400 << 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_says_how_to_go_on_and_leaves_no_process(builder: Builder, number: int) -> None:
    text = "FROM base:1\nRUN echo one > /srv/one\nRUN echo two > /srv/two; echo here; sleep 100; true\n"
    builder.write({"Dockerfile": text})
    process = builder.ll.start("build", "-t", "site", str(builder.folder))
    assert process.stderr is not None
    before = []
    for line in process.stderr:
        before.append(line)
        if line == "  | here\n":
            break
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    [row] = builder.ll.json("ps")
    name = row["id"][:12]
    assert said.splitlines() == [
        f"layerlog: look into it: `layerlog diff {name}`, `layerlog run {name} sh`",
        "          then mend the Dockerfile and build again: the steps before are reused",
        "layerlog: Dockerfile:3: RUN: interrupted",
    ]
    assert processes(builder.ll) == []
    assert "/srv/two" in builder.ll("diff", name)
    assert builder.reused(text.replace("sleep 100", "true")) == ["RUN echo one > /srv/one"]


@pytest.mark.parametrize("width", [20, 80, 250])
def test_on_a_terminal_lines_fit_and_output_is_replaced(builder: Builder, width: int) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    builder.write({"Dockerfile": f"FROM base:1\nENV A={'日本' * 70}\nRUN echo {'x' * 300}; sleep 0.2; echo second; sleep 0.2; exit 3\n"})
    process = subprocess.Popen(
        builder.ll.argv("build", str(builder.folder)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
        env={**builder.ll.environment, "TERM": "xterm"}, cwd="/", start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    with suppress(OSError):
        while piece := os.read(ours, 1 << 16):
            said += piece
    assert process.wait(PATIENCE) == 1
    os.close(ours)
    pictures = re.split(r"\x1b\[\??\w+|\r\n|\r", said.decode().partition("layerlog: ")[0])
    assert "  | second" in pictures
    assert all(len(picture) + len(re.findall("[日本]", picture)) < width for picture in pictures)
    kept = [line.rpartition("\x1b[J")[2] for line in said.decode().split("\r\n")]
    assert not [line for line in kept[:kept.index(next(k for k in kept if k.startswith("layerlog: ")))] if line.startswith("  | ")]
