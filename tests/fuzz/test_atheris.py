"""A minute of coverage-guided fuzzing for each target: opt-in, and only where atheris is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.running import ROOT, clean
from tests.fuzz.corpora import unpack
from tests.fuzz.targets import TARGETS

SECONDS = 60


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_minute(target: str, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    unpack(target, tmp_path / "corpus")
    limits = [f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.fuzz.fuzz", target, *limits, str(tmp_path / "corpus")]
    done = subprocess.run(command, cwd=ROOT, env=clean({}), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
