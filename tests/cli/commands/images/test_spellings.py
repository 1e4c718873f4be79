"""How people write where an image is: what is meant is done, or said how it is written."""

import re

import pytest

from tests.cli.invoking import Layerlog
from tests.registry.lying import lying
from tests.registry.real import Registry
from tests.registry.serving import Answer

MISSPELT = ["http://{}", "https://{}", "HTTPS://{}", "docker:/{}", "docker:///{}", "DOCKER://{}", "Docker:/{}", "registry://{}", "https:///{}"]
COMMANDS = [
    ["pull", "{}"], ["push", "base:1", "{}"], ["push", "{}"], ["copy", "{}", "x:1"], ["copy", "base:1", "{}"], ["tags", "{}"], ["layers", "{}"],
    ["inspect", "{}"],
]  # fmt: skip


@pytest.mark.parametrize("spelling", MISSPELT)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_is_said_what_to_write(ll: Layerlog, command: list[str], spelling: str) -> None:
    typed = spelling.format("localhost:1/app")
    says = ll.refused(*(part.format(typed) for part in command))
    assert says == f"{typed!r}: an image in a registry is written docker://localhost:1/app"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_prefix_alone_names_nothing(ll: Layerlog, command: list[str]) -> None:
    assert ll.refused(*(part.format("docker://") for part in command)).endswith("is written docker://NAME")


def test_docker_may_stand_before_a_name_that_only_a_registry_can_have(ll: Layerlog, other: Layerlog, hub: Registry) -> None:
    name = f"{hub.address}/spelt/app:1"
    assert ll("push", "-q", "base:1", f"docker://{name}") == f"{name}\n"
    assert ll("pull", "-q", f"docker://{name}") == f"{name}\n"
    assert ll("push", "-q", f"docker://{name}") == f"{name}\n"
    assert other("pull", "-q", f"docker://{name}") == f"{name}\n"


@pytest.mark.parametrize("command", [["tag", "base:1"], ["commit", "--allow-empty", "web"]])
def test_a_name_in_the_store_has_no_prefix(ll: Layerlog, command: list[str]) -> None:
    for prefix in ("docker://", "https://", "x\n://"):
        says = ll.refused(*command, f"{prefix}app:1")
        assert re.search(r"; leave out \S+://$", says), says


def test_an_image_may_be_called_docker(ll: Layerlog) -> None:
    ll("tag", "base:1", "docker:24")
    assert ll("tags", "docker") == "TAG\n24\n"
    assert len(ll.json("layers", "docker:24")) == 1


@pytest.mark.parametrize("name", ["nope", "localhost:1/nope", "ghcr.io/some/nope"])
def test_tags_of_what_is_not_here(ll: Layerlog, name: str) -> None:
    assert ll.refused("tags", name) == f"no image {name} is in this store; for the tags in its registry: `layerlog tags docker://{name}`"
    assert ll.refused("tags", f"{name}:1") == f"'{name}:1' names one image; name the repository alone: `layerlog tags {name}`"
    assert "not an image name" in ll.refused("tags", f"{name}//x")


@pytest.mark.parametrize("body", [b'{"tags": null}', b'{"tags": []}', b"{}"])
def test_a_repository_without_tags(ll: Layerlog, body: bytes) -> None:
    with lying(lambda _: Answer(body=body)) as server:
        assert ll.refused("pull", "-a", f"{server.address}/app").startswith(f"{server.address}/app has no tags in its registry")
        done = ll.run("tags", f"docker://{server.address}/app")
        assert (done.exit_code, done.stdout) == (0, "TAG\n")
        assert done.stderr == f"layerlog: nothing found: {server.address}/app has no tags in its registry\n"


def test_no_number_of_an_error_is_shown(ll: Layerlog) -> None:
    for command in (["pull", "127.0.0.1:1/app"], ["push", "base:1", "127.0.0.1:1/app"], ["tags", "docker://127.0.0.1:1/app"]):
        says = ll.refused(*command)
        assert says == "127.0.0.1:1: cannot be reached: Connection refused; check that it runs, and the network", says
