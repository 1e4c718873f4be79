"""HTTP, one request at a time: pools, TLS, proxies, time-outs.  No credentials, no second try, no redirect is followed here."""

import contextlib
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from cli.registry.addresses import is_loopback, joined
from cli.streams.sockets import Deadline, DeadlineError, TimedSocket, TimedTls, timed
from cli.version import VERSION
from eventstore.errors import InvalidError, RegistryError
from eventstore.model.paths import shown

CONNECT_SECONDS, READ_SECONDS = 15.0, 60.0
DOCUMENT_SECONDS = 120.0
"""From the last byte sent to the last one of an answer's head, and of its body where that is a document."""
PIECE, PIECE_SECONDS = 256 << 10, 120.0
"""A blob may be of any size, but not slower than this: what is waited for its reader's sake does not count."""
_AGENT = f"layerlog/{VERSION}"
_CERTIFICATES = ("~/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d")

Tell = Callable[[str, str, str, int, float], object]
"""Told of each answer: method, host, path (never the query, in which presigned addresses have their keys), status, seconds."""


class BrokenError(RegistryError):
    """The connection could not be made, or broke in the middle: another try may go better."""


class UnreachableError(BrokenError):
    """Not even a connection could be made."""


class NoTlsError(RegistryError):
    """The other side speaks no TLS."""


class LateError(RegistryError):
    """An answer goes on and on: another try would only wait as long."""


class Response:
    """An answer whose body is read while it comes; to be closed, and closed by reading it to its end."""

    def __init__(self, url: str, found: urllib3.BaseHTTPResponse, deadline: Deadline) -> None:
        self.url = url
        self.status = found.status
        self.headers = found.headers
        self._found = found
        self._deadline = deadline
        self._body: bytes | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the body, of any size, as it comes; raise BrokenError where it stalls, or ends before its promised length."""
        chunks, come, left = self._as_it_comes(), 0, PIECE_SECONDS
        while True:
            self._deadline.set(left)
            began = monotonic()
            try:
                chunk = next(chunks, None)
            except LateError:
                slow = f"less than {PIECE} bytes came in {PIECE_SECONDS:g} s"
                raise BrokenError(f"{place(self.url)}: {slow}; try again, or check the network") from None
            if chunk is None:
                return
            come, left = come + len(chunk), left - (monotonic() - began)
            if come >= PIECE:
                come, left = 0, PIECE_SECONDS
            yield chunk

    def _as_it_comes(self) -> Iterator[bytes]:
        with _explained(self.url):
            try:
                yield from self._found.stream(PIECE, decode_content=False)
            except ValueError:  # urllib3 believes a chunk's length, even -5
                raise RegistryError(f"{place(self.url)}: answers with what is no HTTP; check the address") from None

    def body(self, limit: int) -> bytes:
        """Return the whole body, also again; InvalidError above *limit* bytes."""
        if self._body is None:
            self._body = self._read(limit)
        return self._body

    def _read(self, limit: int) -> bytes:
        found = b""
        with contextlib.closing(self):
            for chunk in self._as_it_comes():
                found += chunk
                if len(found) > limit:
                    raise InvalidError(f"{place(self.url)}: an answer of over {limit} bytes, more than is read")
        return found

    def header(self, name: str) -> str:
        return str(self.headers.get(name, ""))

    def close(self) -> None:
        """A body that was not read to its end ends the connection: to read it could take for ever."""
        if self._found.closed:
            self._found.release_conn()
        else:
            self._found.close()


class Http:
    """The connections of one command."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._pools: dict[tuple[str, str], Any] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Response:
        """Return the answer, whatever its status; raise BrokenError or RegistryError where there is none."""
        began, parts = monotonic(), urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        if body is None and method in ("POST", "PUT", "PATCH"):
            body = b""
        with _explained(url):
            pool = self._pool(parts.scheme, parts.netloc)
            if pool.proxy and parts.scheme == "http":  # who is told the whole address (RFC 9112, 3.2.2)
                target = f"http://{parts.netloc}{target}"
                sent |= pool.proxy_headers
            found = pool.urlopen(
                method, target or "/", body=body, headers=sent, retries=False, redirect=False, assert_same_host=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        self._tell(method, parts.netloc, parts.path, found.status, round(monotonic() - began, 3))
        assert isinstance(found.connection, _Timed)
        return Response(url, found, found.connection.deadline)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, scheme: str, authority: str) -> Any:
        key = (scheme, authority)
        if key not in self._pools:
            self._pools[key] = _connected(scheme, authority)
        return self._pools[key]


class _Timed(urllib3.connection.HTTPConnection):
    """Has one deadline for each exchange, whatever comes before the answer's head too ("100 Continue", a proxy's answer)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.deadline = Deadline()

    def _new_conn(self) -> TimedSocket:
        self.deadline.set(DOCUMENT_SECONDS)
        return timed(super()._new_conn(), self.deadline)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as urllib3 itself
        self.deadline.set(DOCUMENT_SECONDS)
        return super().getresponse()


class _TimedTls(_Timed, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, TimedTls):
            self.sock.deadline = self.deadline


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Timed


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedTls


def _connected(scheme: str, authority: str) -> Any:
    if scheme not in ("http", "https"):
        raise RegistryError(f"{shown(authority)}: an address that is neither http nor https is not asked")
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    tls: dict[str, Any] = {"ssl_context": _tls(authority)} if scheme == "https" else {}
    options = {"timeout": timeout, "maxsize": 8, **tls}
    proxy = _proxy(scheme, authority)
    if proxy is None:
        kind = _TlsPool if scheme == "https" else _Pool
        host = urlsplit(f"//{authority}")
        return kind(host.hostname or "", host.port, **options)
    user = urlsplit(proxy)
    login = f"{unquote(user.username)}:{unquote(user.password or '')}" if user.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    try:
        manager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager.connection_from_url(f"{scheme}://{authority}")
    except urllib3.exceptions.HTTPError:
        raise RegistryError(f"the proxy for {scheme} is no http address; correct {scheme}_proxy, or set no_proxy") from None


def _proxy(scheme: str, authority: str) -> str | None:
    """Return the proxy that the environment names for HOST[:PORT], as curl reads it; this machine is asked without."""
    if is_loopback(authority):
        return None
    from urllib.request import getproxies, proxy_bypass  # takes as long as a request on loopback

    if proxy_bypass(authority):
        return None
    found = getproxies()
    proxy = found.get(scheme) or found.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


@cache
def _trusted() -> ssl.SSLContext:
    return _context()


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()  # OpenSSL itself heeds SSL_CERT_FILE and SSL_CERT_DIR
    context.sslsocket_class = TimedTls
    return context


def _tls(authority: str) -> ssl.SSLContext:
    """Return what is trusted for HOST[:PORT]: the system's authorities, and those in certs.d (containers-certs.d(5))."""
    folders = [os.path.join(os.path.expanduser(folder), authority) for folder in _CERTIFICATES]
    found = next((folder for folder in folders if os.path.isdir(folder)), None)
    if found is None:
        return _trusted()
    context = _context()
    for name in sorted(os.listdir(found)):
        path = os.path.join(found, name)
        base, ending = os.path.splitext(path)
        try:
            if ending == ".crt":
                context.load_verify_locations(path)
            elif ending == ".cert":
                context.load_cert_chain(path, f"{base}.key")
        except (OSError, ssl.SSLError) as error:
            why = f"cannot be used as a certificate ({_reason(error)})"
            raise RegistryError(f"{shown(path)}: {why}; correct or remove it") from None
    return context


def place(url: str) -> str:
    """Return how an address is named in messages: without its query, in which secrets may stand."""
    parts = urlsplit(url)
    return shown(f"{parts.netloc.rpartition('@')[2]}{parts.path}")


def led_to(response: Response) -> str:
    """Return the address in an answer's Location; RegistryError where it is none, or leaves TLS, or this machine without."""
    url = joined(response.url, response.header("Location"), place(response.url))
    before, after = urlsplit(response.url), urlsplit(url)
    leaves = after.scheme == "http" and (before.scheme == "https" or is_loopback(before.netloc) > is_loopback(after.netloc))
    if after.scheme not in ("http", "https") or leaves:
        what = "without TLS" if leaves else f"by {shown(after.scheme)}, which is not asked"
        raise RegistryError(f"{place(response.url)}: leads to {place(url)} {what}; nothing was asked there or sent")
    return url


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    host = shown(urlsplit(url).netloc)
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        failure = NoTlsError if "WRONG_VERSION_NUMBER" in str(error) else RegistryError
        raise failure(f"{host}: no trusted TLS connection: {_reason(error)}; {_TRUST.format(host=host)}") from None
    except urllib3.exceptions.NameResolutionError:
        raise RegistryError(f"{host}: no such host; check its name and the network") from None
    except urllib3.exceptions.LocationValueError:
        raise RegistryError(f"{host or 'nowhere'}: is no host's name; check the address, or ask who gave it") from None
    except urllib3.exceptions.NewConnectionError as error:
        raise UnreachableError(f"{host}: cannot be reached: {_reason(error)}; check that it runs, and the network") from None
    except (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.ReadTimeoutError) as error:
        if isinstance(error.__cause__, DeadlineError):
            late = f"an answer goes on for over {DOCUMENT_SECONDS:g} s"
            raise LateError(f"{host}: {late}; check the network, or ask whoever runs that server") from None
        kind = BrokenError if isinstance(error, urllib3.exceptions.ReadTimeoutError) else UnreachableError
        raise kind(f"{host}: no answer in time; try again, or check the network and the proxy settings") from None
    except urllib3.exceptions.ProxyError as error:
        settings = "http_proxy, https_proxy and no_proxy"
        raise UnreachableError(f"{host}: the proxy fails: {_reason(error)}; check {settings}") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise BrokenError(f"{host}: the connection broke: {_reason(error)}; try again") from None


_TRUST = "put its authority's certificate in /etc/containers/certs.d/{host}/ca.crt, or ask with --plain-http what has no TLS"


def _reason(error: BaseException) -> str:
    """Return the innermost reason, in a few words."""
    while isinstance(found := (error.args[-1] if error.args else None), BaseException):
        error = found
    text = getattr(error, "strerror", None) or getattr(error, "verify_message", None) or str(error)
    text = re.sub(r"\[Errno -?\d+\] ?", "", str(text))
    return shown(text.rpartition(": ")[2][:200] or type(error).__name__)
