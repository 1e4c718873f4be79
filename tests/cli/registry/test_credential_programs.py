"""Programs that keep credentials: which one is asked, and what it may do without harm."""

import os

import pytest

from cli.registry import credential_programs
from cli.registry.credentials import Credentials, find, forget, forget_all, keep
from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from tests.cli.registry.homes import ADA, HUB, SECRET, Home, auth, got, put, quiet


@pytest.mark.parametrize("registry", ["ghcr.io", "docker.io"])
@pytest.mark.parametrize("given", [ADA, Credentials("", "t", is_token=True), Credentials("ü", 'a"\\\n')])
def test_a_store_for_all(home: Home, registry: str, given: Credentials) -> None:
    home.program("keeper")
    key = HUB if registry == "docker.io" else registry
    put(home.docker, {"auths": {key: auth("old:x")}, "credsStore": "keeper"})
    assert keep(registry, given) == "docker-credential-keeper"
    assert find(registry) == find(registry, "a/b") == given
    assert got(home.docker) == {"auths": {}, "credsStore": "keeper"}
    assert os.listdir(home.kept) == [key.replace("/", "_")]
    put(home.docker, {"auths": {key: {}}, "credsStore": "keeper"})
    assert find(registry) == given
    assert forget(registry) == ["docker-credential-keeper"]
    assert find(registry) is None


def test_a_program_for_one_registry_goes_before_all(home: Home) -> None:
    home.program("one")
    put(home.docker, {"auths": {"a.io": auth("old:x"), "b.io": auth()}, "credHelpers": {"a.io": "one", "c.io": ""}, "credsStore": "absent"})
    assert find("a.io") is None
    assert find("b.io") == ADA
    assert keep("a.io", ADA) == "docker-credential-one"
    assert find("a.io") == ADA
    assert find("c.io") is None
    assert keep("c.io", ADA) == str(home.runtime)


def test_forget_all_asks_programs_what_they_have(home: Home) -> None:
    home.program("keeper")
    put(home.docker, {"credsStore": "keeper", "credHelpers": {"a.io": "keeper"}})
    for registry in ("a.io", "b.io", "docker.io"):
        keep(registry, ADA)
    assert forget_all() == ["docker-credential-keeper"]
    assert os.listdir(home.kept) == []


def test_a_missing_program_is_named_with_its_file(home: Home) -> None:
    put(home.docker, {"credsStore": "absent"})
    for act in (find, forget, lambda registry: keep(registry, ADA)):
        with pytest.raises(NotFoundError, match=f"^docker-credential-absent, which {home.docker} asks for, is not on the PATH; install it"):
            act("ghcr.io")


@pytest.mark.parametrize("name", ["../bad", "a/b", "-x", "a b", "a\nb", "x" * 200, "ü", "$(id)"])
def test_odd_names_of_programs_are_refused(home: Home, name: str) -> None:
    put(home.docker, {"credHelpers": {"ghcr.io": name}})
    with pytest.raises(InvalidError, match=f"^{home.docker}: a credential program is named by letters"):
        find("ghcr.io")


FAILING = f"""echo '{{"Secret": "{SECRET}"'; echo {SECRET} >&2; exit 3"""


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (f"#!/bin/sh\n{FAILING}", r"get: it failed \(exit code 3\); try `docker-credential-odd list`"),
        (f"#!/bin/sh\necho '{SECRET}'", "get: its answer is not"),
        (f"#!/bin/sh\necho '[\"{SECRET}\"]'", "get: its answer is not"),
        (f"""#!/bin/sh\necho '{{"Username": 1, "Secret": "{SECRET}"}}'""", "get: its answer is not"),
        ("#!/bin/sh\nprintf '\\377'", "get: its answer is not"),
        ("#!/bin/sh\nexec yes", "get: its answer is not"),
        ("#!/bin/sh\nkill -9 $$", r"get: it failed \(signal 9\)"),
        ("#!/bin/sh\nsleep 20", "get: no answer within 1 s"),
        ("#!/bin/sh\nexec >&-; exec sleep 20", "get: no answer within 1 s"),
        ("#!/no/such/interpreter", r": cannot be run \(No such file"),
    ],
)
def test_what_a_program_may_do(home: Home, monkeypatch: pytest.MonkeyPatch, script: str, says: str) -> None:
    monkeypatch.setattr(credential_programs, "_TIME_LIMIT", 1.0)
    home.program("odd", script)
    put(home.docker, {"credsStore": "odd"})
    with pytest.raises(LayerlogError, match=says) as told:
        find("ghcr.io")
    quiet(told.value)
