"""Credentials: found where Docker and podman put them, kept where they look, and never shown."""

import base64
import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.registry import auth_files
from cli.registry.credentials import Credentials, find, forget, forget_all, keep
from eventstore.errors import ConcurrencyError, ConflictError, InvalidError
from tests.cli.registry.homes import ADA, HUB, SECRET, Home, auth, got, put, quiet
from tests.cli.running import ROOT
from tests.peers import peer

# -- where they are found


def test_nothing_anywhere_is_none(home: Home) -> None:
    assert find("ghcr.io") is None
    assert forget("ghcr.io") == []
    assert forget_all() == []
    assert not home.docker.parent.exists()


def test_the_order_is_podmans(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, path in enumerate([home.docker, home.config, home.runtime]):
        put(path, {"auths": {"ghcr.io": auth(f"user{number}:x")}})
        assert find("ghcr.io") == Credentials(f"user{number}", "x")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(put(home.other, {"auths": {"quay.io": auth()}})))
    assert find("ghcr.io") is None
    assert find("quay.io") == ADA
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"ghcr.io": auth("env:x")}, "credsStore": "absent"}))
    assert find("ghcr.io") == Credentials("env", "x")
    assert find("quay.io") == ADA


def test_docker_config_replaces_dockers_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home.docker, {"auths": {"ghcr.io": auth("old:x")}})
    put(home.other, {"auths": {"ghcr.io": auth()}})
    monkeypatch.setenv("DOCKER_CONFIG", str(home.other.parent))
    assert find("ghcr.io") == ADA


def test_without_a_session_podmans_file_is_in_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert auth_files.in_order()[0].path == f"/run/containers/{os.getuid()}/auth.json"


@pytest.mark.parametrize("key", ["docker.io", HUB, "index.docker.io", "https://registry-1.docker.io/v2/"])
def test_docker_hub_has_many_names(home: Home, key: str) -> None:
    put(home.docker, {"auths": {"https://index.docker.io/v1/refresh-token": auth("other:x"), key: auth()}})
    if key in ("docker.io", HUB):
        assert find("docker.io", "library/tomcat") == find("index.docker.io") == ADA
    assert str(home.docker) in forget("docker.io")
    assert got(home.docker) == {"auths": {}}


@pytest.mark.parametrize("key", ["https://localhost:5000", "http://localhost:5000/v2/", "localhost:5000"])
def test_keys_may_be_urls(home: Home, key: str) -> None:
    put(home.docker, {"auths": {"localhost:5001": auth("other:x"), key: auth()}})
    assert find("localhost:5000", "a/b") == ADA


def test_namespaces_go_before_their_registry(home: Home) -> None:
    keys = ("ghcr.io", "ghcr.io/team", "ghcr.io/team/app")
    put(home.runtime, {"auths": {key: auth(f"{key.count('/')}:x") for key in keys}})
    for repository, user in (("team/app", "2"), ("team/other", "1"), ("team", "1"), ("tea", "0"), ("", "0")):
        assert find("ghcr.io", repository) == Credentials(user, "x"), repository
    assert forget("ghcr.io") == [str(home.runtime)]
    assert find("ghcr.io", "team/app") is None


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (auth("ada:a:b"), Credentials("ada", "a:b")),
        (auth("ada:pä\0\0"), Credentials("ada", "pä")),
        ({**auth("ada:"), "identitytoken": "t"}, Credentials("ada", "t", is_token=True)),
        ({"identitytoken": "t"}, Credentials("", "t", is_token=True)),
        ({"username": "ada", "password": "p"}, Credentials("ada", "p")),
        ({"auth": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_entries(home: Home, entry: Any, found: Credentials | None) -> None:
    put(home.docker, {"auths": {"ghcr.io": entry}})
    assert find("ghcr.io") == found


def test_podman_reads_what_is_kept(home: Home) -> None:
    podman = peer("podman")
    for registry, key in (("localhost:5000", "localhost:5000"), ("docker.io", "docker.io"), ("index.docker.io", "docker.io")):
        kept = keep(registry, ADA)
        assert kept == str(home.runtime)
        assert got(home.runtime)["auths"][key] == auth()
        for more in ([], ["--authfile", kept]):
            done = subprocess.run([podman, "login", "--get-login", registry, *more], capture_output=True, text=True, check=True)
            assert done.stdout == "ada\n"
    subprocess.run([peer("skopeo"), "logout", "docker.io"], check=True, capture_output=True)
    assert find("docker.io") is None
    keep("quay.io", Credentials("", "t", is_token=True))
    subprocess.run([podman, "logout", "localhost:5000"], check=True, capture_output=True)
    assert find("quay.io") == Credentials("", "t", is_token=True)


# -- where they are kept


def test_a_file_is_its_owners_alone_and_the_rest_of_it_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(home.other.parent))
    before = {"HttpHeaders": {"X": "1"}, "auths": {"a.io": {**auth(), "email": "e"}, "https://index.docker.io": auth("old:x")}, "psFormat": "ü"}
    put(home.other, before).chmod(0o644)
    assert keep("docker.io", ADA) == str(home.other)
    assert got(home.other) == {**before, "auths": {"a.io": before["auths"]["a.io"], HUB: auth()}}  # type: ignore[index]
    assert stat.S_IMODE(home.other.stat().st_mode) == 0o600
    assert os.listdir(home.other.parent) == ["config.json"]
    assert forget("docker.io") == [str(home.other)]
    assert got(home.other) == {**before, "auths": {"a.io": before["auths"]["a.io"]}}  # type: ignore[index]


def test_folders_are_made_for_their_owner(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "absent"))
    assert keep("ghcr.io", ADA) == str(home.config)
    assert find("ghcr.io") == ADA
    assert not (tmp_path / "absent").exists()
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (home.config.parent, home.config.parents[1])} == {0o700}


def test_a_chosen_file_may_be_new_or_a_link(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "link"
    link.symlink_to("real")
    for path in (tmp_path / "new/auth.json", link, put(tmp_path / "empty", "")):
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
        assert keep("ghcr.io", ADA) == str(path)
        assert find("ghcr.io") == ADA
    assert link.is_symlink()


def test_concurrent_logins_lose_nothing(home: Home) -> None:
    program = "import sys; from cli.registry.credentials import *; [keep(f'{sys.argv[1]}{n}.io', Credentials('ada', 'x')) for n in range(20)]"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen([sys.executable, "-c", program, name], env=env) for name in "abcd"]
    assert [process.wait() for process in running] == [0] * 4
    assert len(got(home.runtime)["auths"]) == 80


def test_a_lock_is_not_waited_for_without_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home.runtime, {"auths": {"ghcr.io": auth()}})
    monkeypatch.setattr(auth_files, "_WAIT", 0.1)
    holder = os.open(home.runtime.parent, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(ConcurrencyError, match=f"^{home.runtime.parent}: another program keeps it locked; run"):
        keep("quay.io", ADA)
    assert find("ghcr.io") == ADA
    os.close(holder)
    keep("quay.io", ADA)


def test_what_would_be_kept_in_vain_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home.runtime, {"auths": {"ghcr.io": auth()}})
    monkeypatch.setenv("DOCKER_CONFIG", str(home.other.parent))
    with pytest.raises(ConflictError, match=rf"^{home.runtime} holds credentials for ghcr.io, and goes before {home.other}; log out"):
        keep("ghcr.io", ADA)
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {"quay.io": auth()}}))
    with pytest.raises(ConflictError, match=r"^DOCKER_AUTH_CONFIG holds credentials for quay\.io, and goes first; unset it"):
        keep("quay.io", ADA)
    assert not home.other.exists()


def test_forget_all_takes_every_file(home: Home) -> None:
    for path in (home.runtime, home.docker):
        put(path, {"auths": {"a.io": auth(), "b.io/x": auth()}, "psFormat": "p"})
    assert forget_all() == [str(home.runtime), str(home.docker)]
    assert got(home.docker) == got(home.runtime) == {"auths": {}, "psFormat": "p"}


# -- what is wrong, and what is secret


@pytest.mark.parametrize(
    "document",
    [
        '{"auths": ',
        f'{{"auths": {{}}, "{SECRET}": 1, "{SECRET}": 2}}',
        f'{{"auths": {{"ghcr.io": {{"auth": {SECRET}}}}}}}',
        [SECRET],
        '"' + SECRET + '"',
        {"Auths": {}},
        {"auths": [SECRET]},
        {"auths": {"ghcr.io": SECRET}},
        {"auths": {"ghcr.io": {"auth": [SECRET]}}},
        {"auths": {"ghcr.io": {"auth": SECRET}}},
        {"auths": {"ghcr.io": auth(SECRET)}},
        {"auths": {"ghcr.io": {"auth": base64.b64encode(b"ada:\xff").decode()}}},
        {"auths": {"ghcr.io": {"identitytoken": 1}}},
        {"credHelpers": {"ghcr.io": 1}},
        {"credHelpers": SECRET},
        {"credsStore": {}},
        "[" * 100_000,
        " " * (1 << 20) + "{}",
    ],
)
def test_damaged_files_are_named_and_not_told(home: Home, monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    text = put(home.runtime, document).read_text()
    with pytest.raises(InvalidError, match=f"^{home.runtime}: .*; correct it, or ") as told:
        find("ghcr.io")
    quiet(told.value)
    if "cred" in text:
        return
    home.runtime.unlink()
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", text)
    with pytest.raises(InvalidError, match=r"^DOCKER_AUTH_CONFIG: ") as told:
        find("ghcr.io")
    quiet(told.value)


def test_a_damaged_file_is_not_written_over(home: Home) -> None:
    put(home.runtime, "{damaged")
    with pytest.raises(InvalidError, match="no JSON object"):
        keep("ghcr.io", ADA)
    assert home.runtime.read_text() == "{damaged"


def test_a_file_that_would_grow_too_large_is_left(home: Home) -> None:
    put(home.runtime, {"psFormat": "x" * ((1 << 20) - 60)})
    with pytest.raises(InvalidError, match="over 1048576 bytes with one more entry"):
        keep("ghcr.io", ADA)
    assert find("ghcr.io") is None


def test_what_is_no_file_is_refused(home: Home) -> None:
    home.docker.parent.mkdir()
    for make in (os.mkdir, os.mkfifo):
        make(home.docker)
        with pytest.raises(InvalidError, match=f"^{home.docker}: not a regular file; "):
            find("ghcr.io")
        subprocess.run(["rm", "-r", home.docker], check=True)


@pytest.mark.parametrize("registry", ["", "https://ghcr.io", "ghcr.io/team", "a b", "ghcr.io\n", "ghcr.io:x", "../x", "ü.io"])
def test_what_is_no_registry_is_refused(home: Home, registry: str) -> None:
    for act in (find, forget, lambda registry: keep(registry, ADA)):
        with pytest.raises(InvalidError, match="is no registry; name its host"):
            act(registry)


@pytest.mark.parametrize(
    "given",
    [
        Credentials("a:b", SECRET),
        Credentials("", SECRET),
        Credentials("ada", ""),
        Credentials("<token>", SECRET),
        Credentials("ada", SECRET + "\0"),
        Credentials("ada", SECRET + "\udcff"),
        Credentials("ada", SECRET * 1000),
    ],
)
def test_what_cannot_be_kept_is_refused(home: Home, given: Credentials) -> None:
    with pytest.raises(InvalidError) as told:
        keep("ghcr.io", given)
    quiet(told.value)
    assert not home.runtime.exists()


def test_a_secret_is_never_shown() -> None:
    for shown in (repr(ADA), str(ADA), f"{ADA}", f"{[ADA]}"):
        assert SECRET not in shown
        assert "ada" in shown
