"""`layerlog serve` as a process of its own, on any free port."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from projections.oci.oci_image import DOCKER_MANIFEST, OCI_MANIFEST
from tests.cli.invoking import Layerlog
from tests.cli.running import started
from tests.registry.asking import Reply, ask

ACCEPT = {"Accept": f"{OCI_MANIFEST}, {DOCKER_MANIFEST}"}


class Served(NamedTuple):
    process: subprocess.Popen[str]
    first_line: str
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
        return ask(self.url + path, method, headers=headers, **more)

    def manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]]:
        """Return the digest of a manifest, and it."""
        reply = self.ask(f"/v2/{name}/manifests/{reference}", headers=ACCEPT)
        assert reply.status == 200, (name, reference, reply)
        return reply.headers["Docker-Content-Digest"], json.loads(reply.body)

    def refused(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Return the status and the code of the one error in the answer."""
        reply = self.ask(path, method, headers)
        [error] = json.loads(reply.body)["errors"]
        assert error["message"]
        return reply.status, error["code"]

    def stop(self, how: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Return the exit code, and what was printed after the first line."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def serving(ll: Layerlog, *args: str, before: tuple[str, ...] = (), wrapper: tuple[str, ...] = ()) -> Iterator[Served]:
    """Serve the store of *ll* while the block runs; who stops it looks at the end for itself."""
    listen = () if "--listen" in args else ("--listen", "127.0.0.1:0")
    process = started("from cli.main import main; main()", "--store", ll.store, *before, "serve", *listen, *args, wrapper=wrapper)
    assert process.stdout
    line = process.stdout.readline()
    match = re.search(r"(https?)://\S+:(\d+) ", line)
    assert match, process.communicate()
    served = Served(process, line, f"{match[1]}://127.0.0.1:{match[2]}")
    try:
        yield served
        if process.poll() is None:
            assert served.stop() == (0, "", "")
    finally:
        process.kill()
        process.communicate()
