"""An HTTP server of the tests' own on loopback: what it is asked, what it answers, and how both go wrong on purpose."""

import fcntl
import socket
import ssl
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.registry.certificates import Certificate

PIECE = 1 << 16


@dataclass
class Record:
    """A request, and what became of it.  Numbers count bodies alone, before they are passed on, and so are never behind."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Message
    """As the client sent them; asked by any case: `headers["range"]`."""
    status: int = 0
    """0: nothing was answered."""
    sent: int = 0
    """By the client."""
    received: int = 0
    """By the client."""

    @property
    def authorization(self) -> str:
        """The scheme, "Basic" or "Bearer", and never the secret; "" where there is none."""
        return self.headers.get("authorization", "").partition(" ")[0]

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What a client is given: the truth, unless a field says otherwise."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    """Pieces, maybe without end, are sent chunked if *length* is not given."""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """A Content-Length, whatever the body's; the connection is closed in order after the body."""
    cut: int | None = None
    """The connection is reset after so many bytes of the body; 0: after the head."""
    delay: float = 0
    """Seconds before the head."""


class Exchange(BaseHTTPRequestHandler):
    """A request and its answer, on a connection that is kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"
    record: Record
    body: Iterator[bytes]
    """The request's body, as it arrives, once.  ConnectionError if it ends too early."""

    def exchange(self) -> None:
        path, _, query = self.path.partition("?")
        self.record = Record(self.command, path, query, self.headers)
        self.body = self._pieces()
        self.server.requests.append(self.record)
        self.server.respond(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = exchange  # noqa: N815

    def _pieces(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            yield from self._read(int(self.headers.get("content-length", 0)))
            return
        while size := self._chunk_size():
            yield from self._read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers

    def _chunk_size(self) -> int:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return int(line.partition(b";")[0], 16)

    def _read(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read1(min(size, PIECE))
            if not piece:
                raise ConnectionResetError
            size -= len(piece)
            self.record.sent += len(piece)
            yield piece

    def give(self, answer: Answer) -> None:
        """Read the rest of the request, then answer."""
        for _ in self.body:
            pass
        self.server.pause(answer.delay)
        pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
        length = len(answer.body) if answer.length is None and isinstance(answer.body, bytes) else answer.length
        framing = {} if length is None else {"Content-Length": str(length)}
        self.close_connection |= answer.length is not None
        self.pass_on(answer.status, {**framing, **answer.headers}.items(), pieces, answer.cut)

    def pass_on(self, status: int, headers: Iterable[tuple[str, str]], pieces: Iterable[bytes], cut: int | None = None) -> None:
        """Send the head, and the body as it comes: chunked if no header says its length; reset after *cut* bytes of it."""
        headers = list(headers)
        empty = self.command == "HEAD" or status in (204, 304)
        chunked = not empty and "content-length" not in {name.lower() for name, _ in headers}
        self.record.status = status
        self.send_response_only(status)
        for name, value in [*headers, ("Transfer-Encoding", "chunked")] if chunked else headers:
            self.send_header(name, value)
        self.end_headers()
        for piece in [] if empty else upto(pieces, cut):
            self.record.received += len(piece)
            self.wfile.write(framed(piece) if chunked else piece)
        if cut is not None:
            self.reset()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def reset(self) -> None:
        """End the connection by a RST, after what was written has arrived (or a second has gone by)."""
        until = time.monotonic() + 1
        while _unsent(self.connection) and time.monotonic() < until:
            time.sleep(0.001)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.to_reset.add(self.connection)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The records say it all."""


def upto(pieces: Iterable[bytes], most: int | None) -> Iterator[bytes]:
    """Yield the first *most* bytes of *pieces*; all where it is None."""
    for piece in pieces:
        if most is not None and len(piece) >= most:
            yield piece[:most]
            return
        yield piece
        most = most and most - len(piece)


def framed(piece: bytes) -> bytes:
    """One chunk (RFC 9112 section 7.1); an empty one would end the body, and is nothing."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def _unsent(connection: socket.socket) -> int:
    """How many bytes the other side has not acknowledged (tcp(7), SIOCOUTQ)."""
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


class Server(ThreadingHTTPServer):
    """Each connection has a thread; all of them end with close()."""

    daemon_threads = False  # so that server_close() waits for them
    request_queue_size = 128

    def __init__(self, respond: Callable[[Exchange], None], tls: Certificate | None) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.respond = respond
        self.requests: list[Record] = []
        self.to_reset: set[object] = set()
        self.address = f"127.0.0.1:{self.server_port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self._open: set[Any] = set()
        self._errors: list[BaseException] = []
        self._closing = threading.Event()
        if tls:  # a handshake is the connection's own thread's, so that a slow client hinders no other
            self.socket = tls.server_context().wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond close()."""
        self._closing.wait(seconds)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        if request in self.to_reset:  # shutdown() would send a FIN first
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of our errors; all others are raised by close()."""
        error = sys.exception()
        if error and not isinstance(error, ConnectionError | ssl.SSLError):
            self._errors.append(error)

    def close(self) -> None:
        """Cut what is open, wait for all threads, and raise the first error of theirs."""
        self._closing.set()
        self.shutdown()
        for connection in list(self._open):
            _hang_up(connection)
        self.server_close()
        for error in self._errors:
            raise error


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # its thread was faster
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextmanager
def serving(respond: Callable[[Exchange], None], tls: Certificate | None = None) -> Iterator[Server]:
    """Answer on a free port of 127.0.0.1 by *respond*, which is called in one thread for each connection."""
    server = Server(respond, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
