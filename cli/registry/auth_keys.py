"""Under which names credentials for a registry stand in files and programs: its own, URLs of old, and Docker Hub's many."""

import re
from collections.abc import Iterable

from cli.registry.auth_files import DOCKER_HUB, AuthFile
from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from eventstore.model.spelling import DOMAIN, HUB

_HUBS = (HUB, "index.docker.io", "registry-1.docker.io")


def checked(registry: str) -> str:
    """Return the one name of a registry, docker.io for Docker Hub; InvalidError for what is no host[:port]."""
    if re.fullmatch(DOMAIN, registry, re.ASCII) is None:
        raise InvalidError(f"{shown(registry[:200])!r} is no registry; name its host, as ghcr.io or localhost:5000")
    return HUB if registry in _HUBS else registry


def typed(text: str) -> str:
    """Return the registry that a user types, as `checked`; the address of its API is one too, as for Docker."""
    scheme, mark, rest = text.partition("://")
    is_address = mark and scheme.lower() in ("https", "http", "docker")
    return checked(rest.partition("/")[0] if is_address else text.removesuffix("/"))


def names(registry: str, repository: str) -> list[str]:
    """Return the keys that podman takes for a repository: its whole name first, the registry alone last."""
    parts = [registry, *filter(None, repository.split("/"))]
    return ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]


def spellings(keys: Iterable[str], registry: str) -> list[str]:
    """Return those of *keys* that mean a registry, its own name and Docker's first."""
    first = (registry, DOCKER_HUB)
    return sorted((key for key in keys if host(key) == registry), key=lambda key: first.index(key) if key in first else 2)


def below(keys: Iterable[str], registry: str) -> list[str]:
    """Return those of *keys* that mean a registry or something in it."""
    return [key for key in keys if registry in (host(key), key.partition("/")[0])]


def host(key: str) -> str:
    """Return what a key means.  In a URL the path is that of an API, as /v1/ is, else it is a repository's."""
    bare = re.sub(r"^https?://", "", key)
    found = bare if bare == key else bare.partition("/")[0]
    return HUB if found in _HUBS else found


def servers(file: AuthFile, registry: str) -> list[str]:
    """Return what a program may know a registry as, the name that belongs to *file* first."""
    return list(dict.fromkeys([file.key(registry), HUB, DOCKER_HUB])) if registry == HUB else [registry]
