"""A token server: Docker's token authentication (distribution, docs/spec/auth: token, jwt, scope, oauth).

Signs what docker-registry 2.8 verifies: RS256, with the certificate in the header (x5c).
"""

import base64
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tests.registry.certificates import Certificate, make_certificate
from tests.registry.serving import Answer, Exchange, Record, Server, serving

USER, PASSWORD = "ada", "correct horse"
SERVICE, ISSUER = "registry.test", "tokens.test"
LEEWAY = 60
"""Seconds for which docker-registry 2.8 takes a token that has expired."""

DENIED = Answer(401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "wrong credentials"}]}', {"Content-Type": "application/json"})


class Asked(NamedTuple):
    """A request for a token."""

    method: str
    scopes: tuple[str, ...]
    account: str
    """Who asked: USER where the credentials are right, "" where there are none, else the name as given."""


@dataclass
class TokenServer:
    """Its fields may be changed while it runs."""

    server: Server
    certificate: Certificate
    lifetime: int = 300
    """Seconds; with less than -LEEWAY the registry takes no new token."""
    said_lifetime: int | None = None
    """`expires_in` of the answers, where it is not the truth."""
    anonymous: frozenset[str] = frozenset({"pull"})
    """What may be done without credentials."""
    fault: Callable[[Record], Answer | None] = lambda _: None
    requests: list[Asked] = field(default_factory=list)
    identity_token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """The refresh token that USER is given, and that is as good as the password."""

    @property
    def realm(self) -> str:
        return f"{self.server.url}/token"

    def registry_config(self) -> dict[str, Any]:
        """The section `auth` of a registry that takes the tokens."""
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.certificate.path)}}

    def token(self, access: Sequence[dict[str, Any]], subject: str = USER) -> str:
        """Return a signed token for *access*: [{"type": "repository", "name": ..., "actions": ["pull"]}]."""
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [_der(self.certificate.path)]}
        times = {"iat": now, "nbf": now - LEEWAY, "exp": now + self.lifetime}
        claims = {"iss": ISSUER, "sub": subject, "aud": SERVICE, "jti": secrets.token_hex(8), **times, "access": access}
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_base64url(self.certificate.signed(signed.encode()))}"

    def token_for(self, scope: str) -> str:
        """Return a token of USER's for one scope ("repository:one:pull,push"), or for none ("")."""
        return self.token([_granted(scope, None)] if scope else [])

    def respond(self, exchange: Exchange) -> None:
        body = b"".join(exchange.body).decode()
        record = exchange.record
        form = parse_qs(body if record.method == "POST" else record.query)
        known, account = self._oauth(form) if record.method == "POST" else _basic(exchange.headers.get("authorization", ""))
        scopes = tuple(scope for value in form.get("scope", []) for scope in value.split())
        self.requests.append(Asked(record.method, scopes, account))
        exchange.give(self.fault(record) or (self._given(account, scopes, form) if known else DENIED))

    def _given(self, account: str, scopes: Sequence[str], form: dict[str, list[str]]) -> Answer:
        allowed = None if account else self.anonymous
        access = [entry for scope in scopes if (entry := _granted(scope, allowed))["actions"]]
        token = self.token(access, account)
        lifetime = self.lifetime if self.said_lifetime is None else self.said_lifetime
        issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        document = {"token": token, "access_token": token, "expires_in": lifetime, "issued_at": issued, "scope": " ".join(scopes)}
        if account and ("true" in form.get("offline_token", []) or "offline" in form.get("access_type", [])):
            document["refresh_token"] = self.identity_token
        return Answer(body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})

    def _oauth(self, form: dict[str, list[str]]) -> tuple[bool, str]:
        """Return (are the credentials right?, whose they are) of the OAuth2 form."""
        one = {name: values[0] for name, values in form.items()}
        if one.get("grant_type") == "refresh_token":
            known = one.get("refresh_token") == self.identity_token
            return known, USER if known else ""
        user = one.get("username", "")
        return one.get("grant_type") == "password" and (user, one.get("password")) == (USER, PASSWORD), user


def _granted(scope: str, allowed: AbstractSet[str] | None) -> dict[str, Any]:
    """The access that a scope asks for, as far as it is allowed; None allows all."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": [action for action in actions.split(",") if allowed is None or action in allowed]}


def _basic(authorization: str) -> tuple[bool, str]:
    """Return (are the credentials right?, whose they are); there may be none."""
    if not authorization:
        return True, ""
    user, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
    return (user, password) == (USER, PASSWORD), user


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """The Authorization header of a name and a password (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _der(path: Path) -> str:
    return base64.b64encode(ssl.PEM_cert_to_DER_cert(path.read_text())).decode()


def _part(document: object) -> str:
    return _base64url(json.dumps(document).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def tokens(folder: Path, tls: Certificate | None = None) -> Iterator[TokenServer]:
    """Give tokens to USER for all, to nobody for pulls; key and certificate are made in *folder*."""

    def respond(exchange: Exchange) -> None:
        issuer.respond(exchange)

    with serving(respond, tls) as server:
        issuer = TokenServer(server, make_certificate(folder, "tokens"))
        yield issuer
