"""Who may ask, and under which name."""

import base64
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli.serve import htpasswd
from eventstore.errors import InvalidError
from tests.cli.invoking import Layerlog
from tests.cli.running import python
from tests.cli.serve.running import Served, serving
from tests.peers import peer
from tests.registry.certificates import make_certificate

HASH = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def users(tmp_path: Path) -> str:
    """Ada, whose password is "U*U" in the vector that bcrypt's own authors publish, and bob by another mark for bcrypt."""
    known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    (tmp_path / "users").write_text(f"# who may\n\nada:{known}\nbob:{known.replace('2a', '2y')}\n")
    return str(tmp_path / "users")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:{port}", "localhost.:5000"])
def test_it_answers_to_its_own_names(asked: Served, host: str) -> None:
    assert asked.ask("/v2/", headers={"Host": host.format(port=asked.port)}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.2", "localhost.evil.example", "a b", "127.0.0.1@evil", "[::1", "localhost:x", ""])
def test_it_answers_to_no_other(asked: Served, host: str) -> None:
    assert asked.refused("/v2/", headers={"Host": host.format(port=asked.port)}) == (403, "DENIED")


def test_more_names_can_be_given(told: Layerlog) -> None:
    with serving(told, "--no-record", "--host-name", "Registry.example") as served:
        assert served.ask("/v2/", headers={"Host": "registry.EXAMPLE:443"}).status == 200


def test_users_of_an_htpasswd_file(told: Layerlog, users: str) -> None:
    with serving(told, "--no-record", "--htpasswd", users) as served:
        assert "to the users listed on this machine" in served.first_line
        for user in ("ada", "bob", "ada"):
            assert served.ask("/v2/app/manifests/1", headers=basic(user, "U*U")).status == 200
        for refused in ({}, basic("ada", "U*U "), basic("eve", "U*U"), basic("", ""), basic("ada", "U*\0U"), {"Authorization": "Basic !"},
                        {"Authorization": "Bearer x"}, basic("ada", "U*U\0")):  # fmt: skip
            assert served.refused("/v2/app/manifests/1", headers=refused) == (401, "UNAUTHORIZED")
        assert served.ask("/v2/").headers["WWW-Authenticate"] == 'Basic realm="layerlog", charset="UTF-8"'


def test_what_another_program_hashed_is_read(tmp_path: Path) -> None:
    argv = [peer("perl"), "-e", "print crypt('päss word', $ARGV[0])", HASH[:29]]
    hashed = subprocess.run(argv, capture_output=True, check=True).stdout
    (tmp_path / "users").write_bytes(b"ada:" + hashed + b"\n")
    found = htpasswd.users(str(tmp_path / "users"))
    assert found.are("ada", "päss word".encode())
    assert found.known("ada", "päss word".encode())
    assert not found.are("ada", b"another")
    assert not found.known("ada", b"another")


@pytest.mark.parametrize("line", ["", "ada", "ada:secret", "ada:$apr1$x$y", "ada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", f":{HASH}", f"ada:{HASH}x", f"ada:{HASH.replace('04', '99')}"])
def test_other_hashes_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "users").write_text(line)
    with pytest.raises(InvalidError, match="htpasswd -B"):
        htpasswd.users(str(tmp_path / "users"))


def test_tls(told: Layerlog, users: str, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/ca.crt").write_bytes(certificate.path.read_bytes())
    options = ("--htpasswd", users, "--tls-cert", str(certificate.path), "--tls-key", str(certificate.key))
    with serving(told, "--no-record", *options, "--listen", "0.0.0.0:0") as served:
        assert "to the users listed who can reach it, read-only: tags and commits" in served.first_line
        assert served.url.startswith("https:")
        assert served.ask("/v2/", headers=basic("ada", "U*U"), ca_file=str(certificate.path)).status == 200
        argv = [peer("skopeo"), "inspect", "--raw", "--cert-dir", str(tmp_path / "certs"), "--creds", "ada:U*U", f"docker://127.0.0.1:{served.port}/app:1"]
        subprocess.run(argv, check=True, capture_output=True)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_off_loopback_it_takes_users_and_tls(told: Layerlog, users: str, listen: str) -> None:
    address = listen.rpartition(":")[0].strip("[]")
    said = told.refused("serve", "--listen", listen)
    assert said == f"{address} can be reached from other machines: give --htpasswd FILE and --tls-cert FILE --tls-key FILE too, or --insecure to do without"
    assert "give --tls-cert FILE --tls-key FILE too" in told.refused("serve", "--listen", listen, "--htpasswd", users)


def test_off_loopback_on_request(told: Layerlog) -> None:
    with serving(told, "--no-record", "--insecure", "--points", "--listen", "0.0.0.0:0") as served:
        assert "to everyone who can reach it, read-only: tags, commits and any moment" in served.first_line
        assert served.ask("/v2/web/manifests/v2").status == 200
        assert served.ask("/v2/", headers={"Host": os.uname().nodename}).status == 200
        assert served.refused("/v2/", headers={"Host": "evil.example"}) == (403, "DENIED")


@pytest.mark.parametrize(("args", "said"), [
    (["--listen", "5000"], "is no place to listen at; write HOST:PORT"),
    (["--listen", "127.0.0.1:70000"], "is no place to listen at"),
    (["--listen", "no.such.host.invalid:1"], "is no address or name of this machine"),
    (["--listen", "203.0.113.1:1", "--insecure"], "cannot listen at 203.0.113.1:1: cannot assign requested address"),
    (["--htpasswd", "/nonexistent"], "/nonexistent: no such file or directory"),
    (["--cache-size", "much"], "is not a size"),
    (["--tls-cert", "/etc/passwd", "--tls-key", "/etc/passwd"], "are no certificate and its key"),
])  # fmt: skip
def test_bad_options(told: Layerlog, args: list[str], said: str) -> None:
    assert said in told.refused("serve", *args)


def test_a_place_that_is_taken(told: Layerlog, asked: Served) -> None:
    assert "address already in use; choose another with --listen" in told.refused("serve", "--listen", f"127.0.0.1:{asked.port}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_it_is_told_to(told: Layerlog, how: signal.Signals) -> None:
    with serving(told, "--no-record") as served:
        assert served.ask("/v2/").status == 200
        began = time.monotonic()
        assert served.stop(how) == (0, "", "")
        assert time.monotonic() - began < 5


def test_without_the_extra_it_says_how_to_get_it(told: Layerlog) -> None:
    program = (
        "import sys\n"
        "class Hiding:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('starlette', 'uvicorn'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hiding())\n"
        "from cli.main import main; main()"
    )
    done = python(program, "--store", told.store, "serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "layerlog: `layerlog serve` needs Starlette and uvicorn: pip install 'layerlog[serve]'\n"


def test_a_request_is_logged_with_v_alone_and_without_its_query(told: Layerlog, users: str) -> None:
    with serving(told, "--no-record", "--htpasswd", users, before=("-v",)) as served:
        served.ask("/v2/_catalog?n=5&secret=hush", headers=basic("ada", "U*U"))
        code, _, logged = served.stop()
    assert code == 0
    [line] = [line for line in logged.splitlines() if "/v2/" in line]
    assert all(part in line for part in ("GET", "/v2/_catalog", "status=200", "user=ada", "address=127.0.0.1"))
    assert "hush" not in logged
    assert "U*U" not in logged
