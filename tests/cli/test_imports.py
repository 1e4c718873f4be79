"""A command that reads imports nothing of the half that writes."""

from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base, write_and_commit
from tests.cli.running import python

WRITING = {
    "cli.session.writing", "eventstore.content.packer", "eventstore.content.writer", "eventstore.log.changeset_writer",
    "eventstore.store.commands", "eventstore.store.rules", "eventstore.store.staging", "eventstore.store.writer", "fastcdc",
}  # fmt: skip
WATCH = f"""
import atexit, sys
from cli.main import main
atexit.register(lambda: print(*sorted({WRITING!r} & set(sys.modules)), file=sys.stderr))
main()
"""
READING = [
    ["ls", "web"], ["ls", "-l", "base:1"], ["cat", "web:/etc/motd"], ["stat", "web:/etc/motd"], ["diff", "-p", "base:1", "web"],
    ["export", "-o", "{tmp}/out.tar", "web"], ["checkout", "web", "{tmp}/out"], ["log", "web"], ["log", "-p", "web"], ["show", "app:1"],
    ["blame", "web:/etc/motd"], ["audit"], ["events"], ["find", "--path", "/etc/motd"], ["images"], ["inspect", "app:1", "web"],
    ["history", "app:1"], ["ps"], ["status", "web"], ["checkpoint"],
]  # fmt: skip


@pytest.fixture(scope="module")
def ll(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    found = with_base(tmp_path_factory.mktemp("reading") / "store")
    write_and_commit(found, "one\n", "web", "app:1")
    return found


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_who_reads_imports_nothing_that_writes(ll: Layerlog, tmp_path: Path, args: list[str]) -> None:
    done = python(WATCH, "--store", ll.store, *(arg.format(tmp=tmp_path) for arg in args))
    assert (done.returncode, done.stderr) == (0, "\n")


def test_a_writer_would_be_found(ll: Layerlog) -> None:
    loaded = python(WATCH, "--store", ll.store, "write", "--text", "x", "web:/f").stderr.split()
    assert set(loaded) == WRITING - {"fastcdc"}
