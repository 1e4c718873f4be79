"""What was served, in the log."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.streams.compression import packed_by
from tests.cli.invoking import Layerlog, with_loaded
from tests.cli.serve.running import ACCEPT, serving
from tests.cli.serve.test_access import basic, users
from tests.peers import peer

__all__ = ["users"]


def events(ll: Layerlog) -> list[dict[str, Any]]:
    return [event for event in ll.json("events") if event["event"] == "ImageServed"]


def test_a_manifest_that_was_given_is_one_event_an_hour(ll: Layerlog) -> None:
    with serving(ll) as served:
        served.ask("/v2/app/manifests/1", "HEAD")
        digest, manifest = served.manifest("app", "1")
        served.manifest("web", "v3")
        served.manifest("app", digest)
        served.ask("/v2/app/manifests/1", headers={"If-None-Match": f'"{digest}"'})
        served.ask(f"/v2/app/blobs/{manifest['config']['digest']}")
        served.ask("/v2/app/manifests/9")
        [event] = events(ll)
        assert event["content"] == digest
        assert event["detail"] == {
            "asked": "app:1", "address": "127.0.0.1", "compression": packed_by("gzip"), "encoder": 3,
            "config": manifest["config"]["digest"].removeprefix("sha256:"),
        }  # fmt: skip
        assert event["author"] is None
        served.manifest("web", "v2")
    [_, point] = events(ll)
    assert point["detail"]["point"] == f"{ll.json('ps')[0]['id']}@2"
    assert point["name"] == point["detail"]["config"]
    with serving(ll) as served:  # another server knows what this one gave
        served.manifest("app", "1")
        assert served.manifest("web", "v2")[0] == point["content"] == served.manifest("web", point["content"])[0]
    assert len(events(ll)) == 2


def test_the_user_is_who_claims_it(ll: Layerlog, users: str) -> None:
    with serving(ll, "--htpasswd", users) as served:
        for user in ("ada", "bob", "ada"):
            served.ask("/v2/app/manifests/1", headers={**ACCEPT, **basic(user, "U*U"), "User-Agent": "é" * 200})
    assert [(event["author"], event["detail"]["user"]) for event in events(ll)] == [("ada", "ada"), ("bob", "bob")]
    assert events(ll)[0]["detail"]["agent"].encode("latin-1", "replace")
    assert len(events(ll)[0]["detail"]["agent"].encode()) <= 128


def test_it_shows_in_the_audit(ll: Layerlog) -> None:
    with serving(ll) as served:
        served.manifest("app", "1")
        served.manifest("web", "v4")
    shown = ll("audit", "--distribution", "app:1")
    assert "serve" in shown
    assert "127.0.0.1" in shown


def test_what_is_pulled_comes_back_as_what_it_was(ll: Layerlog, tmp_path: Path) -> None:
    """Its id is the commit's again."""
    with serving(ll) as served:
        source = f"docker://127.0.0.1:{served.port}/app:1"
        subprocess.run([peer("skopeo"), "copy", "-q", "--src-tls-verify=false", source, f"oci-archive:{tmp_path}/app.tar:app:again"], check=True)
    ll("load", "-q", "-i", str(tmp_path / "app.tar"))
    assert ll("images", "-q", "--no-trunc", "localhost/app:again") == ll("images", "-q", "--no-trunc", "app:1")


def test_nothing_is_recorded_where_that_is_not_wanted(ll: Layerlog) -> None:
    before = ll.head()
    with serving(ll, "--no-record") as served:
        served.manifest("app", "1")
    assert ll.head() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a store away")
def test_a_store_of_somebody_else_is_served_and_nothing_recorded(ll: Layerlog) -> None:
    """As on a read-only mount; said once.  Root without its capabilities is a user like any other."""
    with_loaded(ll, "localhost/near:2")
    before = ll.head()
    subprocess.run(["chmod", "-R", "a=rX", ll.store], check=True)
    subprocess.run(["chown", "-R", "65534:65534", ll.store], check=True)
    with serving(ll, wrapper=("setpriv", "--bounding-set=-all", "--inh-caps=-all")) as served:
        for _ in range(2):
            _, manifest = served.manifest("web", "v6")
            assert served.ask(f"/v2/web/blobs/{manifest['layers'][-1]['digest']}").status == 200
        said = f"layerlog: the store {ll.store} cannot be written, so what is served is not recorded\n"
        assert served.stop() == (0, "", said)
    subprocess.run(["chown", "-R", "0:0", ll.store], check=True)
    subprocess.run(["chmod", "-R", "u+w", ll.store], check=True)
    subprocess.run(["chmod", "-R", "go=", ll.store], check=True)
    assert ll.head() == before
