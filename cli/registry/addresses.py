"""Where a registry answers: its address on the network, and whether it may be asked without TLS."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from eventstore.model.spelling import HUB

_HUB_HOST = "registry-1.docker.io"


def host_of(registry: str) -> str:
    """Return the HOST[:PORT] where a registry answers: Docker Hub's is another one than its name says."""
    return _HUB_HOST if registry == HUB else registry


def is_loopback(authority: str) -> bool:
    """Return whether HOST[:PORT] is this very machine: what is said to it does not leave it."""
    host = urlsplit(f"//{authority}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
