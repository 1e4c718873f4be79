"""Where a registry answers: its address on the network, and whether it may be asked without TLS."""

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from eventstore.errors import InvalidError, RegistryError
from eventstore.model.paths import shown
from eventstore.model.spelling import HUB

_HUB_HOST = "registry-1.docker.io"


def host_of(registry: str) -> str:
    """Return the HOST[:PORT] where a registry answers: Docker Hub's is another one than its name says.

    InvalidError for what can be none.
    """
    if "://" in registry or not _is_address(f"//{registry}"):
        raise InvalidError(f"{shown(registry)!r} is no registry's address; write HOST or HOST:PORT, without http:// or https://")
    return _HUB_HOST if registry == HUB else registry


def joined(base: str, target: str, what: str) -> str:
    """Return where *target*, which a registry sends to, is from *base* on; RegistryError where it is no address."""
    if not _is_address(target):
        raise RegistryError(f"{what}: sends on to what is no address; ask whoever runs that registry")
    return urljoin(base, target)


def _is_address(url: str) -> bool:
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def origin(url: str) -> tuple[str, str, int | None]:
    """Return who answers at an address (RFC 6454): the scheme, the host and the port, said or not."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_loopback(authority: str) -> bool:
    """Return whether HOST[:PORT] is this very machine: what is said to it does not leave it."""
    host = urlsplit(f"//{authority}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
