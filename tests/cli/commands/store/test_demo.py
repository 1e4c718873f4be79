import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from cli.commands.store.demo_root import write_root
from tests.cli.running import ROOT, clean, layerlog

WEBAPPS = "usr/local/tomcat/webapps"
STILL_TRUE = [
    f"layerlog ls web:/{WEBAPPS}.dist",
    "layerlog log web",
    f"layerlog blame mytomcat:1.0:/{WEBAPPS}/ROOT/index.html",
    f"layerlog ls web@1:/{WEBAPPS}",
    "layerlog diff mytomcat:1.0 web@1",
    "layerlog verify",
]
"""What may be asked again when the story is over, and says nothing of the present time."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = layerlog("demo", "--keep", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


def told(story: str) -> dict[str, str]:
    """Return what the demo showed below each command."""
    parts = re.split(r"^\$ ", story.partition("# The store is kept.")[0], flags=re.MULTILINE)[1:]
    return {command: without_blank_lines(re.sub(r"(?m)^#.*\n", "", shown)) for command, _, shown in (p.partition("\n") for p in parts)}


def without_blank_lines(text: str) -> str:
    return re.sub(r"(?m)^\n", "", text)


def typed(command: str, folder: Path) -> str:
    """Return what *command*, typed by hand in the kept store, prints."""
    line = command.replace("layerlog", f"{sys.executable} -c 'from cli.main import main; main()'", 1)
    env = clean({"LAYERLOG_STORE": str(folder / "store")})
    return subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", STILL_TRUE)
def test_what_it_shows_is_what_the_command_prints(kept: tuple[Path, str], command: str) -> None:
    folder, story = kept
    assert without_blank_lines(typed(command, folder)) == told(story)[command]


def test_it_tells_the_well_known_story(kept: tuple[Path, str]) -> None:
    folder, story = kept
    shown = told(story)
    assert shown[f"layerlog ls web:/{WEBAPPS}"] == shown[f"layerlog ls web@1:/{WEBAPPS}"] == ""
    assert f"A /{WEBAPPS}/ROOT/index.html\n" in shown["layerlog diff web"]
    assert typed(f"layerlog ls mytomcat:1.0:/{WEBAPPS}", folder) == "ROOT\ndocs\nmanager\n"
    assert os.listdir(folder / "before" / WEBAPPS) == []
    assert os.path.isfile(folder / "before" / f"{WEBAPPS}.dist" / "ROOT" / "index.html")
    assert "Author: Ada <ada@example.org> (claimed)\n" in shown["layerlog log web"]


def test_it_ends_with_a_replay_to_before_the_commit_and_a_clean_verify(kept: tuple[Path, str]) -> None:
    commands = [command.split()[1] for command in told(kept[1])]
    assert commands.index("commit") < commands.index("checkout")
    assert commands[-2:] == ["checkout", "verify"]


def test_it_says_how_to_go_on(kept: tuple[Path, str]) -> None:
    folder, story = kept
    lines = [line.removeprefix("$ ") for line in story.splitlines()[-2:]]
    assert lines == [f"cd {folder} && export LAYERLOG_STORE=$PWD/store", "layerlog log web"]


def test_it_leaves_nothing_behind_and_takes_a_few_seconds(tmp_path: Path) -> None:
    """Neither in the temporary folder nor in the user's own store."""
    begun = time.monotonic()
    done = layerlog("demo", env={"TMPDIR": str(tmp_path), "LAYERLOG_STORE": str(tmp_path / "mine")})
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begun < 15
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    done = layerlog("demo", "--keep", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"layerlog: {tmp_path} is not empty; name a new folder for the demo\n"


def test_the_first_command_that_fails_ends_it(tmp_path: Path) -> None:
    """With the command's own error and exit code."""
    program = "import sys; from cli.commands.store import demo; sys.exit(demo._play('layerlog ls nonesuch\\nlayerlog images'))"
    env = clean({"LAYERLOG_STORE": str(tmp_path / "store")})
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "$ layerlog ls nonesuch\n")
    assert done.stderr.startswith("layerlog: no store at ")


def test_it_needs_no_root(tmp_path: Path) -> None:
    """Owners cannot be given back then, and checkout says so."""
    unshare = shutil.which("unshare")
    ordinary = [unshare or "", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
    if ordinary and (unshare is None or subprocess.run([*ordinary, "true"], capture_output=True, check=False).returncode):
        pytest.skip("no user namespace can be made here")
    program = [sys.executable, "-c", "from cli.main import main; main()", "demo"]
    env = clean({"TMPDIR": str(tmp_path), "HOME": str(tmp_path)})
    done = subprocess.run([*ordinary, *program], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"layerlog: left out: .*owners.*\n", done.stderr)


def test_the_root_is_roots_and_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "rootfs.tar")
    made = write_root(path)
    with tarfile.open(path) as tar:
        members = {member.name: member for member in tar}
    assert {(m.uid, m.gid, m.uname) for m in members.values()} == {(0, 0, "root")}
    assert [os.path.dirname(name) for name in members if os.path.dirname(name) not in {"", *members}] == []
    files = [member for member in members.values() if member.isfile()]
    assert (len(files), sum(member.size for member in files)) == made
    assert made.files > 200
    assert members["usr/local/tomcat/webapps"].isdir()
