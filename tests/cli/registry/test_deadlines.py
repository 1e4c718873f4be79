"""Registries that answer a little now and then, for ever: each read alone is in time, and still nothing hangs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cli.registry import http
from tests.cli.invoking import Layerlog, with_base
from tests.images import image
from tests.registry.certificates import Certificate, make_certificate
from tests.registry.lying import UNKNOWN, honest
from tests.registry.serving import Answer, Exchange, Record, Server, serving

IMAGE = image("gzip")
LAYER = IMAGE.layers[0].descriptor
NOW_AND_THEN = 0.05


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DOCUMENT_SECONDS", 0.5)
    monkeypatch.setattr(http, "PIECE_SECONDS", 0.5)


@pytest.fixture
def other(tmp_path: Path) -> Layerlog:
    return Layerlog(tmp_path / "other")


def bytewise(data: bytes) -> Iterator[bytes]:
    for one in data:
        yield bytes([one])
        time.sleep(NOW_AND_THEN)


def forever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(NOW_AND_THEN)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"

Given = Answer | tuple[bytes, Callable[[], Iterator[bytes]]]
"""An answer, or what is written as it is."""

ENDLESS: Mapping[str, Given] = {
    "100 Continue": (b"", lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "a status line": (b"HTTP/1.1 200 ", lambda: forever(b"O")),
    "a header": (HEAD, lambda: forever(b"x")),
    "a body": (HEAD + b"Content-Length: 1000\r\n\r\n", lambda: forever(b" ")),
    "a body without a length": (HEAD + b"\r\n", lambda: forever(b" ")),
    "small chunks": (CHUNKED, lambda: forever(b"1\r\n \r\n")),
    "a chunk": (CHUNKED + b"1000\r\n", lambda: forever(b" ")),
    "a chunk's size": (CHUNKED, lambda: forever(b"0")),
    "a chunk's extension": (CHUNKED + b"1;", lambda: forever(b"x")),
    "trailers": (CHUNKED + b"0\r\n", lambda: forever(b"X: y\r\n")),
}


@contextmanager
def answering(choose: Callable[[Record], Given], tls: Certificate | None = None) -> Iterator[Server]:
    def respond(exchange: Exchange) -> None:
        found = choose(exchange.record)
        if isinstance(found, Answer):
            exchange.give(found)
            return
        first, more = found
        exchange.close_connection = True
        for _ in exchange.body:
            pass
        with suppress(OSError):
            exchange.wfile.write(first)
            for piece in more():
                exchange.wfile.write(piece)

    with serving(respond, tls) as server:
        yield server


def within(seconds: float, refused: Callable[[], str]) -> str:
    began = time.monotonic()
    says = refused()
    assert time.monotonic() - began < seconds, says
    return says


@pytest.mark.parametrize("name", ENDLESS)
def test_a_document_without_end_is_given_up(other: Layerlog, name: str) -> None:
    with answering(lambda _: ENDLESS[name]) as server:
        says = within(5, lambda: other.refused("tags", f"docker://{server.address}/app"))
    assert says.startswith(f"{server.address}: an answer goes on for over 0.5 s; "), says


@pytest.mark.parametrize("name", ["100 Continue", "a body", "trailers"])
def test_over_tls_too(other: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    tls = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.path))
    http._trusted.cache_clear()
    with answering(lambda _: ENDLESS[name], tls) as server:
        says = within(5, lambda: other.refused("tags", f"docker://{server.address}/app"))
    assert "goes on for over" in says


@pytest.mark.parametrize("part", ["manifests", "token", LAYER.digest])
def test_whatever_is_asked_for(other: Layerlog, part: str) -> None:
    truth = honest("app", "1", IMAGE)
    with other.writer():
        pass

    def choose(record: Record) -> Given:
        if part in record.path:
            return ENDLESS["100 Continue"]
        if part == "token":
            return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="http://{record.headers["host"]}/token"'})
        return truth.get(record.path, UNKNOWN)

    with answering(choose) as server:
        assert "goes on for over" in within(5, lambda: other.refused("pull", "-q", f"{server.address}/app:1"))


def test_an_upload_is_given_up_as_well(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")

    def choose(record: Record) -> Given:
        begun = Answer(202, headers={"Location": "/up"}) if record.method == "POST" else UNKNOWN
        return ENDLESS["a header"] if record.method == "PUT" else begun

    with answering(choose) as server:
        assert "goes on for over" in within(5, lambda: ll.refused("push", "-q", "base:1", f"{server.address}/app:1"))


# -- blobs


def trickling(times: int) -> Callable[[Record], Answer]:
    """The layer comes a byte now and then the first *times* that it is asked for."""
    truth, asked = honest("app", "1", IMAGE), [0]

    def choose(record: Record) -> Answer:
        found = truth.get(record.path, UNKNOWN)
        if LAYER.digest not in record.path:
            return found
        asked[0] += 1
        assert isinstance(found.body, bytes)
        return Answer(body=bytewise(found.body), length=len(found.body)) if asked[0] <= times else found

    return choose


def test_a_blob_that_stalls_is_taken_up_again(other: Layerlog) -> None:
    with answering(trickling(2)) as server:
        other("pull", "-q", f"{server.address}/app:1")
        assert other("cat", f"{server.address}/app:1:/etc/motd")


def test_one_that_stalls_each_time_is_given_up(other: Layerlog) -> None:
    with other.writer():
        pass
    with answering(trickling(1000)) as server:
        says = within(10, lambda: other.refused("pull", "-q", f"{server.address}/app:1"))
        assert "less than 262144 bytes came in 0.5 s" in says
        assert sum(LAYER.digest in record.path for record in server.requests) == 5


@pytest.mark.parametrize("chunked", [False, True])
def test_a_slow_blob_that_moves_may_take_longer_than_a_document(other: Layerlog, monkeypatch: pytest.MonkeyPatch, *, chunked: bool) -> None:
    monkeypatch.setattr(http, "PIECE", 8)
    truth = honest("app", "1", IMAGE)

    def choose(record: Record) -> Answer:
        found = truth.get(record.path, UNKNOWN)
        if LAYER.digest not in record.path or record.method != "GET":
            return found
        assert isinstance(found.body, bytes)
        size = len(found.body)
        return Answer(body=slowly(found.body), length=None if chunked else size)

    with answering(choose) as server:
        began = time.monotonic()
        other("pull", "-q", f"{server.address}/app:1")
        assert time.monotonic() - began > 1
        assert sum(LAYER.digest in record.path for record in server.requests) == 1


def slowly(data: bytes) -> Iterator[bytes]:
    step = len(data) // 12
    for at in range(0, len(data), step):
        yield data[at : at + step]
        time.sleep(0.1)
