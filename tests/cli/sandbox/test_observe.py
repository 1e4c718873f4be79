"""What is recorded of a process is what its mount shows: random programs of file operations, over layers, in several passes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT
from tests.peers import lacking

EXAMPLES = int(os.environ.get("LAYERLOG_EXAMPLES", "20"))
NAMES = ["a", "b", "c"]
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
TEXT = st.sampled_from(["", "x", "one\n", "two\n" * 50])
OPERATION = st.one_of(
    st.tuples(st.sampled_from(["append", "write"]), PATHS, TEXT),
    st.tuples(st.sampled_from(["remove", "mkdir", "fifo"]), PATHS),
    st.tuples(st.sampled_from(["move", "link"]), PATHS, PATHS),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("symlink"), st.sampled_from(["a", "../b", "nowhere"]), PATHS),
    st.tuples(st.just("chmod"), PATHS, st.sampled_from([0o600, 0o755, 0o4711])),
    st.tuples(st.just("chown"), PATHS, st.sampled_from([0, 33, 1000])),
    st.tuples(st.just("touch"), PATHS, st.sampled_from([1, 10**18 + 7])),
    st.tuples(st.just("attribute"), PATHS, TEXT),
)
BATCHES = st.lists(st.lists(OPERATION, max_size=12), min_size=1, max_size=3)
LOWER = """
mkdir web:/a; mkdir web:/a/b; mkdir web:/a/b/c; write --text x web:/a/b/c/a; write --text f web:/a/c; link web:/a/c web:/a/a
mkdir web:/b; write --text g web:/b/a; mkdir web:/b/b; commit web; write --text h web:/b/b/c; delete web:/a/a; write --text new web:/c
commit web; write --text later web:/b/c; chmod 700 web:/a/b
"""


def layered(path: Path) -> Layerlog:
    """A container over two layers of its own, with changes that are not sealed."""
    ll = Layerlog(path)
    ll("create", "--name", "web", "scratch")
    for line in LOWER.replace("\n", ";").split(";"):
        if line.strip():
            assert ll.run(*line.split()).exit_code == 0, line
    return ll


def differences(ll: Layerlog, batches: Any, *more: str) -> str:
    container = ll.json("ps")[0]["id"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.sandbox.mounted", ll.store, container, *more],
        input=json.dumps(batches), capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def require_root() -> None:
    if os.geteuid() != 0:
        lacking("only root mounts overlayfs outside of a user namespace")


@pytest.mark.parametrize("where", [(), ("--mapped",)], ids=["root", "in a user namespace"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(batches=BATCHES)
def test_the_recorded_tree_is_the_mounted_one(
    tmp_path_factory: pytest.TempPathFactory, where: tuple[str, ...], batches: Any
) -> None:
    require_root()
    ll = layered(tmp_path_factory.mktemp("observed") / "store")
    assert differences(ll, batches, *where) == ""
    assert ll.run("verify").exit_code == 0
