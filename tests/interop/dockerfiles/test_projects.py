"""Whole projects: built by layerlog and by buildah and compared, run, fetched from, pushed, and run by podman.

They need Debian's archive, or a root of it with projects.PACKAGES in the folder that LAYERLOG_TEST_DEBIAN names; the image of
tomcat is an archive that LAYERLOG_TEST_TOMCAT names.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.build.building import Builder
from tests.cli.build.conftest import builder
from tests.cli.conftest import public
from tests.cli.hosttrees import as_root
from tests.cli.invoking import Layerlog
from tests.cli.running import clean
from tests.cli.sandbox.conftest import ll
from tests.cli.sandbox.running import PROGRAM
from tests.interop.dockerfiles import builders
from tests.interop.dockerfiles.builders import ours, write
from tests.interop.dockerfiles.images import Image
from tests.interop.dockerfiles.projects import APPLICATION, PACKAGES, SERVICE, TOMCAT, Project
from tests.interop.dockerfiles.row import Differs, Row, Table
from tests.peers import lacking, peer
from tests.registry.real import registry

__all__ = ["builder", "ll", "public"]

pytestmark = [as_root, pytest.mark.slow]

PATIENCE = 60
OF_PROCESSES: Table = {"/etc/hosts": Differs(None, "buildah leaves what it mounts for processes behind")}
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="projects", dir="/var/tmp", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def store(folder: Path) -> Layerlog:
    """A store with the image debian:1, which is saved as base.tar beside it."""
    root = os.environ.get("LAYERLOG_TEST_DEBIAN") or debian(folder / "debian")
    found = Layerlog(folder / "store")
    done = found.run("import", "--change", 'CMD ["bash"]', root, "debian:1")
    assert done.exit_code == 0, done.stderr
    found("save", "-q", "-o", f"{folder}/base.tar", "debian:1")
    return found


def debian(root: Path) -> str:
    argv = [peer("debootstrap"), "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(root)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    return str(root) if done.returncode == 0 else lacking(f"debootstrap: {done.stdout[-200:]}")


@contextmanager
def answered(
    command: Sequence[str], port: int, path: str = "/", environment: dict[str, str] | None = None, stop: int = signal.SIGTERM
) -> Iterator[bytes]:
    """Run a command until the block ends, and give what answers on *port* of this machine."""
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield fetched(process, f"http://127.0.0.1:{port}{path}")
    finally:
        process.send_signal(stop)
        process.communicate(timeout=PATIENCE)


def fetched(process: "subprocess.Popen[bytes]", url: str) -> bytes:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found: bytes = answer.read()
                return found
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise AssertionError(process.communicate()[0][-2000:]) from None
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("name", "project", "args"), [("service", SERVICE, ("--build-arg", "VERSION=2.0")), ("application", APPLICATION, ())],
)  # fmt: skip
def test_projects_are_built_as_by_buildah_and_run(
    store: Layerlog, folder: Path, name: str, project: Project, args: Sequence[str]
) -> None:
    context = folder / name
    write(context, Row(name, project.dockerfile, project.context))
    made = ours(store, f"localhost/{name}", context, args, folder / f"{name}.tree")
    theirs = builders.theirs(folder, folder / "base.tar", {name: (context, args)})[name]
    assert made.image is not None, made.said
    assert theirs.image is not None, theirs.said
    assert difference(made.image, theirs.image) == {path: each.ours for path, each in OF_PROCESSES.items()}
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, "--store", store.store, "run", "--rm", "-e", f"PORT={port}", f"localhost/{name}"]
    with answered(command, port, environment=clean({}), stop=project.stop) as body:
        assert body == project.expected


def difference(made: Image, other: Image) -> Image:
    return {name: made.get(name) for name in made.keys() | other.keys() if made.get(name) != other.get(name)}


def test_tomcat_in_three_stages(builder: Builder, tmp_path: Path) -> None:
    """Built, run and fetched from; pushed to a real registry, and run by podman from there; as root and as a user."""
    archive = os.environ.get("LAYERLOG_TEST_TOMCAT") or lacking("LAYERLOG_TEST_TOMCAT names no archive of tomcat")
    builder.ll("load", "-q", "-i", archive)
    port = free_port()
    builder.run(TOMCAT, "--build-arg", f"PORT={port}", code=0)
    assert builder.ll("cat", "site:/usr/local/tomcat/webapps/ROOT/built.txt") == "built by layerlog\n"
    with answered(builder.ll.argv("run", "--rm", "site"), port, "/built.txt", builder.ll.environment) as body:
        assert body == b"built by layerlog\n"
    with registry(tmp_path) as running:
        name = f"{running.address}/shop/tomcat:1"
        builder.ll("push", "-q", "site", name)
        with podman(name) as command, answered(command, port, "/built.txt") as body:
            assert body == b"built by layerlog\n"


@contextmanager
def podman(name: str) -> Iterator[list[str]]:
    """Give podman's command that runs an image of a registry, with a storage of its own."""
    with tempfile.TemporaryDirectory(prefix="pod", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        tool = [peer("podman"), "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs", "--runtime", "runc"]
        subprocess.run([*tool, "pull", "-q", "--tls-verify=false", name], check=True, capture_output=True)
        yield [*tool, "run", "--rm", "--pull=never", *LIMITS, "--network", "host", name]
