"""Debian's docker-registry, as a process on loopback with a folder of its own."""

import json
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from projections.oci.oci_image import DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.peers import peer
from tests.registry.asking import Reply, ask
from tests.registry.certificates import Certificate
from tests.registry.tokens import USER, TokenServer, basic

Auth = Literal["none", "htpasswd"] | TokenServer

_HTPASSWD = f"{USER}:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"
"""USER and PASSWORD, by bcrypt at its lowest cost."""
_PORTS = range(20000, 32000)
"""Below Linux's range for outgoing connections: none takes the port of a registry that is down."""
_PATIENCE = 20
_ACCEPT = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"
"""Each by name: for `*/*` docker-registry makes something else of what it stores."""


@dataclass
class Registry:
    folder: Path
    """Holds config.yml, registry.log, htpasswd and root/, the registry's storage."""
    port: int
    auth: Auth = "none"
    tls: Certificate | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}"

    # -- the process

    def start(self) -> None:
        """Start on the same port and folder as before, and return when it listens."""
        with open(self.folder / "registry.log", "ab") as log:
            argv = [peer("docker-registry"), "serve", str(self.folder / "config.yml")]
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env={})  # REGISTRY_* would change the config
        until = time.monotonic() + _PATIENCE
        while not self._listens():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL, as a power cut would; start() brings it back."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        return (self.folder / "registry.log").read_text()

    # -- what it holds

    def repositories(self) -> list[str]:
        found: list[str] = json.loads(self.ask("/v2/_catalog", access="registry:catalog:*").body)["repositories"]
        return found

    def tags(self, repository: str) -> list[str]:
        """Return the tags, sorted; [] where there is no such repository."""
        reply = self.ask(f"/v2/{repository}/tags/list", access=f"repository:{repository}:pull")
        return sorted(json.loads(reply.body).get("tags") or [])

    def holds(self, repository: str, digest: str) -> bool:
        """Whether the blob is there for who pulls from *repository*."""
        return self.ask(f"/v2/{repository}/blobs/{digest}", "HEAD", access=f"repository:{repository}:pull").status == 200

    def manifest(self, repository: str, reference: str) -> Reply:
        """Return the manifest as it is stored, whatever its kind."""
        return self.ask(f"/v2/{repository}/manifests/{reference}", access=f"repository:{repository}:pull", headers={"Accept": _ACCEPT})

    def blobs(self) -> set[str]:
        """The digests of all that is stored, manifests too, in whatever repository: there is no request for this."""
        return {f"sha256:{path.parent.name}" for path in (self.folder / "root").glob("docker/registry/v2/blobs/sha256/*/*/data")}

    def ask(self, path: str, method: str = "GET", *, access: str = "", headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
        """Ask as one who may do *access* (a scope of the token specification)."""
        bundle = str(self.tls.path) if self.tls else None
        return ask(self.url + path, method, headers={**self._authorization(access), **(headers or {})}, body=body, ca_file=bundle)

    def _authorization(self, access: str) -> dict[str, str]:
        if isinstance(self.auth, TokenServer):
            return {"Authorization": f"Bearer {self.auth.token_for(access)}"}
        return {"Authorization": basic()} if self.auth == "htpasswd" else {}


@contextmanager
def registry(folder: Path, auth: Auth = "none", tls: Certificate | None = None) -> Iterator[Registry]:
    """Run a registry in *folder*/registry: open to all, for USER with PASSWORD, or for who has a token of a token server.

    `with tokens(tmp_path) as issuer, registry(tmp_path, issuer) as running:`
    """
    found = Registry(folder / "registry", _free_port(), auth, tls)
    (found.folder / "root").mkdir(parents=True)
    (found.folder / "htpasswd").write_text(_HTPASSWD)
    (found.folder / "config.yml").write_text(json.dumps(_config(found)))  # JSON is YAML
    try:
        found.start()
        yield found
    finally:
        found.kill()


def _config(found: Registry) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": found.address, "relativeurls": True, "secret": "the same after a new start"}
    if found.tls:
        http["tls"] = {"certificate": str(found.tls.path), "key": str(found.tls.key)}
    return {
        "version": 0.1,
        "log": {"fields": {"service": "registry"}},
        "storage": {"filesystem": {"rootdirectory": str(found.folder / "root")}, "delete": {"enabled": True}},
        "http": http,
        "auth": _auth(found),
    }


def _auth(found: Registry) -> dict[str, Any]:
    if isinstance(found.auth, TokenServer):
        return found.auth.registry_config()
    return {"htpasswd": {"realm": "registry", "path": str(found.folder / "htpasswd")}} if found.auth == "htpasswd" else {}


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
