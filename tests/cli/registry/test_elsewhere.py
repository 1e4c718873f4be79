"""A registry that leads to another host: what is proved to the registry is not told there, and nobody there asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.registry.addresses import origin
from tests.cli.invoking import Layerlog, with_base
from tests.images import image
from tests.registry.lying import UNKNOWN, honest, lying
from tests.registry.serving import Answer, Record, Server
from tests.registry.tokens import PASSWORD, USER, basic

IMAGE = image("gzip")
BASIC = Answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))


@contextmanager
def guarding(answer: Callable[[Record], Answer]) -> Iterator[Server]:
    """A registry that lets in who says the password, and then answers so."""
    with lying(lambda record: answer(record) if record.headers.get("authorization") == basic(USER, PASSWORD) else BASIC) as server:
        yield server


def log_in(ll: Layerlog, server: Server) -> None:
    ll("login", "-u", USER, "--password-stdin", server.address, stdin=PASSWORD)


def told(server: Server) -> set[str]:
    return {record.authorization for record in server.requests}


def registry(elsewhere: Server) -> Callable[[Record], Answer]:
    """What takes uploads elsewhere, and has the layers of IMAGE there."""
    truth = honest("app", "1", IMAGE)

    def answer(record: Record) -> Answer:
        if record.method == "POST":
            return Answer(202, headers={"Location": f"{elsewhere.url}/up?signed=x"})
        if record.method == "PUT":
            return Answer(201)
        if record.path == "/v2/":
            return Answer(body=b"{}")
        if record.method == "GET" and "/blobs/" in record.path:
            return Answer(307, headers={"Location": f"{elsewhere.url}{record.path}?signed=x"})
        return truth.get(record.path, UNKNOWN)

    return answer


def test_an_upload_goes_elsewhere_without_saying_who_sends_it(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    with lying(lambda _: Answer(201)) as elsewhere, guarding(registry(elsewhere)) as own:
        log_in(ll, own)
        ll("push", "-q", "base:1", f"{own.address}/other:1")
    assert [record.line for record in elsewhere.requests] == ["PUT /up"] * 2, "the layer and the config"
    assert all("signed=x&digest=sha256" in record.query for record in elsewhere.requests)
    assert told(elsewhere) == {""}
    assert "Basic" in told(own)


@pytest.mark.parametrize("status", [401, 403])
def test_who_asks_for_a_login_elsewhere_gets_none(tmp_path: Path, status: int) -> None:
    """Its challenge is not the registry's: neither the password nor a token goes where it points."""
    ll = with_base(tmp_path / "store")
    asked = Answer(status, headers={"WWW-Authenticate": 'Basic realm="x"'})

    def bearer(record: Record) -> Answer:
        realm = f'Bearer realm="http://{record.headers["host"]}/token"'
        return Answer(status, headers={"WWW-Authenticate": realm}) if record.path != "/token" else Answer(body=b'{"token": "x"}')

    for answer in (lambda _: asked, bearer):
        with lying(answer) as elsewhere, guarding(registry(elsewhere)) as own:
            log_in(ll, own)
            assert elsewhere.address in ll.refused("push", "-q", "base:1", f"{own.address}/other:1")
            assert elsewhere.address in ll.refused("pull", "-q", f"{own.address}/app:1")
        assert told(elsewhere) == {""}
        assert "/token" not in {record.path for record in elsewhere.requests}


def test_a_blob_comes_from_elsewhere_without_saying_who_asks(tmp_path: Path) -> None:
    ll = with_base(tmp_path / "store")
    with lying(honest("app", "1", IMAGE)) as elsewhere, guarding(registry(elsewhere)) as own:
        log_in(ll, own)
        ll("pull", "-q", f"{own.address}/app:1")
    assert told(elsewhere) == {""}


@pytest.mark.parametrize(("one", "other", "same"), [
    ("https://a.example/v2/", "https://a.example:443/up", True),
    ("https://a.example/v2/", "https://A.EXAMPLE/up", True),
    ("http://[::1]:80/", "http://[::1]/", True),
    ("https://a.example/", "http://a.example/", False),
    ("https://a.example/", "https://a.example:444/", False),
    ("https://a.example/", "https://a.example.evil/", False),
    ("https://a.example/", "https://a.example@evil.example/", False),
])  # fmt: skip
def test_who_is_the_same(one: str, other: str, *, same: bool) -> None:
    assert (origin(one) == origin(other)) == same
