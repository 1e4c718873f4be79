"""`login` and `logout`: who asks a registry, kept as Docker and podman keep it."""

import sys

import click

from cli.options import registries
from cli.registry import auth_keys, credentials
from cli.registry.credentials import Credentials
from cli.registry.registry import Registry
from eventstore.errors import InvalidError, NotFoundError, RegistryError
from eventstore.model.paths import shown
from eventstore.model.spelling import HUB


@click.command()
@click.argument("registry", metavar="[REGISTRY]", default=HUB)
@click.option("-u", "--username", metavar="NAME", help="Who you are there; asked for without it.")
@click.option("--password-stdin", is_flag=True, help="Read the password, or a token, from standard input.")
@click.option("-p", "--password", hidden=True)
@click.option("--plain-http", is_flag=True, help="Ask the registry without TLS (this machine's own always may be).")
def login(registry: str, username: str | None, password: str | None, *, password_stdin: bool, plain_http: bool) -> None:
    r"""Log in to a registry (Docker Hub without one), and keep that where podman and Docker find it too.

    A credential helper that is configured for it keeps the password; else it stands in a file that only you can read.

    \b
      layerlog login registry.example.org
      pass registry | layerlog login -u ada --password-stdin registry.example.org
    """
    registry = auth_keys.typed(registry)
    if password is not None:
        seen = "every process sees it there, and the shell keeps it"
        raise click.UsageError(f"No password on the command line: {seen}; pipe it in with --password-stdin.")
    if not password_stdin and not sys.stdin.isatty():
        raise click.UsageError("Standard input is no terminal; pipe the password in with --password-stdin, and name -u.")
    if password_stdin and not username:
        raise click.UsageError("With --password-stdin say who you are: -u NAME.")
    user = username or click.prompt("Username", err=True)
    secret = _from_stdin() if password_stdin else click.prompt("Password", hide_input=True, err=True)
    given = Credentials(user, secret)
    _check(registry, given, plain_http=plain_http)
    print(f"Login Succeeded: kept in {shown(credentials.keep(registry, given))}")


@click.command()
@click.argument("registry", metavar="[REGISTRY]", default=HUB)
@click.option("-a", "--all", "all_", is_flag=True, help="From all registries.")
def logout(registry: str, *, all_: bool) -> None:
    """Forget who you are at a registry (Docker Hub without one), wherever that is kept."""
    registry = auth_keys.typed(registry)
    places = credentials.forget_all() if all_ else credentials.forget(registry)
    if not places:
        raise NotFoundError(f"no login to {'any registry' if all_ else shown(registry)} is kept here")
    print(*(f"Removed from {shown(place)}" for place in places), sep="\n")
    if not all_ and credentials.find(registry):
        print(f"layerlog: DOCKER_AUTH_CONFIG still has a login to {shown(registry)}; unset it", file=sys.stderr)


def _from_stdin() -> str:
    data = sys.stdin.buffer.read(64 << 10)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidError("the password on standard input is not UTF-8 text; check what is piped in") from None


def _check(registry: str, given: Credentials, *, plain_http: bool) -> None:
    """Raise RegistryError where the registry does not let *given* in: what does not work is not kept."""
    asked = Registry(registry, lambda: given, plain_http=plain_http, waits=registries.waits)
    try:
        answer = asked.ask("GET", "/v2/", f"login to {shown(registry)}", expect=(200, 401))
        answer.close()
        if answer.status == 401:
            user = shown(given.username)
            raise RegistryError(f"{shown(registry)}: refuses the login of {user!r}; check the name and the password")
    finally:
        asked.close()
