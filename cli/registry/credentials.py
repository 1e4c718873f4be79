"""Credentials for a registry, found and kept where Docker and podman keep them: in their files, or by a program.

In a file a program of `credHelpers` comes first, then `auths`, then the program of `credsStore`, which Docker has for
all others.  The order of the files is that of `auth_files.in_order`; DOCKER_AUTH_CONFIG goes before them.
"""

import base64
import re
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import NamedTuple

from cli.registry import auth_files, auth_keys
from cli.registry.auth_files import VARIABLE, AuthFile, changing, part
from cli.registry.credential_programs import CredentialProgram
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.paths import shown
from projections.oci.documents import Json

_TOKEN = "<token>"  # noqa: S105 - as a user's name it says that the secret is an identity token
_MAX_SECRET = 8 << 10  # however it is escaped, a pipe to a program takes it at once


class Credentials(NamedTuple):
    """`secret` is a password or, if `is_token`, an identity token: what OAuth 2 calls a refresh token."""

    username: str
    secret: str
    is_token: bool = False

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, secret=***, is_token={self.is_token})"


def find(registry: str, repository: str = "") -> Credentials | None:
    """Return the credentials for a registry (host[:port]), those for *repository* or its namespace first; None without.

    Raise InvalidError for a file that cannot be understood, NotFoundError for a program that is missing, LayerlogError
    where one fails, OSError for a file that cannot be read.
    """
    names = auth_keys.names(auth_keys.checked(registry), repository)
    found = _in_auths(auth_files.read_variable(), names, VARIABLE)
    for file in auth_files.in_order():
        if found is None:
            found = _in_file(file, names)
    return found


def keep(registry: str, credentials: Credentials) -> str:
    """Keep credentials for `find`, durably; return where: a path, or the name of the program that is configured for it.

    Raise InvalidError for credentials that cannot be kept, ConflictError where `find` would find others before them, and
    as `find`.  Of a file the rest stays as it is.
    """
    registry = auth_keys.checked(registry)
    _check(credentials)
    file, program = _place(registry)
    _check_first(registry, file)
    if program is not None:
        program.store(file.key(registry), _TOKEN if credentials.is_token else credentials.username, credentials.secret)
        _drop(file, lambda keys: auth_keys.spellings(keys, registry))
        return program.name
    with changing(file.path) as document:
        auths = part(document, "auths", dict, file.path)
        others = {key: auths[key] for key in auths if auth_keys.host(key) != registry}
        document["auths"] = {**others, file.key(registry): _entry(credentials)}
    return file.path


def forget(registry: str) -> list[str]:
    """Forget all credentials for a registry and its repositories; return where there were some (paths, programs' names).

    Those of DOCKER_AUTH_CONFIG are not ours to forget: `find` goes on finding them.  Errors as of `find`.
    """
    registry = auth_keys.checked(registry)
    files = auth_files.in_order()
    places = [file.path for file in files if _drop(file, lambda keys: auth_keys.below(keys, registry))]
    for file in files:
        program, _ = _program(auth_files.read(file.path), file, registry)
        places += _erase(program, auth_keys.servers(file, registry))
    return list(dict.fromkeys(places))


def forget_all() -> list[str]:
    """Forget all credentials that `find` could find but DOCKER_AUTH_CONFIG's; what is returned and raised, as `forget`."""
    files = auth_files.in_order()
    places = [file.path for file in files if _drop(file, list)]
    for file in files:
        document = auth_files.read(file.path)
        for registry in map(auth_keys.host, part(document, "credHelpers", dict, file.path)):
            program, _ = _program(document, file, registry)
            places += _erase(program, auth_keys.servers(file, registry))
        suffix = part(document, "credsStore", str, file.path)
        if suffix:
            store = CredentialProgram(suffix, file.path)
            places += _erase(store, store.servers())
    return list(dict.fromkeys(places))


# -- where


def _place(registry: str) -> tuple[AuthFile, CredentialProgram | None]:
    """Return the first file that names a program for a registry, and that; else the file to write in."""
    for file in auth_files.in_order():
        program, _ = _program(auth_files.read(file.path), file, registry)
        if program is not None:
            return file, program
    return auth_files.to_write(), None


def _check_first(registry: str, place: AuthFile) -> None:
    """Refuse what would be kept in vain."""
    if _in_auths(auth_files.read_variable(), [registry], VARIABLE) is not None:
        raise ConflictError(f"{VARIABLE} holds credentials for {registry}, and goes first; unset it, then log in again")
    for file in takewhile(lambda file: file != place, auth_files.in_order()):
        if _in_auths(auth_files.read(file.path), [registry], file.path) is not None:
            first = f"{shown(file.path)} holds credentials for {registry}, and goes before {shown(place.path)}"
            raise ConflictError(f"{first}; log out of {registry}, then log in again")


def _program(document: Json, file: AuthFile, registry: str) -> tuple[CredentialProgram | None, bool]:
    """Return (the program for a registry, whether it is the only one to ask: credHelpers names it)."""
    special = part(document, "credHelpers", dict, file.path)
    keys = auth_keys.spellings(special, registry)
    suffix = part(special, keys[0], str, file.path) if keys else part(document, "credsStore", str, file.path)
    return CredentialProgram(suffix, file.path) if suffix else None, bool(keys and suffix)


def _drop(file: AuthFile, chosen: Callable[[Iterable[str]], list[str]]) -> bool:
    """Take entries out of a file; return whether one of them was more than a note that a program has it."""
    if not chosen(part(auth_files.read(file.path), "auths", dict, file.path)):
        return False
    with changing(file.path) as document:
        auths = part(document, "auths", dict, file.path)
        dropped = [auths.pop(key) for key in chosen(auths)]
    return any(dropped)


def _erase(program: CredentialProgram | None, servers: list[str]) -> list[str]:
    held = [server for server in servers if program.get(server) is not None] if program is not None else []
    for server in held:
        assert program is not None
        program.erase(server)
    return [program.name] if program is not None and held else []


# -- what


def _check(credentials: Credentials) -> None:
    name, secret, is_token = credentials
    try:
        size = len(f"{name}:{secret}".encode())
    except UnicodeError:  # it holds the secret
        raise InvalidError("the user name or the secret is not UTF-8 text; check what was typed") from None
    if size > _MAX_SECRET:
        raise InvalidError(f"the user name and the secret are over {_MAX_SECRET} bytes; check what was given as the secret")
    if ":" in name:
        raise InvalidError("a user name with a colon cannot be told from its password (RFC 7617); check what was typed")
    if not secret or not (name or is_token):
        raise InvalidError("an empty user name or secret cannot be kept; give both")
    if secret != secret.strip("\0") or name == _TOKEN:
        raise InvalidError("this user name or secret would be read as another one; check what was typed")


def _in_file(file: AuthFile, names: list[str]) -> Credentials | None:
    document = auth_files.read(file.path)
    registry = names[-1]
    program, alone = _program(document, file, registry)
    found = None if alone else _in_auths(document, names, file.path)
    if found is None and program is not None:
        answers = (program.get(server) for server in auth_keys.servers(file, registry))
        username, secret = next((answer for answer in answers if answer is not None), ("", ""))
        return _made(username, secret, is_token=username == _TOKEN) if secret else None
    return found


def _in_auths(document: Json, names: list[str], what: str) -> Credentials | None:
    auths = part(document, "auths", dict, what)
    keys = [*(name for name in names[:-1] if name in auths), *auth_keys.spellings(auths, names[-1])]
    return next(filter(None, (_read(part(auths, key, dict, what), what) for key in keys)), None)


def _read(entry: Json, what: str) -> Credentials | None:
    auth, token, username, secret = (part(entry, key, str, what) for key in ("auth", "identitytoken", "username", "password"))
    if auth:
        username, secret = _decoded(auth, what)
    if token:
        return _made(username, token, is_token=True)
    return _made(username, secret) if username or secret else None


def _decoded(auth: str, what: str) -> tuple[str, str]:
    try:
        username, colon, secret = base64.b64decode(re.sub(r"[\r\n]", "", auth), validate=True).decode().partition(":")
    except ValueError:
        username = colon = secret = ""
    if not colon:
        raise InvalidError(f"{shown(what)}: the field 'auth' is not the base64 of USER:PASSWORD; correct it, or log in again")
    return username, secret.strip("\0")  # Docker fills up with NUL


def _made(username: str, secret: str, *, is_token: bool = False) -> Credentials:
    return Credentials("" if username == _TOKEN else username, secret, is_token)


def _entry(credentials: Credentials) -> Json:
    """Docker refuses a file with an empty user name in it, podman ignores a token without a user name."""
    if credentials.is_token:
        return {"auth": _encoded(credentials.username or _TOKEN, ""), "identitytoken": credentials.secret}
    return {"auth": _encoded(credentials.username, credentials.secret)}


def _encoded(username: str, secret: str) -> str:
    return base64.b64encode(f"{username}:{secret}".encode()).decode()
