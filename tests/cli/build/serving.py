"""A web server on loopback whose answers are literal, lies among them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Page(NamedTuple):
    """An answer; `length` is the Content-Length where that is another than the body's, -1 for none; `endless` repeats the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    length: int | None = None
    endless: bool = False


class Server(ThreadingHTTPServer):
    """`pages` are answered by path, one after the other where there are several, the last for ever; `asked` are all requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, list[Page]] = {}
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append((self.path, self.headers["Authorization"]))
        pages = server.pages.get(self.path, [Page(b"no", 404)])
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if page.length != -1 and not page.endless:
            self.send_header("Content-Length", str(len(page.body) if page.length is None else page.length))
        self.end_headers()
        try:
            self.wfile.write(page.body)
            while page.endless:
                self.wfile.write(page.body)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
