"""Hostile clients: bounded, answered in the spec's way, and nothing changes.

Raw sockets, as no HTTP library sends such things.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cli.serve import server
from tests.cli.invoking import Layerlog
from tests.cli.serve.running import ACCEPT, Served, serving

PATIENCE = 60


@contextmanager
def connected(served: Served, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as client:
        client.sendall(sent)
        yield client


def answer(served: Served, sent: bytes) -> bytes:
    """Return all that is answered until the server closes."""
    with connected(served, sent) as client:
        return rest(client)


def rest(client: socket.socket) -> bytes:
    found = b""
    try:
        while piece := client.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def get(path: str, more: str = "", version: str = "1.1") -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n".encode("latin-1")


@pytest.mark.parametrize("path", [
    "/v2/../../etc/passwd", "/v2/%2e%2e/%2e%2e/etc/passwd", "/v2/app/manifests/..%2f..%2fetc%2fpasswd", "/v2/app/blobs/../../log.db",
    "/v2/app/../../../log.db/manifests/1", "/v2//manifests/1", "/v2/app/manifests/%00", "/v2/app%00/manifests/1", "/v2/%ff/manifests/1",
    "/v2/app/manifests/" + "a" * 5000, "/v2/" + "a/" * 2000 + "manifests/1", "/v2/app/blobs/sha256:" + "../" * 20, "/", "*",
    "http://evil.example/v2/", "/v2/app/manifests/1;x", "/v2/app/manifests/sha256:" + "0" * 64, "/v2/" + "0" * 64 + "/manifests/v1",
    "/v2/app/tags/list?n=" + "9" * 500, "/v2/app/tags/list?last=%ff%00", "/v2/%e2%80%ae/tags/list", "/v2/app/manifests/t99999999T999999Z",
])  # fmt: skip
def test_paths(asked: Served, path: str) -> None:
    reply = answer(asked, get(path))
    body = reply.partition(b"\r\n\r\n")[2]
    if status(reply) != 200:
        assert status(reply) in (400, 404)
        assert json.loads(body)["errors"]
    assert b"root:" not in body
    assert b"SQLite" not in body


@pytest.mark.parametrize("sent", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET /v2/ HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x, chunked\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n Host: localhost\r\n\r\n", b"GET /v2/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v2/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 50) for n in range(2000)) + b"\r\n",
], ids=range(14))  # fmt: skip
def test_what_is_no_request(asked: Served, sent: bytes) -> None:
    """One answer at most, and the connection is closed: what follows is not read as another request."""
    reply = answer(asked, sent)
    assert reply.count(b"HTTP/1.1 ") <= 1
    assert not reply or 400 <= status(reply) < 500 or status(reply) == 505
    if reply:
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["errors"]


@pytest.mark.parametrize("length", ["Content-Length: 1000000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_body_is_not_read(asked: Served, method: str, length: str) -> None:
    """Who sends one slowly is answered at once and cut off."""
    began = time.monotonic()
    reply = answer(asked, f"{method} /v2/app/manifests/1 HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n5\r\nsmall".encode())
    assert status(reply) == (400 if method == "GET" else 405)
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["errors"][0]["code"] == "UNSUPPORTED"
    assert time.monotonic() - began < 5


def test_http_1_0_is_answered(asked: Served) -> None:
    assert status(answer(asked, get("/v2/", version="1.0"))) == 200
    assert status(answer(asked, b"GET /v2/ HTTP/1.0\r\n\r\n")) == 403


def test_requests_in_a_row(asked: Served) -> None:
    one = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert answer(asked, one * 50 + get("/v2/")).count(b"HTTP/1.1 200 OK") == 51


def test_who_says_nothing_is_cut_off(asked: Served) -> None:
    with connected(asked) as silent, connected(asked, b"GET /v2/ HTTP/1.1\r\n") as half, connected(asked, b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n") as idle:
        began = time.monotonic()
        while time.monotonic() - began < server.HEAD_SECONDS + 3:
            time.sleep(1)
            try:
                half.sendall(b"X: y\r\n")
            except OSError:
                break
        assert server.HEAD_SECONDS - 3 < time.monotonic() - began < server.HEAD_SECONDS + 4
        assert rest(silent) == b""
        assert status(rest(idle)) == 200


def test_many_connections_hinder_nobody(asked: Served) -> None:
    """Those that do nothing give way."""
    with ExitStack() as stack:
        for _ in range(server.MAX_CONNECTIONS + 100):
            stack.enter_context(connected(asked, b"GET /v2/ HT"))
            time.sleep(0.0005)
        assert asked.ask("/v2/app/manifests/1", headers=ACCEPT).status == 200
        assert len(os.listdir(f"/proc/{asked.process.pid}/fd")) < server.MAX_CONNECTIONS + 100


def test_slow_readers_hinder_nobody_and_take_no_memory(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(24 << 20))
    ll("cp", str(tmp_path / "big"), "web:/big")
    with serving(ll, "--no-record") as served:
        _, manifest = served.manifest("web", "v7")
        digest = manifest["layers"][-1]["digest"]
        asking = f"GET /v2/web/blobs/{digest} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(connected(served, asking)).recv(1)
            assert len(served.ask(f"/v2/web/blobs/{digest}").body) == manifest["layers"][-1]["size"]
            peak = int((Path("/proc") / str(served.process.pid) / "status").read_text().partition("VmHWM:")[2].split()[0])
            assert peak < 150 << 10


def test_nothing_was_changed(ll: Layerlog) -> None:
    before = ll.head()
    with serving(ll, "--no-record") as served:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "TRACE", "x"):
            served.ask("/v2/app/manifests/1", method, body=None if method in ("GET", "HEAD") else b"{}")
    assert ll.head() == before
