"""What `ps` says and finds: the reference that was given for a container, and Docker's idioms of filtering."""

import pytest

from tests.cli.invoking import Layerlog, with_loaded, write_and_commit

ID = "an id"


def image_of(ll: Layerlog, container: str) -> str:
    return next(str(row["image"]) for row in ll.json("ps") if row["name"] == container)


@pytest.mark.parametrize("born_here", [True, False])
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("app:stable", "app:stable"),
        ("app:8-jre", "app:8-jre"),
        ("docker.io/library/app:8-jre", "app:8-jre"),
        ("app", "app"),
        ("ghcr.io/x/app:1", "ghcr.io/x/app:1"),
        ("mine:1", "localhost/mine:1"),
        (ID, ID),
        ("app:stable@{0}", ID),
    ],
)
def test_ps_names_the_reference_that_was_given(ll: Layerlog, given: str, shown: str, *, born_here: bool) -> None:
    image = write_and_commit(ll, "x", "web") if born_here else with_loaded(ll)
    for name in ("app:8-jre", "app:stable", "app:latest", "ghcr.io/x/app:1", "localhost/mine:1"):
        ll("tag", image, name)
    ll("create", "--name", "c", image if given == ID else given)
    assert image_of(ll, "c") == (image[:12] if shown == ID else shown)


@pytest.mark.parametrize("ends", ["moved", "deleted"])
def test_a_name_that_is_no_longer_that_images_is_not_shown(ll: Layerlog, ends: str) -> None:
    """As in docker ps; no other name that nobody used takes its place."""
    image = with_loaded(ll, "localhost/app:1", "localhost/app:2")
    ll("create", "--name", "c", "app:1")
    ll(*(("tag", "-q", "base:1", "localhost/app:1") if ends == "moved" else ("rmi", "app:1")))
    assert image_of(ll, "c") == image[:12]
    assert f"Container c ({ll.json('ps')[0]['id'][:12]}) on {image[:12]}, " in ll("status", "c")
    ll("tag", "-q", image, "localhost/app:1")
    assert image_of(ll, "c") == "localhost/app:1"


def test_a_fork_of_a_container_is_not_named_after_an_image(ll: Layerlog) -> None:
    """A container and an image may share a name: `fork` means the container, `create` the image."""
    write_and_commit(ll, "x", "web", "web")
    ll("write", "--text", "y", "web:/g")
    ll("fork", "web", "--name", "forked")
    ll("create", "web", "--name", "created")
    assert image_of(ll, "created") == "web"
    assert image_of(ll, "forked").endswith("@4")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^/app$", {"app"}),
        ("^app$", {"app"}),
        ("/app", {"app", "app-2"}),
        ("^/app", {"app", "app-2"}),
        ("app", {"app", "app-2", "my-app"}),
        ("^/(app|web)$", {"app", "web"}),
        ("/my", {"my-app"}),
        ("/$", set()),
        ("^/$", set()),
    ],
)
def test_names_are_found_with_the_slash_that_docker_gives_them(ll: Layerlog, pattern: str, found: set[str]) -> None:
    for name in ("app", "app-2", "my-app"):
        ll("create", "--name", name, "scratch")
    assert {row["name"] for row in ll.json("ps", "--filter", f"name={pattern}")} == found
