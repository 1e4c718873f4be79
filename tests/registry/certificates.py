"""A key and its self-signed certificate, made by openssl: for TLS on loopback, and to sign tokens."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.peers import peer

_EXTENSIONS = ("subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test", "keyUsage=critical,digitalSignature,keyCertSign")


class Certificate(NamedTuple):
    """The paths of a certificate, which is its own root and so a CA bundle too, and of its RSA key, both PEM."""

    path: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context

    def signed(self, data: bytes) -> bytes:
        """Return the RS256 signature (RFC 7518 section 3.3) of *data*."""
        return subprocess.run([peer("openssl"), "dgst", "-sha256", "-sign", self.key], input=data, capture_output=True, check=True).stdout


def make_certificate(folder: Path, name: str = "test") -> Certificate:
    """Make a certificate for 127.0.0.1, localhost and registry.test: *folder*/*name*.crt, and its key beside it."""
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    files: list[str | Path] = ["-out", made.path, "-keyout", made.key]
    extensions = [word for extension in _EXTENSIONS for word in ("-addext", extension)]
    subprocess.run(
        [peer("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", *files, *extensions],
        capture_output=True,
        check=True,
    )
    return made
