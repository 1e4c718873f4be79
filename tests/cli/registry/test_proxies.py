"""Proxies that the environment names, before the real registry: `registry.test` is a name that they alone know."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.registry.http import _trusted
from tests.cli.invoking import Layerlog, with_base
from tests.registry.certificates import make_certificate
from tests.registry.counting import Proxy, counting
from tests.registry.real import registry
from tests.registry.tokens import basic
from tests.registry.tunnel import tunnelling

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
NAME = "registry.test:5000/app:1"


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with registry(tmp_path) as running, counting(running.address) as found:
        yield found


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return with_base(tmp_path / "store")


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_all_goes_through_it(proxy: Proxy, ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, f"http://ada:se%20cret@{proxy.address}")
    ll("push", "-q", "--plain-http", "base:1", NAME)
    other = Layerlog(tmp_path / "other")
    other("pull", "-q", "--plain-http", NAME)
    assert other("cat", f"{NAME}:/etc/motd") == "hello\n"
    assert {record.path.partition("/v2/")[0] for record in proxy.requests} == {"http://registry.test:5000"}
    assert {record.headers["proxy-authorization"] for record in proxy.requests} == {basic("ada", "se cret")}


def test_tls_goes_through_a_tunnel(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = make_certificate(tmp_path)
    with registry(tmp_path, tls=tls) as running, tunnelling(running.port) as (address, heads):
        monkeypatch.setenv("https_proxy", f"http://ada:secret@{address}")
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.path))
        _trusted.cache_clear()
        ll("push", "-q", "base:1", NAME)
        assert running.tags("app") == ["1"]
    assert heads
    for head in heads:
        assert head.startswith("CONNECT registry.test:5000 HTTP/1.")
        assert f"proxy-authorization: {basic('ada', 'secret')}".lower() in head.lower()


def test_an_address_without_a_scheme_is_one_of_http(proxy: Proxy, ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.address)
    ll("push", "-q", "--plain-http", "base:1", NAME)
    assert proxy.requests


def test_what_is_excepted_or_of_this_machine_is_asked_without(
    proxy: Proxy, ll: Layerlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    ll("push", "-q", "base:1", f"{proxy.address}/app:1")
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "elsewhere.test,.test")
    proxy.requests.clear()
    assert "no such host" in ll.refused("push", "-q", "--plain-http", "base:1", NAME)
    assert proxy.requests == []


def test_who_cannot_be_reached_is_not_waited_for(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(seconds: float) -> None:
        pytest.fail(f"{seconds} s were waited for somebody who never was there")

    monkeypatch.setattr(time, "sleep", fail)
    assert "cannot be reached" in ll.refused("pull", "127.0.0.1:9/app:1")


@pytest.mark.parametrize(("value", "says"), [
    ("http://ada:secret@127.0.0.1:9", "proxy"), ("socks5://127.0.0.1:9", "is no http address"), ("gopher://x", "is no http address"),
])  # fmt: skip
def test_one_that_cannot_be_used_is_one_line_without_its_password(
    ll: Layerlog, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", value)
    said = ll.refused("push", "-q", "--plain-http", "base:1", NAME)
    assert says in said
    assert "secret" not in said
