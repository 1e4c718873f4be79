"""What a repository's name and a reference stand for."""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.cli.invoking import Layerlog, with_loaded, write_and_commit
from tests.cli.serve.running import Served, serving


def commit_of(ll: Layerlog, ref: str) -> str:
    return str(json.loads(ll("inspect", ref))[0]["Id"].removeprefix("sha256:"))


@pytest.mark.parametrize("name", ["app", "library/app", "docker.io/library/app"])
def test_a_hub_name_has_three_spellings(asked: Served, name: str) -> None:
    assert asked.manifest(name, "1") == asked.manifest("app", "1")


def test_a_commit_is_a_tag_of_what_it_made(told: Layerlog, asked: Served) -> None:
    for ref in ("1", "2"):
        commit, found = commit_of(told, f"app:{ref}"), asked.manifest("app", ref)
        for spelling in (commit, commit[:12], commit[:7]):
            assert asked.manifest("app", spelling) == asked.manifest("web", spelling) == found
        assert asked.refused(f"/v2/base/manifests/{commit}") == (404, "MANIFEST_UNKNOWN")
        assert asked.refused(f"/v2/app/manifests/{commit[:6]}") == (404, "MANIFEST_UNKNOWN")


def test_a_commit_behind_a_tag_that_moved(ll: Layerlog) -> None:
    first = write_and_commit(ll, "a\n", "web", "moving:1")
    with serving(ll, "--no-record") as served:
        before = served.manifest("moving", "1")
        write_and_commit(ll, "b\n", "web", "moving:1")
        assert served.manifest("moving", first) == before != served.manifest("moving", "1")
        assert served.manifest("moving", before[0]) == before
        assert served.ask(f"/v2/moving/blobs/{before[1]['layers'][-1]['digest']}").status == 200


def test_points_of_a_container(told: Layerlog, asked: Served) -> None:
    container = told.json("ps")[0]["id"]
    for name in ("web", container, container[:12]):
        assert asked.manifest(name, "v3") == asked.manifest("app", "1")
        assert asked.manifest(name, "v5") == asked.manifest("app", "2") == asked.manifest(name, "latest")
    layers = [asked.manifest("web", f"v{version}")[1]["layers"] for version in (1, 2, 6)]
    assert [len(found) for found in layers] == [1, 2, 4]
    for none in ("v0", "v7", "v01", "V1", "v99999999999999999999", "v1x"):
        assert asked.refused(f"/v2/web/manifests/{none}") == (404, "MANIFEST_UNKNOWN")
    assert asked.refused("/v2/app/manifests/v1") == (404, "MANIFEST_UNKNOWN")


def test_points_in_time(ll: Layerlog) -> None:
    between = datetime.now(UTC)
    time.sleep(1.1 - between.microsecond / 1e6)
    ll("write", "--text", "later\n", "web:/f")
    with serving(ll, "--no-record") as served:
        assert served.manifest("web", f"t{datetime.fromtimestamp(int(between.timestamp()) + 1, UTC):%Y%m%dT%H%M%SZ}") == served.manifest("web", "v6")
        assert served.manifest("web", "t29990101T000000Z") == served.manifest("web", "v7")
        for none in ("t20001124T100000Z", "t20261340T100000Z", "t20261124T100000"):
            assert served.refused(f"/v2/web/manifests/{none}") == (404, "MANIFEST_UNKNOWN")


def test_without_points_there_are_tags_and_commits(told: Layerlog) -> None:
    with serving(told, "--no-record", "--no-points") as served:
        assert served.first_line.endswith("read-only: tags and commits\n")
        assert served.refused("/v2/web/manifests/v6") == (404, "MANIFEST_UNKNOWN")
        assert served.manifest("web", commit_of(told, "app:1")) == served.manifest("app", "1")


def test_a_real_tag_wins(ll: Layerlog) -> None:
    container = ll.json("ps")[0]["id"]
    write_and_commit(ll, "x\n", "web", "web:v2")
    ll("tag", "app:1", "web:latest")
    with serving(ll, "--no-record") as served:
        assert served.manifest("web", "latest") == served.manifest("app", "1")
        assert served.manifest("web", "v2") == served.manifest(container, "v8") != served.manifest(container, "v2")


def test_a_removed_container_is_not_there(ll: Layerlog) -> None:
    container = ll.json("ps")[0]["id"]
    with serving(ll, "--no-record") as served:
        assert served.manifest(container, "v2")
        ll("rm", "web")
        for name in ("web", container):
            assert served.refused(f"/v2/{name}/manifests/v2") == (404, "NAME_UNKNOWN")


def test_names_of_several_registries(ll: Layerlog) -> None:
    """Docker Hub's first, then localhost's; of others one that is meant for sure."""
    with_loaded(ll, "quay.io/x/tool:1", "ghcr.io/x/tool:1", "quay.io/app:1", "localhost/app:1", "localhost/app:3", "reg.example:5000/y/tool:1")
    ll("tag", "app:1", "ghcr.io/x/tool:2")
    ll("tag", "app:2", "quay.io/x/tool:2")
    with serving(ll, "--no-record") as served:
        far = served.manifest("quay.io/x/tool", "1")
        assert served.manifest("x/tool", "1") == served.manifest("y/tool", "1") == served.manifest("app", "3") == far
        assert served.manifest("app", "1") == served.manifest("docker.io/library/app", "1") != far
        assert served.manifest("localhost/app", "1") == served.manifest("quay.io/app", "1") == far
        reply = served.ask("/v2/x/tool/manifests/2")
        assert reply.status == 404
        assert b"ask for one of ghcr.io/x/tool, quay.io/x/tool" in reply.body
        assert served.manifest("quay.io/x/tool", "2") == served.manifest("app", "2")
        assert served.ask("/v2/reg.example:5000/y/tool/manifests/1").status == 400
