"""The routes, as the OCI distribution spec has them."""

import hashlib
import json

import pytest

from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST
from tests.cli.invoking import Layerlog, with_loaded, write_and_commit
from tests.cli.serve.running import ACCEPT, Served, serving

NOWHERE = "sha256:" + "0" * 64


def test_the_first_line_says_what_is_shown_to_whom(told: Layerlog, asked: Served) -> None:
    what = "tags, commits and any moment of each container"
    assert asked.first_line == f"Serving {told.store} at {asked.url} to everyone on this machine, read-only: {what}\n"


def test_the_base_says_that_this_is_a_registry(asked: Served) -> None:
    for path in ("/v2/", "/v2"):
        reply = asked.ask(path)
        assert (reply.status, reply.body, reply.headers["Docker-Distribution-Api-Version"]) == (200, b"{}", "registry/2.0")


def test_the_catalog_lists_repositories(asked: Served) -> None:
    assert json.loads(asked.ask("/v2/_catalog").body) == {"repositories": ["app", "base", "localhost/near", "quay.io/team/far"]}
    first = asked.ask("/v2/_catalog?n=2")
    assert (json.loads(first.body)["repositories"], first.headers["Link"]) == (["app", "base"], '</v2/_catalog?n=2&last=base>; rel="next"')
    rest = asked.ask("/v2/_catalog?n=2&last=base")
    assert (json.loads(rest.body)["repositories"], rest.headers["Link"]) == (["localhost/near", "quay.io/team/far"], None)
    assert json.loads(asked.ask("/v2/_catalog?n=0").body) == {"repositories": []}
    assert asked.refused("/v2/_catalog?n=-1") == (400, "PAGINATION_NUMBER_INVALID")


def test_real_tags_are_listed(asked: Served) -> None:
    assert json.loads(asked.ask("/v2/app/tags/list").body) == {"name": "app", "tags": ["1", "2"]}
    assert json.loads(asked.ask("/v2/app/tags/list?n=1&last=1").body) == {"name": "app", "tags": ["2"]}
    assert json.loads(asked.ask("/v2/web/tags/list").body) == {"name": "web", "tags": []}
    assert asked.refused("/v2/none/tags/list") == (404, "NAME_UNKNOWN")


def test_an_image_can_be_got_whole(asked: Served) -> None:
    digest, manifest = asked.manifest("app", "2")
    for blob in (manifest["config"], *manifest["layers"]):
        reply = asked.ask(f"/v2/app/blobs/{blob['digest']}")
        assert (reply.status, len(reply.body)) == (200, blob["size"])
        assert "sha256:" + hashlib.sha256(reply.body).hexdigest() == blob["digest"] == reply.headers["Docker-Content-Digest"]
    assert asked.manifest("app", digest) == (digest, manifest)


@pytest.mark.parametrize("what", ["manifests/1", "blobs/{config}", "blobs/{layer}"])
def test_head_says_what_get_gives(asked: Served, what: str) -> None:
    _, manifest = asked.manifest("app", "1")
    path = "/v2/app/" + what.format(config=manifest["config"]["digest"], layer=manifest["layers"][0]["digest"])
    got, head = asked.ask(path, headers=ACCEPT), asked.ask(path, "HEAD", ACCEPT)
    assert (head.status, head.body) == (200, b"")
    assert {key: value for key, value in head.headers.items() if key != "date"} == {key: value for key, value in got.headers.items() if key != "date"}
    assert int(head.headers["Content-Length"]) == len(got.body)
    known = asked.ask(path, headers={**ACCEPT, "If-None-Match": got.headers["ETag"]})
    assert (known.status, known.body) == (304, b"")


def test_a_client_that_takes_other_manifests_is_told(asked: Served) -> None:
    assert asked.ask("/v2/app/manifests/1").headers["Content-Type"] == OCI_MANIFEST
    assert asked.ask("/v2/app/manifests/1", headers={"Accept": "*/*"}).status == 200
    assert asked.refused("/v2/app/manifests/1", headers={"Accept": OCI_INDEX}) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(("asking", "part"), [
    ("bytes=0-9", slice(10)), ("bytes=5-", slice(5, None)), ("bytes=-7", slice(-7, None)), ("bytes=3-99999999999", slice(3, None)),
    ("bytes=0-0", slice(1)), ("bytes=-99999999999", slice(None)),
])  # fmt: skip
@pytest.mark.parametrize("which", ["config", "layer", "kept"])
def test_ranges(asked: Served, asking: str, part: slice, which: str) -> None:
    name = "near" if which == "kept" else "app"
    _, manifest = asked.manifest(name, "1")
    path = f"/v2/{name}/blobs/{(manifest['config'] if which == 'config' else manifest['layers'][0])['digest']}"
    whole = asked.ask(path).body
    reply = asked.ask(path, headers={"Range": asking})
    start, end, _ = part.indices(len(whole))
    assert (reply.status, reply.body) == (206, whole[start:end])
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"


def test_ranges_that_cannot_be_had(asked: Served) -> None:
    _, manifest = asked.manifest("app", "1")
    path, size = f"/v2/app/blobs/{manifest['config']['digest']}", manifest["config"]["size"]
    assert asked.refused(path, headers={"Range": f"bytes={size}-"}) == (416, "SIZE_INVALID")
    assert asked.ask(path, headers={"Range": f"bytes={size}-"}).headers["Content-Range"] == f"bytes */{size}"
    for ignored in ("bytes=9-3", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=x-"):
        assert asked.ask(path, headers={"Range": ignored}).status == 200
    assert asked.ask(path, headers={"Range": "bytes=0-1", "If-Range": '"another"'}).status == 200


def test_a_blob_is_there_only_through_a_repository_that_has_it(asked: Served) -> None:
    _, manifest = asked.manifest("app", "1")
    digest, below = (layer["digest"] for layer in reversed(manifest["layers"]))
    statuses = {name: asked.ask(f"/v2/{name}/blobs/{digest}", "HEAD").status for name in ("app", "web", "base", "near")}
    assert statuses == {"app": 200, "web": 200, "base": 404, "near": 404}
    assert asked.ask(f"/v2/base/blobs/{below}", "HEAD").status == 200
    assert asked.refused(f"/v2/base/blobs/{digest}") == (404, "BLOB_UNKNOWN")
    assert asked.refused(f"/v2/none/blobs/{digest}") == (404, "NAME_UNKNOWN")


def test_a_blob_that_nobody_asked_a_manifest_for(told: Layerlog, asked: Served) -> None:
    _, manifest = asked.manifest("app", "2")
    with serving(told, "--no-record") as fresh:
        assert fresh.ask(f"/v2/app/blobs/{manifest['layers'][-1]['digest']}").status == 200


def test_what_is_not_there(asked: Served) -> None:
    assert asked.refused("/v2/app/manifests/3") == (404, "MANIFEST_UNKNOWN")
    assert asked.refused(f"/v2/app/manifests/{NOWHERE}") == (404, "MANIFEST_UNKNOWN")
    assert asked.refused(f"/v2/app/blobs/{NOWHERE}") == (404, "BLOB_UNKNOWN")
    assert asked.refused("/v2/app/blobs/sha256:12") == (400, "DIGEST_INVALID")
    assert asked.refused("/v2/app/manifests/sha256:12") == (400, "DIGEST_INVALID")
    assert asked.refused("/v2/none/manifests/1") == (404, "NAME_UNKNOWN")
    assert asked.refused("/v2/_a/manifests/1") == (400, "NAME_INVALID")
    assert asked.refused("/elsewhere") == (404, "NAME_UNKNOWN")


def test_referrers_are_an_index(asked: Served) -> None:
    digest, _ = asked.manifest("app", "1")
    reply = asked.ask(f"/v2/app/referrers/{digest}")
    assert (reply.status, reply.headers["Content-Type"]) == (200, OCI_INDEX)
    assert json.loads(reply.body) == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    assert asked.refused("/v2/app/referrers/latest") == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "blobs/uploads/"), ("PUT", "manifests/1"), ("DELETE", "manifests/1"), ("PATCH", "blobs/uploads/1"), ("OPTIONS", "tags/list"),
])  # fmt: skip
def test_nothing_can_be_changed(asked: Served, method: str, path: str) -> None:
    assert asked.refused(f"/v2/app/{path}", method) == (405, "UNSUPPORTED")
    assert asked.ask(f"/v2/app/{path}", method).headers["Allow"] == "GET, HEAD"


def test_what_came_from_elsewhere_goes_out_as_it_came(asked: Served, told: Layerlog) -> None:
    names = ("quay.io/team/far", "team/far", "localhost/near", "near")
    digests = {asked.manifest(name, "1")[0] for name in names}
    assert len(digests) == 1


def test_new_commits_show_at_once(ll: Layerlog) -> None:
    with serving(ll, "--no-record") as served:
        before = served.manifest("web", "latest")
        commit = write_and_commit(ll, "four\n", "web", "app:3")
        after = served.manifest("web", "latest")
        assert before != after == served.manifest("app", "3") == served.manifest("app", commit)
        ll("rmi", "app:3")
        assert served.refused("/v2/app/manifests/3") == (404, "MANIFEST_UNKNOWN")
        for reference in ("latest", commit, after[0]):
            assert served.refused(f"/v2/web/manifests/{reference}") == (404, "MANIFEST_UNKNOWN")
        assert served.ask(f"/v2/web/blobs/{after[1]['config']['digest']}").status == 404


def test_what_was_erased_is_not_there_and_hides_nothing_else(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/app:0")
    write_and_commit(ll, "secret\n", "web", "app:9")
    with serving(ll, "--no-record") as served:
        _, manifest = served.manifest("app", "9")
        ll("erase", "--path", "web:/f", "--yes", "--reason", "a secret")
        assert served.refused("/v2/app/manifests/9") == (404, "MANIFEST_UNKNOWN")
        assert served.ask(f"/v2/app/blobs/{manifest['layers'][-1]['digest']}").status == 404
        found, _ = served.manifest("app", "1")
    with serving(ll, "--no-record") as served:
        assert served.manifest("app", found)[0] == found
