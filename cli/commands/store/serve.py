"""`serve`: the store as a read-only registry."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import click

from cli.options import completion
from cli.options.sizes_and_times import parse_size
from cli.session import logs
from cli.session.actor import observed_actor
from cli.session.failures import explained
from cli.session.session import Session, session
from cli.session.writing import writing
from eventstore.errors import NotFoundError
from eventstore.log.log import Context
from eventstore.model.paths import shown

if TYPE_CHECKING:
    import socket

    from starlette.applications import Starlette

    from cli.serve.access import Served, Tls
    from cli.serve.record import Recorder
    from cli.serve.server import Readers

_CACHE = "4GiB"


@click.command()
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:5000", show_default=True, help="Where; port 0: any.")
@click.option(
    "--points/--no-points", default=None, help="Serve containers as they were at any moment.  [default: on loopback alone]"
)
@click.option(
    "--htpasswd", metavar="FILE", help="For these users alone; hashes are bcrypt's (htpasswd -B).",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--tls-cert", metavar="FILE", help="Serve by https, as this certificate.", shell_complete=completion.host_paths)
@click.option("--tls-key", metavar="FILE", help="The certificate's key.", shell_complete=completion.host_paths)
@click.option("--insecure", is_flag=True, help="Off loopback: without users or without TLS.")
@click.option("--host-name", "host_names", metavar="NAME", multiple=True, help="One more name that clients reach this by.")
@click.option("--no-record", is_flag=True, help="Record no events of what is served.")
@click.option("--cache-size", metavar="SIZE", default=_CACHE, show_default=True, help="At most so much disk for packed layers.")
def serve(
    listen: str, *, points: bool | None, htpasswd: str | None, tls_cert: str | None, tls_key: str | None, insecure: bool,
    host_names: tuple[str, ...], no_record: bool, cache_size: str,
) -> None:  # fmt: skip
    r"""Let docker, podman and skopeo pull from the store, by the OCI distribution protocol; nothing can be pushed.

    Images are there by their tags and by their commits' ids, and with --points containers as they were after each of
    their events, and at any time. A tag of that name comes first; by its id a container is always there. A container's
    `latest`, where no tag is called so, is its last commit.

    Each manifest that is given out is an event, one an hour for each user and address: `layerlog audit`.

    \b
      layerlog serve
      podman pull --tls-verify=false localhost:5000/site:1.0              a tag
      podman pull --tls-verify=false localhost:5000/web:v42               web after its 42nd event
      podman pull --tls-verify=false localhost:5000/web:t20261124T100000Z
      layerlog serve --listen 0.0.0.0:5000 --htpasswd users --tls-cert cert.pem --tls-key key.pem
    """
    _require_extra()
    from cli.serve import access, server
    from cli.serve.htpasswd import users

    listed, tls, bound = users(htpasswd) if htpasswd else None, _tls(tls_cert, tls_key), parse_size(cache_size)
    with session() as s, server.bound(listen) as sock:
        address = sock.getsockname()[0]
        if not insecure:
            access.require_safe(address, listed, tls)
        local = access.is_loopback(address)
        with_points = local if points is None else points
        names = ["localhost", listen.rpartition(":")[0].strip("[]"), *([] if local else [os.uname().nodename]), *host_names]
        readers = server.Readers(s.store.path)
        with closing(readers), _recorder(s, no_record=no_record) as recorder, _folder(s) as folder:
            app = _registry(readers, recorder, folder, bound, points=with_points)
            print(_first_line(s.store.path, sock, tls, points=with_points, users=listed is not None, local=local), flush=True)
            server.run(access.Guard(app, names, listed, _log), sock, tls)


def _require_extra() -> None:
    """Raise NotFoundError, with the command that mends it, where the optional packages are not installed."""
    try:
        import_module("starlette")
        import_module("uvicorn")
    except ModuleNotFoundError:
        raise NotFoundError("`layerlog serve` needs Starlette and uvicorn: pip install 'layerlog[serve]'") from None


def _tls(certificate: str | None, key: str | None) -> "Tls | None":
    from cli.serve.access import Tls, check_tls

    if certificate is None or key is None:
        if certificate or key:
            raise click.UsageError("A certificate and its key go together: --tls-cert FILE --tls-key FILE.")
        return None
    found = Tls(certificate, key)
    check_tls(found)
    return found


def _registry(
    readers: "Readers", recorder: "Recorder | None", folder: str, bound: int, *, points: bool
) -> "Starlette":
    from cli.serve.app import Registry
    from cli.serve.moments import Moments
    from cli.serve.names import Names

    store = click.get_current_context().obj.store
    moments = Moments(folder, bound)
    return Registry(readers, Names(points=points), moments, recorder, lambda error: _say(explained(error, store)[0])).app()


@contextmanager
def _folder(s: Session) -> Iterator[str]:
    """Give where packed layers are kept: in the store's cache, else, where that cannot be written, for this run alone."""
    from cli.serve.moments import FOLDER

    if os.access(s.store.path, os.W_OK):
        yield s.store.cache.path(FOLDER)
    else:
        with tempfile.TemporaryDirectory(prefix="layerlog-") as folder:
            yield folder


@contextmanager
def _recorder(s: Session, *, no_record: bool) -> Iterator["Recorder | None"]:
    from cli.serve.record import Recorder

    if no_record:
        yield None
    elif not os.access(s.store.path, os.W_OK):
        _say(f"the store {shown(s.store.path)} cannot be written, so what is served is not recorded")
        yield None
    else:
        with writing(s):
            pass  # brings an older store to today's schema, and says so, before anybody reads it
        actor = dict(observed_actor())
        with closing(Recorder(s.store.path, lambda user: Context(actor, s.settings.argv, user or None), _say)) as found:
            yield found


def _first_line(
    store: str, sock: "socket.socket", tls: "Tls | None", *, points: bool, users: bool, local: bool
) -> str:
    """Return what is shown, where and to whom."""
    host, port = sock.getsockname()[:2]
    where = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    who = "the users listed" if users else "everyone"
    what = "tags, commits and any moment of each container" if points else "tags and commits"
    whence = "on this machine" if local else "who can reach it"
    return f"Serving {shown(store)} at {where} to {who} {whence}, read-only: {what}"


def _log(served: "Served") -> None:
    logs.event("request", **served._asdict())


def _say(message: str) -> None:
    print(f"layerlog: {shown(message)}", file=sys.stderr)
