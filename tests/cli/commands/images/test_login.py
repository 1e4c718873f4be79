"""login, logout, and what they are good for: registries that ask who you are, by htpasswd and by tokens, and over TLS."""

import json
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.archived import id_of
from tests.cli.invoking import Layerlog
from tests.registry.certificates import make_certificate
from tests.registry.counting import counting
from tests.registry.real import Registry, registry
from tests.registry.tokens import PASSWORD, USER, tokens


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    return tmp_path


@pytest.fixture(params=["htpasswd", "token"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    with ExitStack() as opened:
        folder = tmp_path / "guarded"
        folder.mkdir()
        if request.param == "htpasswd":
            yield opened.enter_context(registry(folder, "htpasswd"))
        else:
            issuer = opened.enter_context(tokens(folder))
            issuer.anonymous = frozenset()
            yield opened.enter_context(registry(folder, issuer))


def test_who_is_logged_in_may_push_and_pull(home: Path, guarded: Registry, ll: Layerlog, tmp_path: Path) -> None:
    name = f"{guarded.address}/app:1"
    assert "log in" in ll.refused("push", "-q", "base:1", name)
    said = ll("login", "-u", USER, "--password-stdin", guarded.address, stdin=f"{PASSWORD}\n")
    assert said == f"Login Succeeded: kept in {home}/auth.json\n"
    assert stat.S_IMODE((home / "auth.json").stat().st_mode) == 0o600
    ll("push", "-q", "base:1", name)
    other = Layerlog(tmp_path / "other")
    other("pull", "-q", name)
    assert other("cat", f"{name}:/etc/motd") == "hello\n"
    assert ll("logout", guarded.address) == f"Removed from {home}/auth.json\n"
    assert "log in" in other.refused("pull", name)


def test_a_wrong_password_is_not_kept_and_not_shown(home: Path, guarded: Registry, ll: Layerlog) -> None:
    said = ll.refused("login", "-u", USER, "--password-stdin", guarded.address, stdin="hunter2")
    assert "hunter2" not in said
    assert f"refuses the login of '{USER}'" in said
    assert not (home / "auth.json").exists()


@pytest.mark.parametrize("registry", ["localhost:port", "[::1", "ftp://localhost:1", "localhost:1/shop", "ada@localhost:1", "", "https://", "localhost:99999"])
def test_what_is_no_registrys_address_is_sent_no_password(home: Path, ll: Layerlog, registry: str) -> None:
    said = ll.refused("login", "-u", USER, "--password-stdin", registry, stdin="hunter2")
    assert "is no registry" in said
    assert "localhost:5000" in said or "HOST:PORT" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("spelling", ["https://{}", "https://{}/", "http://{}/v2/", "docker://{}", "{}/", "HTTPS://{}/v1/"])
def test_the_address_of_an_api_is_its_registrys(home: Path, guarded: Registry, ll: Layerlog, spelling: str) -> None:
    """As Docker takes it: https://index.docker.io/v1/."""
    registry = spelling.format(guarded.address)
    ll("login", "-u", USER, "--password-stdin", registry, stdin=PASSWORD)
    assert ll("logout", registry) == f"Removed from {home}/auth.json\n"


def test_no_password_on_the_command_line(ll: Layerlog) -> None:
    done = ll.run("login", "-u", "ada", "-p", "hunter2", "localhost:1")
    assert done.exit_code == 2
    assert "--password-stdin" in done.stderr
    assert "hunter2" not in done.stderr


def test_nothing_secret_is_in_the_log_or_the_operational_log(home: Path, guarded: Registry, ll: Layerlog) -> None:
    (home / "auth.json").write_text("{}")
    ll("login", "-u", USER, "--password-stdin", guarded.address, stdin=PASSWORD)
    done = ll.run("-vv", "push", "-q", "base:1", f"{guarded.address}/app:1")
    assert done.exit_code == 0
    assert PASSWORD not in done.stderr
    assert "?" not in "".join(line.partition("path=")[2] for line in done.stderr.splitlines())
    assert PASSWORD not in json.dumps(ll.json("events"))


@pytest.mark.usefixtures("home")
def test_an_expired_token_is_renewed(tmp_path: Path, ll: Layerlog) -> None:
    with tokens(tmp_path) as issuer, registry(tmp_path, issuer) as running:
        ll("login", "-u", USER, "--password-stdin", running.address, stdin=PASSWORD)
        issuer.requests.clear()
        ll("push", "-q", "base:1", f"{running.address}/app:1")
        asked = [one for one in issuer.requests if one.scopes]
        assert len(asked) == 1, "one token serves a whole push"
        assert asked[0].account == USER
        issuer.lifetime = -65  # refused by the registry although it is new
        assert "does not let you" in ll.refused("push", "-q", "base:1", f"{running.address}/other:1")


@pytest.mark.usefixtures("home")
def test_a_token_does_not_follow_a_redirect(tmp_path: Path, ll: Layerlog, other: Layerlog) -> None:
    from tests.registry.counting import Fault
    from tests.registry.serving import Answer

    with tokens(tmp_path) as issuer, registry(tmp_path, issuer) as running, counting(running.address) as proxy:
        ll("login", "-u", USER, "--password-stdin", running.address, stdin=PASSWORD)
        ll("push", "-q", "base:1", f"{running.address}/app:1")
        with counting(running.address) as elsewhere:
            proxy.fault = lambda record: (
                Fault(answer=Answer(307, headers={"Location": f"{elsewhere.url}{record.path}?secret=1"})) if "/blobs/" in record.path else None
            )
            other.run("pull", "-q", f"{proxy.address}/app:1")
            assert elsewhere.requests
            assert {record.authorization for record in elsewhere.requests} == {""}


def test_an_authority_of_ones_own_is_trusted(
    tmp_path: Path, ll: Layerlog, other: Layerlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with registry(tmp_path, tls=certificate) as running:
        name = f"{running.address}/app:1"
        assert "no trusted TLS connection" in ll.refused("push", "-q", "base:1", name)
        monkeypatch.setenv("HOME", str(tmp_path))
        folder = tmp_path / ".config/containers/certs.d" / running.address
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(certificate.path.read_bytes())
        ll("push", "-q", "base:1", name)
        other("pull", "-q", name)
        assert id_of(other, name)
