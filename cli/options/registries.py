"""Registries as the command line speaks of them: how they are asked, and what is shown of that."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import click

from cli.display.bars import Bars, say
from cli.registry.downloads import Advance
from cli.registry.repository import Repository
from cli.session import logs
from eventstore.errors import ConflictError
from eventstore.model.paths import shown
from projections.oci.oci_image import Descriptor

plain_http = click.option("--plain-http", is_flag=True, help="Ask the registry without TLS (this machine's own always may be).")
output_format = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object for each image."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress bars, and the digest or id alone.")

referrers = click.option("--referrers", is_flag=True, help="Signatures, SBOMs and attestations of the image too.")


@contextmanager
def asked(full: str, *, actions: str = "pull", plain_http: bool = False, also: tuple[str, ...] = ()) -> Iterator[Repository]:
    """Give a repository by its full name (docker.io/library/tomcat), to be asked with the user's credentials.

    *actions* are what will be done there ("pull" or "pull,push"); *also* are repositories to be mounted from.
    """
    from cli.registry import credentials
    from cli.registry.registry import Registry

    host, _, name = full.partition("/")
    scopes = [f"repository:{name}:{actions}", *(f"repository:{other}:pull" for other in also)]
    find = partial(credentials.find, host, name)
    registry = Registry(host, find, scopes=scopes, plain_http=plain_http, tell=_told, waits=waits)
    try:
        yield Repository(registry, name)
    finally:
        registry.close()


def require(repository: Repository, full_names: Sequence[str], digest: str | None) -> None:
    """Raise ConflictError unless the tags name *digest* there now, where one is given."""
    for full in full_names if digest else ():
        found = repository.find(full.rpartition(":")[2])
        if found is None or found.digest != digest:
            there = found.digest if found else "nothing"
            raise ConflictError(f"{shown(full)} names {there} there, and not {shown(digest or '')}; look again and repeat")


def waits(what: str) -> None:
    say(f"layerlog: {what}")


def _told(method: str, host: str, path: str, status: int, seconds: float) -> None:
    logs.detail("http", method=method, host=host, path=path, status=status, seconds=seconds)


def drawn(bars: Bars | None) -> Advance:
    """Return what is told of a blob's bytes and draws its bar."""
    if bars is None:
        return lambda _blob, _size: None
    return lambda blob, size: bars.advance(short(blob), size, blob.size)


def drawn_together(bars: Bars | None, name: str, total: int) -> Callable[[int], None]:
    """Return what is told of bytes and draws one bar for all of them."""
    if bars is None:
        return lambda _: None
    return lambda size: bars.advance(name, size, total)


def short(blob: Descriptor) -> str:
    return blob.hex[:12]
