"""A reverse proxy before a registry: it records every request, passes bodies through as they come, and fails on demand."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse

from tests.registry.certificates import Certificate
from tests.registry.serving import PIECE, Answer, Exchange, Record, Server, framed, serving, upto

_OF_ONE_CONNECTION = {"connection", "expect", "keep-alive", "transfer-encoding"}
_PATIENCE = 60


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of, or on, its way to the registry and back."""

    answer: Answer | None = None
    """Given in the registry's place, which hears nothing of the request."""
    cut_request: int | None = None
    """Both connections are cut after so many bytes of the request's body."""
    cut_response: int | None = None
    """The client's connection is reset after so many bytes of the response's body."""
    delay: float = 0
    """Seconds before the registry hears of the request."""


@dataclass
class Proxy:
    """Its address is given to the client in place of the registry's; `fault` may be set at any time."""

    upstream: str
    server: Server
    fault: Callable[[Record], Fault | None]

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def requests(self) -> list[Record]:
        """Those since the beginning, or since the last clear() of it."""
        return self.server.requests

    def count(self, method: str, part: str = "") -> int:
        """How many requests of *method* have *part* in their path."""
        return sum(record.method == method and part in record.path for record in self.requests)


@contextmanager
def counting(
    upstream: str,
    fault: Callable[[Record], Fault | None] = lambda _: None,
    tls: Certificate | None = None,
) -> Iterator[Proxy]:
    """Stand before the registry at *upstream* ("127.0.0.1:5000", plain HTTP).

    The Host header is passed on as the client sent it, so that what the registry says of itself leads to the proxy.
    It is a proxy in the sense of http_proxy too, which has one place alone to go to: paths are whole URLs then.
    Where the registry is not there, or dies in the middle, the client's connection is reset.
    """

    def respond(exchange: Exchange) -> None:
        found = proxy.fault(exchange.record) or Fault()
        exchange.server.pause(found.delay)
        if found.answer:
            exchange.give(found.answer)
            return
        try:
            with closing(HTTPConnection(proxy.upstream, timeout=_PATIENCE)) as connection:
                _ask(connection, exchange, found)
        except (OSError, HTTPException):
            exchange.reset()

    with serving(respond, tls) as server:
        proxy = Proxy(upstream, server, fault)
        yield proxy


def _ask(connection: HTTPConnection, exchange: Exchange, fault: Fault) -> None:
    connection.putrequest(exchange.command, exchange.path, skip_host=True, skip_accept_encoding=True)
    chunked = "transfer-encoding" in exchange.headers
    kept = _kept(exchange.headers.items())
    for name, value in [*kept, ("Transfer-Encoding", "chunked")] if chunked else kept:
        connection.putheader(name, value)
    connection.putheader("Connection", "close")
    connection.endheaders()
    listening = _send(connection, upto(exchange.body, fault.cut_request), chunked)
    if fault.cut_request is not None:
        exchange.reset()
        return
    if chunked and listening:
        connection.send(b"0\r\n\r\n")
    with connection.getresponse() as response:
        exchange.pass_on(response.status, _kept(response.getheaders()), _body(response), fault.cut_response)


def _send(connection: HTTPConnection, pieces: Iterable[bytes], chunked: bool) -> bool:
    """Send the body and return whether all was heard: a registry may answer before, and the client sends the rest yet."""
    listening = True
    for piece in pieces:
        listening = listening and _heard(connection, framed(piece) if chunked else piece)
    return listening


def _heard(connection: HTTPConnection, data: bytes) -> bool:
    try:
        connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _body(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body.  ConnectionError if it is shorter than its head said."""
    left = response.length
    while piece := response.read1(PIECE):
        left = left and left - len(piece)
        yield piece
    if left:
        raise ConnectionResetError


def _kept(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that are not about one connection alone (RFC 9110 section 7.6.1)."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION]
