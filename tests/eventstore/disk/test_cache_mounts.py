"""Cache mounts: who may be in one with whom, and what an interrupted one leaves."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from eventstore.disk import cache_mounts
from eventstore.disk.cache_mounts import LOCKED, PRIVATE, SHARED

HOLDER = """
import sys, os
from eventstore.disk import cache_mounts
with cache_mounts.opened(sys.argv[1], "a", sys.argv[2], os.mkdir, lambda: print("waits", flush=True)) as path:
    print(os.path.basename(path), flush=True)
    sys.stdin.read()
"""


def holder(store: Path, sharing: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(store), sharing], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        (SHARED, SHARED, "a"), (SHARED, PRIVATE, "a-1"), (SHARED, LOCKED, "waits"), (PRIVATE, SHARED, "waits"),
        (PRIVATE, PRIVATE, "a-1"), (PRIVATE, LOCKED, "waits"), (LOCKED, SHARED, "waits"), (LOCKED, PRIVATE, "a-1"),
        (LOCKED, LOCKED, "waits"),
    ],
)  # fmt: skip
def test_who_shares_with_whom(tmp_path: Path, first: str, second: str, where: str) -> None:
    one = holder(tmp_path, first)
    assert said(one) == "a"
    two = holder(tmp_path, second)
    assert said(two) == where
    one.communicate("")
    if where == "waits":
        assert said(two) == "a"
    two.communicate("")
    assert (one.returncode, two.returncode) == (0, 0)


def test_whoever_is_killed_holds_nothing(tmp_path: Path) -> None:
    one = holder(tmp_path, LOCKED)
    said(one)
    one.kill()
    one.communicate()
    two = holder(tmp_path, LOCKED)
    assert said(two) == "a"
    two.communicate("")


@pytest.mark.parametrize("sharing", [SHARED, PRIVATE, LOCKED])
def test_what_was_not_made_to_its_end_is_made_anew(tmp_path: Path, sharing: str) -> None:
    def half(path: str) -> None:
        os.mkdir(path)
        (Path(path) / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), cache_mounts.opened(str(tmp_path), "a", sharing, half, lambda: None):
        pass
    with cache_mounts.opened(str(tmp_path), "a", sharing, os.mkdir, lambda: None) as path:
        assert os.listdir(path) == []
        (Path(path) / "kept").touch()
    with cache_mounts.opened(str(tmp_path), "a", sharing, os.mkdir, lambda: None) as path:
        assert os.listdir(path) == ["kept"]


def test_only_what_nobody_uses_is_removed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("a", "b"):
            stack.enter_context(cache_mounts.opened(str(tmp_path), name, SHARED, os.mkdir, lambda: None))
        with cache_mounts.opened(str(tmp_path), "c", SHARED, os.mkdir, lambda: None):
            pass
        assert cache_mounts.names(str(tmp_path)) == ["a", "b", "c"]
        cache_mounts.clear(str(tmp_path))
        assert cache_mounts.names(str(tmp_path)) == ["a", "b"]
    cache_mounts.clear(str(tmp_path))
    assert os.listdir(tmp_path / cache_mounts.FOLDER) == []
