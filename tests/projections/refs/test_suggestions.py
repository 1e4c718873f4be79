"""What a reference that names nothing was perhaps meant to be."""

import time

import pytest

from projections.refs.suggestions import LONGEST, MOST, did_you_mean, similar

CONTAINERS = ["web", "worker", "db-primary", "Cache"]
TAGS = ["shop/web:1.0", "shop/web:1.1", "shop/web:prod", "shop/api:prod", "shop/api:latest", "tomcat:latest", "tomcat:9"]


@pytest.mark.parametrize(("typed", "meant"), [
    ("weeb", ["web"]), ("wrker", ["worker"]), ("db-primry", ["db-primary"]), ("cache", ["Cache"]), ("WEB", ["web"]),
    ("shop/wbe:1.1", ["shop/web:1.1"]), ("shpo/api:prod", ["shop/api:prod"]), ("shop/apo", ["shop/api"]), ("tomcta", ["tomcat"]),
    ("shop/web", ["shop/web:1.0", "shop/web:1.1", "shop/web:prod"]), ("prod", ["shop/web:prod", "shop/api:prod"]), ("9", ["tomcat:9"]),
    ("zebra", []), ("", []), ("q", []), ("x" * (LONGEST + 1), []), ("\x1b[31m", []), ("\udcff", []),
])  # fmt: skip
def test_similar_names(typed: str, meant: list[str]) -> None:
    assert similar(typed, CONTAINERS, TAGS) == meant


def test_only_containers_or_only_images() -> None:
    assert similar("weeb", [], TAGS) == []
    assert similar("shop/wbe:1.1", CONTAINERS, []) == []


def test_many_names_take_no_time() -> None:
    names = [f"registry.example.org/team-{n % 50}/service-{n}:{n}.0" for n in range(MOST)]
    begun = time.monotonic()
    assert similar("registry.example.org/team-7/servcie-57:57.0", [], names)[0] == "registry.example.org/team-7/service-57:57.0"
    similar("y" * LONGEST, names, names)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(("found", "said"), [
    ([], ""), (["a"], "did you mean a?"), (["a", "b"], "did you mean a or b?"), (["a", "b", "c"], "did you mean a, b or c?"),
])  # fmt: skip
def test_did_you_mean(found: list[str], said: str) -> None:
    assert did_you_mean(found) == said
