"""`config` and `commit --change`: what is set, unset, and refused, through the command line."""

import json

import pytest

from tests.cli.invoking import Layerlog, with_loaded


def test_config_over_a_loaded_image(ll: Layerlog) -> None:
    with_loaded(ll, "app:2")
    ll("create", "--name", "a", "app:2")
    ll("config", "a", "--env", "A=it's \"$HOME\"", "-e", "B=", "--label", "com.x/y=a b", "--user", "web:staff", "--workdir", "/a b")
    ll("config", "a", "--cmd", '["run", "it"]', "--expose", "80", "--expose", "53/udp", "--volume", "/data", "--stop-signal", "SIGINT")
    assert json.loads(ll("config", "a", "--show")) == {
        "Env": ["PATH=/bin", "A=it's \"$HOME\"", "B="],
        "Labels": {"com.x/y": "a b"},
        "User": "web:staff",
        "WorkingDir": "/a b",
        "Cmd": ["run", "it"],
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGINT",
    }


def test_config_entrypoint_drops_what_stood_in_an_earlier_cmd(ll: Layerlog) -> None:
    ll("config", "web", "--cmd", "old")
    ll("config", "web", "--entrypoint", '["/bin/sh"]')
    assert json.loads(ll("config", "web")) == {"Entrypoint": ["/bin/sh"]}
    ll("config", "web", "--entrypoint", "", "--cmd", "line for the shell")
    assert json.loads(ll("config", "web")) == {"Entrypoint": [], "Cmd": ["/bin/sh", "-c", "line for the shell"]}


def test_config_of_an_image_is_shown(ll: Layerlog) -> None:
    with_loaded(ll, "app:2")
    before = ll.head()
    assert json.loads(ll("config", "app:2")) == {"Env": ["PATH=/bin"]}
    assert ll.head() == before


@pytest.mark.parametrize("wrong", [("--env", "NOVALUE"), ("-e", "=x"), ("--expose", "99999"), ("--stop-signal", "SIGNOPE")])
def test_config_refuses_what_is_none(ll: Layerlog, wrong: tuple[str, str]) -> None:
    ll.refused("config", "web", *wrong)


SET_ALL = (
    "CMD x", "ENTRYPOINT e", "ENV A=1 B=2", "EXPOSE 80", "HEALTHCHECK NONE", "LABEL a=1", "ONBUILD RUN x", "STOPSIGNAL INT",
    "USER me", "VOLUME /d", "WORKDIR /w",
)  # fmt: skip


def test_whatever_a_change_sets_config_unsets(ll: Layerlog) -> None:
    ll("commit", "-c", "\n".join(SET_ALL), "web", "app:1")
    words = [text.split()[0] for text in SET_ALL]
    assert len(json.loads(ll("config", "app:1"))) == len(words)
    ll("config", "web", *(f"--unset={word}" for word in words))
    assert json.loads(ll("config", "web")) == {}
    assert "UNSET HEALTHCHECK" in ll("status", "web")
    ll("commit", "web", "app:2")
    assert json.loads(ll("config", "app:2")) == {}
    assert json.loads(ll("inspect", "app:2"))[0]["Config"] == {}
    assert len(json.loads(ll("config", "app:1"))) == len(words), "what was sealed stays"


def test_one_name_is_unset_before_another_is_set(ll: Layerlog) -> None:
    ll("config", "web", "-e", "A=1", "-e", "B=2", "-l", "x=1", "--expose", "80")
    ll("config", "web", "--unset", "ENV=A", "-e", "C=3")
    assert json.loads(ll("config", "web"))["Env"] == ["B=2", "C=3"]
    ll("config", "web", "--unset", "env", "-e", "A=4", "--user", "me")
    assert json.loads(ll("config", "web"))["Env"] == ["A=4"]


def test_buildah_s_ways_to_unset(ll: Layerlog) -> None:
    ll("config", "web", "-e", "A=1", "-e", "B=2", "-l", "x=1", "--expose", "80", "--user", "me", "--workdir", "/w", "--volume", "/d-")
    ll("config", "web", "--env", "A-", "--label", "x-", "--expose", "80-", "--user", "", "--workdir", "")
    assert json.loads(ll("config", "web")) == {"Env": ["B=2"], "Volumes": {"/d-": {}}}


@pytest.mark.parametrize("wrong", ["ENV=NOPE", "CMD", "CMD=x", "NOPE", ""])
def test_nothing_is_recorded_of_a_wrong_unset(ll: Layerlog, wrong: str) -> None:
    ll("config", "web", "-e", "A=1")
    before = ll.head()
    assert "--unset" in ll.refused("config", "web", "--unset", wrong, "--user", "me")
    assert ll.head() == before


def test_a_change_may_have_several_lines(ll: Layerlog) -> None:
    ll("commit", "-c", 'ENV=A=1 \\\n  B="2 3"\nCMD=sh', "-c", "USER me", "web", "app:1")
    assert json.loads(ll("config", "app:1")) == {"Env": ["A=1", "B=2 3"], "Cmd": ["/bin/sh", "-c", "sh"], "User": "me"}
    assert "change 'EXPOSE web', line 2: 'web' is not a port" in ll.refused("commit", "-c", "USER x\nEXPOSE web", "web")
