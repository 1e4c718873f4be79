"""Server: sockets, connections that are bounded in number and time, threads that read the store, and the way out."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from cli.serve.access import MAX_HEAD, Tls
from cli.serve.answers import RefusedError, refusal
from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from eventstore.store.store import Store

ASKING, READING = 4, 3
"""Threads that look things up, encode and pack, and threads that read parts of blobs, who never wait for those."""
MAX_CONNECTIONS = 200
BACKLOG = 128
HEAD_SECONDS = 10
"""How long a request's head may take, and how long a connection may wait for the next."""
STALLED_SECONDS = 30
"""How long a client may take nothing of what is sent to it."""
STOP_SECONDS = 10
"""How long what is under way may go on after the order to stop."""
_TICK = 1.0

T = TypeVar("T")


class Readers:
    """Threads, each with the store open for itself: what one asks is of the log as it is then."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = threading.local()
        self._asking = ThreadPoolExecutor(ASKING, "asking")
        self._reading = ThreadPoolExecutor(READING, "reading")

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Return the answer to what may take long."""
        return await asyncio.get_running_loop().run_in_executor(self._asking, self._asked, question)

    async def read(self, question: Callable[[Store], T]) -> T:
        """Return the answer to what takes no longer than the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._asked, question)

    def close(self) -> None:
        for threads in (self._asking, self._reading):
            threads.shutdown(cancel_futures=True)

    def _asked(self, question: Callable[[Store], T]) -> T:
        store: Store | None = getattr(self._own, "store", None)
        if store is None:
            store = self._own.store = Store.open(self._path)
        return question(store)


def bound(listen: str) -> socket.socket:
    """Return a socket that HOST:PORT is bound to; InvalidError for what is none, OSError where it cannot be had."""
    host, mark, port = listen.rpartition(":")
    if not mark or not port.isdecimal() or not port.isascii() or int(port) > 65535 or not host:
        raise InvalidError(f"{shown(listen)!r} is no place to listen at; write HOST:PORT, as 127.0.0.1:5000 or [::1]:5000")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise InvalidError(f"{shown(host)!r} is no address or name of this machine; write one, as 127.0.0.1:5000") from None
    family, _, _, _, address = min(found, key=lambda row: row[0] != socket.AF_INET)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)  # who reads the first line may ask at once
    except OSError as error:
        sock.close()
        reason = (error.strerror or str(error)).lower()
        raise InvalidError(f"cannot listen at {shown(listen)}: {reason}; choose another with --listen") from None
    return sock


def run(app: ASGIApp, sock: socket.socket, tls: Tls | None) -> None:
    """Serve until SIGINT or SIGTERM, and then let what is under way end."""
    logging.getLogger("uvicorn.error").disabled = True  # who sends nonsense does not fill the terminal
    config = uvicorn.Config(
        app, loop="asyncio", http=Connection, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=HEAD_SECONDS, timeout_graceful_shutdown=STOP_SECONDS,
        backlog=BACKLOG, h11_max_incomplete_event_size=MAX_HEAD, ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )  # fmt: skip
    _Server(config).run([sock])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Being told to stop is no failure: uvicorn's own way ends by the signal."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Connection(H11Protocol):
    """One client's connection: closed where it waits too long for a request, or the client takes nothing.

    Where there are too many, the one gives way that did nothing for longest.
    """

    _alive = 0.0
    _buffered = 0
    _ticking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._note()
        self._ticking = self.loop.call_later(_TICK, self._tick)
        if len(self.connections) > MAX_CONNECTIONS:
            oldest = min(cast("set[Connection]", self.connections), key=lambda one: one._alive)  # noqa: SLF001 - our own
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ticking:
            self._ticking.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """A head that is whole is progress; bytes of one are none."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._note()

    def on_response_complete(self) -> None:
        self._note()
        super().on_response_complete()

    def resume_writing(self) -> None:
        self._note()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too long, is answered once; where an answer is under way, that is cut off."""
        answer = refusal(RefusedError(400, "UNSUPPORTED", msg, {"Connection": "close"}))
        head = h11.Response(status_code=400, headers=answer.raw_headers)
        with suppress(h11.LocalProtocolError):
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _note(self) -> None:
        self._alive = self.loop.time()

    def _tick(self) -> None:
        """Look every second whether the client does its part."""
        buffered = self.transport.get_write_buffer_size()
        if buffered != self._buffered:
            self._note()
        self._buffered = buffered
        silent = self.loop.time() - self._alive
        answering = self.cycle is not None and not self.cycle.response_complete
        if (buffered and silent > STALLED_SECONDS) or (not buffered and not answering and silent > HEAD_SECONDS):
            self.transport.abort()
        else:
            self._ticking = self.loop.call_later(_TICK, self._tick)
