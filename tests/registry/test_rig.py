"""The rig itself works: real programs speak through it, and its faults are what they say."""

import base64
import http.client
import itertools
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from cli.distribution import archive
from eventstore.model.digests import digest_of
from projections.oci.oci_image import manifest_of
from tests import images
from tests.peers import peer
from tests.registry.asking import Reply, ask
from tests.registry.certificates import make_certificate
from tests.registry.counting import Fault, counting
from tests.registry.lying import HTML, honest, lying
from tests.registry.real import Auth, Registry, registry
from tests.registry.serving import Answer, Record
from tests.registry.tokens import LEEWAY, PASSWORD, USER, Asked, basic, tokens

IMAGE = images.image(names=("docker.io/library/one:1",))
MANIFEST = digest_of(manifest_of(IMAGE))
LAYERS = [layer.descriptor.digest for layer in IMAGE.layers]
CREDENTIALS = f"{USER}:{PASSWORD}"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def source(tmp_path: Path) -> str:
    with open(tmp_path / "image.tar", "wb") as out:
        archive.write(out, [IMAGE])
    return f"oci-archive:{tmp_path}/image.tar"


def skopeo(*args: str) -> str:
    done = subprocess.run([peer("skopeo"), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def push(source: str, address: str, *options: str) -> None:
    skopeo("copy", "-q", "--dest-tls-verify=false", *options, source, f"docker://{address}/one:1")


def one_is_there(running: Registry) -> bool:
    stored = running.manifest("one", "1")
    assert digest_of(stored.body) == MANIFEST
    assert running.blobs() == {MANIFEST, digest_of(IMAGE.config), *LAYERS}
    return running.tags("one") == ["1"] and running.repositories() == ["one"] and all(running.holds("one", layer) for layer in LAYERS)


def put_in_pieces(url: str, repository: str, data: bytes, **headers: str) -> int:
    """Upload *data* as the spec's "streamed upload", and return the status of its PATCH."""
    begun = ask(f"{url}/v2/{repository}/blobs/uploads/", "POST", headers=headers)
    return ask(url + begun.headers["location"], "PATCH", headers=headers, body=(data[at : at + 5000] for at in range(0, len(data), 5000))).status


# -- the real one


@pytest.mark.parametrize("auth", ["none", "htpasswd"])
def test_a_registry_takes_what_skopeo_pushes(tmp_path: Path, source: str, auth: Auth) -> None:
    with registry(tmp_path, auth) as running:
        assert ask(f"{running.url}/v2/").status == (200 if auth == "none" else 401)
        assert (running.tags("one"), running.holds("one", LAYERS[0])) == ([], False)
        push(source, running.address, *([] if auth == "none" else ["--dest-creds", CREDENTIALS]))
        assert one_is_there(running)


def test_a_killed_registry_comes_back_with_what_it_had(tmp_path: Path, source: str) -> None:
    with registry(tmp_path) as running:
        push(source, running.address)
        begun = ask(f"{running.url}/v2/one/blobs/uploads/", "POST")
        running.kill()
        with pytest.raises(ConnectionRefusedError):
            ask(running.url + "/v2/")
        running.start()
        assert one_is_there(running)
        assert ask(running.url + begun.headers["location"], "PATCH", body=b"more").status == 202
        assert ask(f"{running.url}/v2/one/manifests/{MANIFEST}", "DELETE").status == 202
        assert running.tags("one") == []


def test_tls_is_trusted_by_the_certificate_alone(tmp_path: Path, source: str) -> None:
    with registry(tmp_path, tls=make_certificate(tmp_path)) as running:
        (tmp_path / "certs").mkdir()
        (tmp_path / "certs/ca.crt").write_bytes((tmp_path / "test.crt").read_bytes())
        skopeo("copy", "-q", "--dest-cert-dir", f"{tmp_path}/certs", source, f"docker://{running.address}/one:1")
        assert one_is_there(running)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(running.url + "/v2/")


# -- tokens


def test_a_token_is_asked_for_what_is_done(tmp_path: Path, source: str) -> None:
    with tokens(tmp_path) as issuer, registry(tmp_path, issuer) as running:
        push(source, running.address, "--dest-creds", CREDENTIALS)
        assert one_is_there(running)
        assert Asked("GET", ("repository:one:pull,push",), USER) in issuer.requests
        issuer.requests.clear()
        skopeo("inspect", "--tls-verify=false", f"docker://{running.address}/one:1")
        assert {asked.account for asked in issuer.requests} == {""}
        with pytest.raises(AssertionError, match="denied"):
            push(source, running.address)
        issuer.anonymous = frozenset()
        with pytest.raises(AssertionError, match="denied"):
            skopeo("inspect", "--tls-verify=false", f"docker://{running.address}/one:1")
        with pytest.raises(AssertionError, match="unauthorized"):
            push(source, running.address, "--dest-creds", f"{USER}:wrong")


def test_a_token_ends(tmp_path: Path) -> None:
    with tokens(tmp_path) as issuer, registry(tmp_path, issuer) as running:
        refused = ask(running.url + "/v2/one/tags/list")
        assert (refused.status, refused.headers["www-authenticate"].partition(",")[0]) == (401, f'Bearer realm="{issuer.realm}"')
        assert running.ask("/v2/").status == 200
        issuer.lifetime = -LEEWAY - 5
        assert running.ask("/v2/").status == 401
        issuer.said_lifetime = 300
        assert json.loads(ask(issuer.realm).body)["expires_in"] == 300


def test_scopes_are_granted_each_for_itself(tmp_path: Path) -> None:
    scopes = ["repository:127.0.0.1:5000/a:pull,push", "repository:b/c:push"]
    with tokens(tmp_path) as issuer:
        question = f"{issuer.realm}?{urlencode([('service', 'registry.test'), *(('scope', scope) for scope in scopes)])}"
        assert claims(ask(question).body)["access"] == [{"type": "repository", "name": "127.0.0.1:5000/a", "actions": ["pull"]}]
        granted = claims(ask(question, headers={"Authorization": basic()}).body)
        assert (granted["sub"], [entry["actions"] for entry in granted["access"]]) == (USER, [["pull", "push"], ["push"]])
        assert issuer.requests == [Asked("GET", tuple(scopes), ""), Asked("GET", tuple(scopes), USER)]


def test_identity_tokens_are_as_good_as_the_password(tmp_path: Path) -> None:
    with tokens(tmp_path) as issuer:
        first = json.loads(form(issuer.realm, grant_type="password", username=USER, password=PASSWORD, access_type="offline").body)
        assert first["refresh_token"] == issuer.identity_token
        again = form(issuer.realm, grant_type="refresh_token", refresh_token=first["refresh_token"], scope="repository:a:pull repository:b:push")
        assert [entry["name"] for entry in claims(again.body)["access"]] == ["a", "b"]
        assert form(issuer.realm, grant_type="refresh_token", refresh_token="other").status == 401
        assert form(issuer.realm, grant_type="password", username=USER, password="other").status == 401
        issuer.fault = lambda _: Answer(503)
        assert ask(issuer.realm).status == 503
        assert issuer.requests[1] == Asked("POST", ("repository:a:pull", "repository:b:push"), USER)


def claims(answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(json.loads(answer)["token"].split(".")[1] + "=="))
    return found


def form(url: str, **fields: str) -> Reply:
    return ask(url, "POST", body=urlencode(fields).encode(), headers={"Content-Type": "application/x-www-form-urlencoded"})


# -- the proxy


def test_a_proxy_counts_what_goes_through(tmp_path: Path, source: str) -> None:
    with registry(tmp_path, "htpasswd") as running, counting(running.address) as proxy:
        push(source, proxy.address, "--dest-creds", CREDENTIALS)
        assert one_is_there(running)
        assert proxy.count("PUT", "/manifests/") == 1
        assert sum(record.sent for record in proxy.requests if record.method == "PATCH") == sum(
            len(blob) for blob in (IMAGE.config, *(layer.open().read() for layer in IMAGE.layers))
        )
        assert {record.authorization for record in proxy.requests} == {"", "Basic"}
        proxy.requests.clear()
        assert ask(f"{proxy.url}/v2/one/blobs/{LAYERS[0]}?a=b", headers={"Authorization": basic()}).status == 200
        (asked,) = proxy.requests
        assert (asked.line, asked.query, asked.status) == (f"GET /v2/one/blobs/{LAYERS[0]}", "a=b", 200)
        assert (asked.sent, asked.received) == (0, IMAGE.layers[0].descriptor.size)


def test_chunked_uploads_go_through_and_are_cut(tmp_path: Path) -> None:
    data = bytes(100_000)
    with registry(tmp_path) as running, counting(running.address) as proxy:
        assert put_in_pieces(proxy.url, "one", data) == 202
        proxy.fault = lambda record: Fault(cut_request=12_000) if record.method == "PATCH" else None
        with pytest.raises(ConnectionError):
            put_in_pieces(proxy.url, "one", data)
        whole, cut = (record for record in proxy.requests if record.method == "PATCH")
        assert (whole.sent, whole.status, cut.status) == (100_000, 202, 0)
        assert 12_000 <= cut.sent < 100_000


def test_a_response_is_cut_after_just_so_many_bytes(tmp_path: Path, source: str) -> None:
    url = f"/v2/one/blobs/{LAYERS[0]}"
    with registry(tmp_path) as running, counting(running.address, lambda _: Fault(cut_response=100)) as proxy:
        push(source, running.address)
        with pytest.raises(ConnectionResetError):
            ask(proxy.url + url)
        assert proxy.requests[0].received == 100
        proxy.fault = lambda _: Fault(Answer(429, b"slow down", {"Retry-After": "1"}))
        assert ask(proxy.url + url).headers["retry-after"] == "1"
        proxy.fault = lambda _: Fault(delay=0.01)
        assert len(ask(proxy.url + url, headers={"Range": "bytes=5-"}).body) == IMAGE.layers[0].descriptor.size - 5
        running.kill()
        with pytest.raises(ConnectionResetError):
            ask(proxy.url + url)


def test_large_bodies_are_not_held(tmp_path: Path) -> None:
    """The client is sent the first piece while the last is not yet written."""
    gate = threading.Event()

    def halves() -> Iterator[bytes]:
        yield b"first"
        assert gate.wait(10)
        yield b"second"

    with lying(lambda _: Answer(body=halves())) as liar, counting(liar.address) as proxy:
        connection = http.client.HTTPConnection(proxy.address, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read1() == b"first"
        gate.set()
        assert response.read() == b"second"
        connection.close()


def test_a_proxy_is_one_for_http_proxy_too(tmp_path: Path) -> None:
    with registry(tmp_path) as running, counting(running.address) as proxy:
        request = urllib.request.Request("http://registry.test/v2/", headers={"Accept": "*/*"})
        request.set_proxy(proxy.address, "http")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
        assert [record.line for record in proxy.requests] == ["GET http://registry.test/v2/"]


def test_a_proxy_speaks_tls_before_a_plain_registry(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path)
    with registry(tmp_path) as running, counting(running.address, tls=tls) as proxy:
        assert ask(proxy.url + "/v2/", ca_file=str(tls.path)).status == 200
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(proxy.url + "/v2/")


# -- the liar


def test_an_honest_liar_is_a_registry(tmp_path: Path) -> None:
    with lying(honest("one", "1", IMAGE)) as liar:
        skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{liar.address}/one:1", f"oci:{tmp_path}/copy:1")
        assert skopeo("inspect", "--raw", f"oci:{tmp_path}/copy:1").encode() == manifest_of(IMAGE)


LIES: dict[str, tuple[Answer, type[Exception]]] = {
    "short": (Answer(body=b"12345", length=9), http.client.IncompleteRead),
    "reset": (Answer(body=bytes(10_000), cut=5_000), ConnectionResetError),
    "reset before all": (Answer(body=b"1", cut=0), ConnectionResetError),
    "chunks reset": (Answer(body=[b"1", b"2"], cut=1), ConnectionResetError),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_told(lie: str) -> None:
    answer, error = LIES[lie]
    with lying({"/": answer}) as liar, pytest.raises(error):
        ask(liar.url + "/")


def test_answers_may_be_of_any_kind() -> None:
    def chosen(record: Record) -> Answer:
        return Answer(302, headers={"Location": record.path}) if record.path == "/loop" else HTML

    with lying(chosen) as liar:
        assert ask(liar.url + "/loop").headers["location"] == "/loop"
        assert ask(liar.url + "/x", "PUT", body=b"123").body == HTML.body
        assert [(record.line, record.sent) for record in liar.requests] == [("GET /loop", 0), ("PUT /x", 3)]
    with lying({"/long": Answer(body=b"12345", length=2)}) as liar:
        assert (ask(liar.url + "/long").body, ask(liar.url + "/none").status) == (b"12", 404)
        assert ask(liar.url + "/long", "HEAD").headers["content-length"] == "2"


def test_a_body_without_end_ends_with_the_server() -> None:
    with lying({"/": Answer(body=itertools.repeat(bytes(1 << 16)))}) as liar:
        connection = http.client.HTTPConnection(liar.address, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert len(response.read(1 << 22)) == 1 << 22
    response.close()
    connection.close()


def test_an_error_in_an_answer_fails_the_test() -> None:
    def broken(record: Record) -> Answer:
        raise LookupError(record.path)

    with pytest.raises(LookupError, match="/x"), lying(broken) as liar, pytest.raises(http.client.RemoteDisconnected):
        ask(liar.url + "/x")
