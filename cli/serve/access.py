"""Access: under which names the registry may be asked, by whom, and what it takes to be reached from other machines."""

import base64
import binascii
import ipaddress
import re
import ssl
import time
from asyncio import get_running_loop
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.serve.answers import METHODS, RefusedError, read_only, refusal
from cli.serve.htpasswd import Users
from eventstore.errors import InvalidError
from eventstore.model.paths import shown

MAX_HEAD = 16 << 10
"""Bytes of a request's first line and headers."""
USER = "layerlog.user"
"""Where a request's scope has who asks, "" where nobody has to say."""
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII)


class Tls(NamedTuple):
    """The paths of a certificate chain and its key, PEM."""

    certificate: str
    key: str


class Served(NamedTuple):
    """A request that was answered; its query, which may hold secrets, is not here."""

    method: str
    path: str
    status: int
    address: str
    user: str
    seconds: float


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def require_safe(address: str, users: Users | None, tls: Tls | None) -> None:
    """Raise InvalidError where other machines could ask without a password, or hear one."""
    wanted = {"--htpasswd FILE": users, "--tls-cert FILE --tls-key FILE": tls}
    lacking = [option for option, given in wanted.items() if not given]
    if lacking and not is_loopback(address):
        raise InvalidError(
            f"{address} can be reached from other machines: give {' and '.join(lacking)} too, or --insecure to do without"
        )


def check_tls(tls: Tls) -> None:
    """Raise InvalidError unless the files are a certificate and its key, which no password keeps."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise InvalidError(
            f"{shown(tls.certificate)} and {shown(tls.key)} are no certificate and its key ({reason}); give PEM files, "
            "the key without a password"
        ) from None


class Guard:
    """Lets those requests through that may be answered: to a name of ours, by a user, to read."""

    def __init__(self, app: ASGIApp, names: Iterable[str], users: Users | None, told: Callable[[Served], object]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._users = users
        self._told = told
        self._checking = ThreadPoolExecutor(1, "passwords")  # one at a time: who guesses takes no more than one processor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._admit(scope)
            await self._app(scope, receive, noted)
        except RefusedError as error:
            await refusal(error)(scope, receive, noted)
        finally:
            address = (scope.get("client") or ("",))[0]
            seconds = round(time.monotonic() - began, 3)
            self._told(Served(scope["method"], scope["path"], status, address, scope.get(USER, ""), seconds))

    async def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        _check_form(scope)
        self._check_host(headers, scope)
        scope[USER] = await self._user(headers)
        if scope["method"] not in METHODS:
            raise read_only(scope["method"])
        if headers.get("content-length", "0").strip("0") or "transfer-encoding" in headers:
            raise RefusedError(400, "UNSUPPORTED", "a request to read has no body", {"Connection": "close"})

    def _check_host(self, headers: Headers, scope: Scope) -> None:
        """Names alone count, so that a forwarded port works: a page that rebinds its own name cannot say another one."""
        match = _HOST.fullmatch(headers.get("host", ""))
        name = match[1].strip("[]").rstrip(".").lower() if match else ""
        if name not in self._names and name != scope["server"][0].removeprefix("::ffff:"):
            why = "this registry is not served under that host name (--host-name adds one)"
            raise RefusedError(403, "DENIED", why, {"Connection": "close"})

    async def _user(self, headers: Headers) -> str:
        if self._users is None:
            return ""
        user, password = _credentials(headers.get("authorization", ""))
        if user and not self._users.known(user, password):
            right = await get_running_loop().run_in_executor(self._checking, self._users.are, user, password)
            user = user if right else ""
        if not user:
            asking = {"WWW-Authenticate": 'Basic realm="layerlog", charset="UTF-8"'}
            raise RefusedError(401, "UNAUTHORIZED", "a user and the password are needed; log in", asking)
        return user


def _check_form(scope: Scope) -> None:
    """h11 looks at the size of a head that is incomplete alone, and takes any version for HTTP/1.1."""
    size = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(key) + len(value) for key, value in scope["headers"])
    if size > MAX_HEAD:
        raise RefusedError(431, "UNSUPPORTED", f"a request's head has at most {MAX_HEAD} bytes here", {"Connection": "close"})
    if scope["http_version"] not in ("1.0", "1.1"):
        raise RefusedError(505, "UNSUPPORTED", "HTTP 1.1 is spoken here", {"Connection": "close"})


def _credentials(header: str) -> tuple[str, bytes]:
    """Return (user, password) of basic authentication (RFC 7617), ("", b"") where there is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return user.decode(), password
    except (binascii.Error, ValueError):
        return "", b""
