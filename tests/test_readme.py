"""README.md is true: its sessions are typed again, word for word, and print what it shows."""

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.catalog import COMMANDS
from tests.cli.archived import archived
from tests.cli.running import ROOT, clean
from tests.conftest import findings
from tests.images import image

README = (ROOT / "README.md").read_text()
INSTALL = "python3 -m pip install . && "
MARK = "\x1e"
READER = {"GIT_AUTHOR_NAME": "Grace Hopper", "GIT_AUTHOR_EMAIL": "grace@example.org"}
MASKS = (
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{12}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?Z| ?UTC| ?[+-]\d\d:?\d\d)?", "TIME"),
    (r"(Less than a second|About an? \w+|\d+ \w+) ago", "AGO"),
    (r"\b\d+(\.\d+)?(B|kB|MB|GB)\b", "SIZE"),
    (r"\S+@\S+ \(uid \d+(, login uid \d+)?\)", "ACTOR"),
    (r"\d+ +TIME +\S+(?= +[A-Z][a-z]+[A-Z])", "POSITION TIME LOGIN"),
    (r"\bevent +\d+", "event POSITION"),
    (r"\b\d[\d,]* (?=(files|events|contents|changesets|layers|bytes|owners)\b)", "N "),
    (r"/\S+/(?=\w+\.tar\b)", "FOLDER/"),
    (r"(?m)^layerlog: left out: .*\bowners\b.*\n", ""),  # said where checkout is not root's
    (r"[ \t]+", " "),
)
"""What differs from run to run and from machine to machine, and what stands for it."""


class Step(NamedTuple):
    command: str
    shown: str


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def steps() -> list[Step]:
    """Return the commands of all console blocks in order, each with the output below it.

    What the demo prints holds commands, too.
    """
    found = []
    for block in blocks("console"):
        if block.startswith(f"$ {INSTALL}"):
            found.append(Step(*block.removeprefix("$ ").split("\n", 1)))
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append(Step(command, shown))
    return found


def typed(commands: list[str], folder: Path) -> list[tuple[int, str]]:
    """Return (exit code, output) of each command, all typed into one shell in *folder*."""
    program = folder / "bin" / "layerlog"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from cli.main import main; main()' \"$@\"\n")
    program.chmod(0o755)
    here = folder / "here"
    here.mkdir()
    script = "".join(f"{{ {command}\n}} 2>&1; printf '{MARK}%d{MARK}' $?\n" for command in commands)
    path = os.pathsep.join([str(program.parent), os.path.dirname(sys.executable), os.environ["PATH"]])
    env = clean({"PATH": path, "HOME": str(folder), **READER})
    done = subprocess.run(["bash", "-c", script], cwd=here, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    parts = done.stdout.decode().split(MARK)
    return [(int(code), output) for output, code in zip(parts[::2], parts[1::2], strict=False)]


def masked(text: str) -> str:
    for pattern, name in MASKS:
        text = re.sub(pattern, name, text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


def agrees(shown: str, output: str) -> bool:
    """Whether *output* is what is *shown*, where a `...` alone on a line stands for any lines, or none."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in masked(shown).splitlines())
    return re.fullmatch(pattern, masked(output)) is not None


def test_sessions_are_true(tmp_path: Path) -> None:
    """Every output shown is that of the command above it."""
    session = steps()
    results = typed([step.command.removeprefix(INSTALL) for step in session], tmp_path)
    wrong = [difference(step, *result) for step, result in zip(session, results, strict=True) if untrue(step, *result)]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(session)} differ, the first of them:", *wrong[:3]])


def untrue(step: Step, code: int, output: str) -> bool:
    refused = step.shown.startswith("layerlog: ")
    return bool(code) != refused or not agrees(step.shown, output)


def difference(step: Step, code: int, output: str) -> str:
    lines = difflib.unified_diff(masked(step.shown).splitlines(), masked(output).splitlines(), "README.md", "real", lineterm="")
    return "\n".join([f"$ {step.command}   (exit code {code})", *lines, ""])


def test_the_library_example_is_true(tmp_path: Path) -> None:
    archived(tmp_path, image("gzip", names=("localhost/tomcat:1",)), name="tomcat.tar")
    (program,), (shown,) = blocks("python"), blocks("text")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=clean({}), capture_output=True, text=True, check=False)
    assert (masked(done.stdout), done.stderr) == (masked(shown), "")
    assert findings(str(tmp_path / "library")) == []


def test_the_first_screen_is_a_result() -> None:
    first = README.splitlines()[:40]
    assert f"$ {INSTALL}layerlog demo" in first


def test_the_tests_are_one_command() -> None:
    """.ci/run takes it from here."""
    assert [line for block in blocks("sh") for line in block.splitlines() if "pytest" in line] == [
        "python3 -m pip install '.[test]' && python3 -m pytest -n auto --dist loadfile"
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_table(name: str) -> None:
    """With the very words of `layerlog --help`."""
    assert f"| `{name}` | {COMMANDS[name].help} |" in README


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]
