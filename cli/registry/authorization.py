"""Logging in: what is put into the header Authorization, learned from what the registry asks for.

The token protocol is Docker's (distribution: docs/spec/auth/token.md, oauth.md), Basic is RFC 7617.
"""

import re
import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from cli.registry.addresses import is_loopback, joined
from cli.registry.credentials import Credentials
from cli.registry.http import Response, place
from eventstore.errors import InvalidError, RegistryError
from eventstore.model.paths import shown
from projections.oci import documents

MAX_ANSWER = 1 << 20
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = rf'\s*(?:,\s*)*(?P<name>{_WORD})(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>{_WORD})))?'
"""Compiled where a login is asked for: most registries ask nobody."""
MAX_HEADER = 8 << 10

Ask = Callable[[str, str, dict[str, str], bytes | None], Response]
"""Sends a request (method, URL, headers, body) that no registry's token goes with."""


class Challenge(NamedTuple):
    """A scheme (lower case) and its parameters (names in lower case)."""

    scheme: str
    parameters: Mapping[str, str]


class Authorization:
    """What one registry is told of who asks: nothing before it wants to know, and a new token when the last one is refused.

    *scopes* ("repository:NAME:pull,push") are asked for in one token, whichever request comes first.
    """

    def __init__(self, registry: str, find: Callable[[], Credentials | None], scopes: Collection[str], ask: Ask) -> None:
        self._registry = shown(registry)
        self._find = find
        self._scopes = scopes
        self._ask = ask
        self._lock = threading.Lock()
        self.header = ""

    def renew(self, refused: str, answer: Response) -> bool:
        """Log in as a 401's *answer* wants, after the header *refused* was not enough; False where it cannot be done better.

        Raise RegistryError or InvalidError where the way that it wants is none.
        """
        with self._lock:
            if self.header != refused:  # another thread was faster
                return True
            self.header = self._made(challenges(answer.header("WWW-Authenticate")), refused)
            return self.header not in ("", refused)

    def _made(self, wanted: list[Challenge], refused: str) -> str:
        for challenge in wanted:
            if challenge.scheme == "bearer":
                return f"Bearer {self._token(challenge)}"
            if challenge.scheme == "basic":
                found = None if refused else self._find()
                return _basic(found) if found and not found.is_token else ""
        raise RegistryError(f"{self._registry}: asks to log in by a way that is none; is it a registry?")

    def _token(self, challenge: Challenge) -> str:
        realm = _checked_realm(challenge.parameters.get("realm", ""), self._registry)
        scopes = sorted({*self._scopes, *filter(None, challenge.parameters.get("scope", "").split(" "))})
        service = challenge.parameters.get("service", "")
        credentials = self._find()
        if credentials is not None and credentials.is_token:
            answer = self._by_identity(realm, service, scopes, credentials)
        else:
            answer = self._by_password(realm, service, scopes, credentials)
        if answer.status in (401, 403):
            raise RegistryError(_refusal(self._registry, credentials))
        if answer.status != 200:
            raise RegistryError(f"{place(realm)}: answers {answer.status} when asked for a token; try again later")
        return _token_in(answer.body(MAX_ANSWER), place(realm))

    def _by_password(self, realm: str, service: str, scopes: Iterable[str], known: Credentials | None) -> Response:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        headers = {}
        if known is not None:
            query.append(("account", known.username))
            headers["Authorization"] = _basic(known)
        parts = urlsplit(realm)
        asked = "&".join(filter(None, [parts.query, urlencode(query)]))
        return self._ask("GET", urlunsplit(parts._replace(query=asked)), headers, None)

    def _by_identity(self, realm: str, service: str, scopes: Iterable[str], known: Credentials) -> Response:
        form = {
            "grant_type": "refresh_token", "refresh_token": known.secret, "service": service, "scope": " ".join(scopes),
            "client_id": "layerlog",
        }  # fmt: skip
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", realm, kind, urlencode(form).encode())


def _basic(known: Credentials) -> str:
    return "Basic " + b64encode(f"{known.username}:{known.secret}".encode()).decode()


def _checked_realm(realm: str, registry: str) -> str:
    """A password goes to a realm: over TLS alone, but where it does not leave this machine."""
    parts = urlsplit(joined("", realm, registry))
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.netloc)):
        return realm
    raise RegistryError(f"{registry}: sends to {place(realm) or 'nowhere'} for a token, without https; nothing was sent there")


def _refusal(registry: str, known: Credentials | None) -> str:
    if known is None:
        return f"{registry}: asks who you are; log in with `layerlog login {registry}`"
    return f"{registry}: refuses the login of {shown(known.username)!r}; log in again with `layerlog login {registry}`"


def _token_in(data: bytes, what: str) -> str:
    document = documents.read_object(data, what)
    token = documents.field(document, "token", str, what, "") or documents.field(document, "access_token", str, what, "")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidError(f"{what}: its answer holds no token; is it the registry's token server?")
    return token


def challenges(header: str) -> list[Challenge]:
    """Return what WWW-Authenticate asks for (RFC 9110, 11.6.1), in its order, as far as it can be read."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    header = header[:MAX_HEADER]
    part = re.compile(_PART)
    while match := part.match(header, at):
        at = match.end()
        value = match["bare"] if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
        if value is None:
            found.append((match["name"].lower(), {}))
        elif found:
            found[-1][1].setdefault(match["name"].lower(), value)
    return [Challenge(*one) for one in found]
