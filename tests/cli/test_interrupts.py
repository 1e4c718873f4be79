"""^C: what it leaves behind, and what is said of it."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.cli.invoking import with_base
from tests.cli.running import started

WRITING = """
import sys, time, click
from cli.hostfs.whole_file import whole_file
from cli.command_line import run
@click.command()
@click.argument("path")
def slow(path):
    with whole_file(path, durable=True) as file:
        file.write(b"new")
        file.flush()
        print("here", flush=True)
        time.sleep(60)
sys.exit(run(slow, sys.argv[1:]))
"""


def test_an_interrupted_save_or_export_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "out.tar").write_bytes(b"old")
    process = started(WRITING, str(tmp_path / "out.tar"))
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert (process.communicate()[1], process.returncode) == ("", 130)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.tar", b"old")]


@pytest.mark.parametrize("old", [b"old", None])
def test_a_killed_save_or_export_leaves_nothing(tmp_path: Path, old: bytes | None) -> None:
    if not _has_unnamed_files(tmp_path):
        pytest.skip("the filesystem has no files without a name")
    before = []
    if old is not None:
        (tmp_path / "out.tar").write_bytes(old)
        before = [("out.tar", old)]
    process = started(WRITING, str(tmp_path / "out.tar"))
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.communicate()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == before


def _has_unnamed_files(folder: Path) -> bool:
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
    except OSError:
        return False
    return True


def test_an_interrupted_checkout_says_that_its_folder_is_incomplete(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    (tmp_path / "tree").mkdir()
    for number in range(4000):
        (tmp_path / f"tree/{number}").write_text(f"{number}")
    ll("import", str(tmp_path / "tree"), "big:1")
    shutil.rmtree(tmp_path / "tree")
    dest = tmp_path / "dest"
    process = started("from cli.main import main; main()", "--store", ll.store, "checkout", "big:1", str(dest))
    while process.poll() is None and not (dest.is_dir() and any(name.isdigit() for name in os.listdir(dest))):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate() == ("", f"layerlog: {dest} is incomplete: remove it, then check out again\n")
    assert process.returncode == 130
    assert dest.stat().st_mode & 0o777 == 0o700
