"""pull and push --referrers, against the real registry, which has no referrers API: the fallback tag stands in for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eventstore.model.digests import digest_of
from eventstore.model.events import Kind
from eventstore.model.facts import Referrer
from projections.oci import documents
from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST, Descriptor, describe
from tests.cli.commands.images.test_pull import IMAGE, put
from tests.cli.invoking import Layerlog
from tests.cli.serve.running import serving
from tests.registry.counting import Proxy
from tests.registry.lying import honest, lying
from tests.registry.real import Registry
from tests.registry.serving import Answer

SIGNATURE = b'{"critical": "is signed"}'
KIND = "application/vnd.example.signature"


def artifact(subject: Descriptor, *, kind: str = KIND, body: bytes = SIGNATURE) -> bytes:
    """A manifest as signing programs make them: an empty config, one blob, a subject."""
    return documents.encode({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind, "annotations": {"by": "ada"},
        "config": describe(Descriptor("application/vnd.oci.empty.v1+json", digest_of(b"{}"), 2)),
        "layers": [describe(Descriptor("text/plain", digest_of(body), len(body)))],
        "subject": describe(subject),
    })  # fmt: skip


def put_blob(hub: Registry, repository: str, data: bytes) -> None:
    begun = hub.ask(f"/v2/{repository}/blobs/uploads/", "POST")
    path = begun.headers["Location"].removeprefix(hub.url)
    joint = "&" if "?" in path else "?"
    done = hub.ask(f"{path}{joint}digest={digest_of(data)}", "PUT", body=data, headers={"Content-Type": "application/octet-stream"})
    assert done.status == 201, done


def put_manifest(hub: Registry, repository: str, reference: str, data: bytes, kind: str = OCI_MANIFEST) -> None:
    done = hub.ask(f"/v2/{repository}/manifests/{reference}", "PUT", body=data, headers={"Content-Type": kind})
    assert done.status == 201, done


def list_them(hub: Registry, repository: str, subject: str, entries: list[dict[str, Any]]) -> None:
    index = documents.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    put_manifest(hub, repository, subject.replace(":", "-"), index, OCI_INDEX)


def signed(hub: Registry, repository: str, subject: str) -> str:
    """Sign what is there as *subject*, as a signing program would; return the digest of the signature's manifest."""
    data = artifact(Descriptor(OCI_MANIFEST, subject, len(hub.manifest(repository, subject).body)))
    for blob in (b"{}", SIGNATURE):
        put_blob(hub, repository, blob)
    put_manifest(hub, repository, digest_of(data), data)
    list_them(hub, repository, subject, [describe(Descriptor(OCI_MANIFEST, digest_of(data), len(data)))])
    return digest_of(data)


@pytest.fixture
def pulled(hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog) -> tuple[str, str, str]:
    """A signed image that was pulled with its signature: its name, its manifest's digest, the signature's."""
    name = f"refs/{tmp_path.name.lower()}"
    subject = put(hub, tmp_path, f"{name}:1")
    signature = signed(hub, name, subject)
    done = other.run("pull", "--referrers", f"{proxy.address}/{name}:1")
    assert (done.exit_code, done.stderr) == (0, "layerlog: 1 referrer came, 0 kept before\n")
    return f"{proxy.address}/{name}:1", subject, signature


def inspected(ll: Layerlog, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ll("inspect", name))[0]["Layerlog"]["Referrers"]
    return found


def test_a_signature_comes_is_told_of_and_goes_to_another_repository(
    hub: Registry, other: Layerlog, pulled: tuple[str, str, str]
) -> None:
    name, subject, signature = pulled
    size = len(SIGNATURE) + 2
    assert inspected(other, name) == [{"Digest": signature, "Subject": subject, "ArtifactType": KIND, "Size": size}]
    assert [row["event"] for row in other.json("events")].count("ReferrerKept") == 1
    assert "ReferrerKept" in other("events")
    for _ in range(2):  # the second time nothing is listed twice
        done = other.run("push", "--referrers", name, f"{hub.address}/refs/elsewhere:1")
        assert (done.exit_code, done.stderr) == (0, "layerlog: 1 referrer pushed\n")
        listed = json.loads(hub.manifest("refs/elsewhere", subject.replace(":", "-")).body)["manifests"]
        [entry] = [found for found in listed if found["digest"] == signature]
        assert (entry["artifactType"], entry["annotations"]) == (KIND, {"by": "ada"})
        assert digest_of(hub.manifest("refs/elsewhere", signature).body) == signature
        assert hub.holds("refs/elsewhere", digest_of(SIGNATURE))
    again = Layerlog(Path(other.store).parent / "third")
    again("pull", "-q", "--referrers", f"{hub.address}/refs/elsewhere:1")
    assert inspected(again, f"{hub.address}/refs/elsewhere:1")[0]["Digest"] == signature


def test_what_went_along_is_on_the_record(hub: Registry, other: Layerlog, pulled: tuple[str, str, str]) -> None:
    other("push", "-q", "--referrers", pulled[0], f"{hub.address}/refs/recorded:1")
    other("push", "-q", pulled[0], f"{hub.address}/refs/recorded:2")
    stated = [row["detail"].get("referrers") for row in other.json("events") if row["event"] == "ImagePushed"]
    assert stated == [[pulled[2].removeprefix("sha256:")], None]


def test_what_signs_the_index_of_many_platforms_is_kept_too(hub: Registry, other: Layerlog, tmp_path: Path) -> None:
    subject = put(hub, tmp_path, "refs/many:amd64")
    entry = {**describe(Descriptor(OCI_MANIFEST, subject, len(hub.manifest("refs/many", "amd64").body)))}
    index = documents.encode({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**entry, "platform": {"os": "linux", "architecture": "amd64"}}],
    })  # fmt: skip
    put_manifest(hub, "refs/many", "all", index, OCI_INDEX)
    signatures = [signed(hub, "refs/many", subject), signed(hub, "refs/many", digest_of(index))]
    done = other.run("pull", "--referrers", "--platform", "linux/amd64", f"{hub.address}/refs/many:all")
    assert done.stderr == "layerlog: 2 referrers came, 0 kept before\n"
    found = {one["Subject"]: one["Digest"] for one in inspected(other, f"{hub.address}/refs/many:all")}
    assert found == {subject: signatures[0], digest_of(index): signatures[1]}


def test_copy_takes_them_along_both_ways(hub: Registry, other: Layerlog, pulled: tuple[str, str, str], tmp_path: Path) -> None:
    third = Layerlog(tmp_path / "third")
    assert third.run("copy", "-q", "--referrers", f"docker://{pulled[0]}", "ours:1").exit_code == 0
    assert [found["Digest"] for found in inspected(third, "ours:1")] == [pulled[2]]
    third("copy", "-q", "--referrers", "ours:1", f"docker://{hub.address}/refs/copied:1")
    assert digest_of(hub.manifest("refs/copied", pulled[2]).body) == pulled[2]
    done = third.run("copy", "--referrers", "ours:1", f"oci:{tmp_path}/layout")
    assert (done.exit_code, "--referrers is for a registry" in done.stderr) == (2, True)


def test_serve_gives_them_on(other: Layerlog, pulled: tuple[str, str, str], tmp_path: Path) -> None:
    name, subject, signature = pulled
    other("tag", name, "localhost/signed:1")
    third = Layerlog(tmp_path / "third")
    with serving(other) as served:
        address = served.url.removeprefix("http://")
        third("pull", "-q", "--referrers", f"{address}/signed:1")
        assert inspected(third, f"{address}/signed:1") == inspected(other, name)
        listed = f"/v2/signed/referrers/{subject}"
        [entry] = json.loads(served.ask(listed).body)["manifests"]
        assert (entry["digest"], entry["artifactType"], entry["annotations"]) == (signature, KIND, {"by": "ada"})
        filtered = served.ask(f"{listed}?artifactType=other")
        assert (json.loads(filtered.body)["manifests"], filtered.headers["OCI-Filters-Applied"]) == ([], "artifactType")
        assert served.ask(f"/v2/signed/blobs/{digest_of(SIGNATURE)}").body == SIGNATURE
        other("create", "--name", "alone", "scratch")
        assert served.refused(f"/v2/alone/manifests/{signature}") == (404, "MANIFEST_UNKNOWN")
        assert served.refused(f"/v2/alone/blobs/{digest_of(SIGNATURE)}") == (404, "BLOB_UNKNOWN")


def test_what_is_kept_is_not_asked_for_again(proxy: Proxy, other: Layerlog, pulled: tuple[str, str, str]) -> None:
    proxy.requests.clear()
    assert other.run("pull", "--referrers", pulled[0]).stderr == "layerlog: 0 referrers came, 1 kept before\n"
    assert not any(pulled[2] in record.path or "/blobs/" in record.path for record in proxy.requests)
    with other.writer() as writer:
        assert len(list(writer.log.of_kind(Kind.REFERRER_KEPT))) == 1


def test_it_outlives_collections_and_verify_misses_what_is_gone(other: Layerlog, pulled: tuple[str, str, str]) -> None:
    other("gc", "--originals")
    with other.writer() as writer:
        [event] = writer.log.of_kind(Kind.REFERRER_KEPT)
        assert Referrer.of(event).subject == pulled[1].removeprefix("sha256:")
        assert writer.store.content.read_all(bytes.fromhex(digest_of(SIGNATURE)[7:])) == SIGNATURE
    assert other("verify").endswith("all of it is sound\n")
    with other.writer() as writer:
        writer.store.db.execute("DELETE FROM content WHERE digest = ?", (bytes.fromhex(digest_of(SIGNATURE)[7:]),))
    done = other.run("verify")
    assert done.exit_code
    assert f"{digest_of(SIGNATURE)[7:19]}" in done.stdout + done.stderr


def test_without_the_option_it_stays(hub: Registry, other: Layerlog, pulled: tuple[str, str, str]) -> None:
    other("push", "-q", pulled[0], f"{hub.address}/refs/bare:1")
    assert hub.tags("refs/bare") == ["1"]


def test_what_is_about_another_manifest_stays_and_that_is_said(hub: Registry, other: Layerlog, pulled: tuple[str, str, str]) -> None:
    other("gc", "--originals")  # so that it goes packed anew
    done = other.run("push", "--referrers", pulled[0], f"{hub.address}/refs/anew:1")
    assert done.exit_code == 0
    assert "layerlog: 0 referrers pushed\nlayerlog: 1 referrer not pushed: about another manifest of the image, or about none\n" in done.stderr


def test_what_cannot_be_kept_is_said(hub: Registry, tmp_path: Path, other: Layerlog) -> None:
    subject = put(hub, tmp_path, "refs/odd:1")
    about_other = artifact(Descriptor(OCI_MANIFEST, f"sha256:{'0' * 64}", 7))
    large = json.loads(artifact(Descriptor(OCI_MANIFEST, subject, 7)))
    large["layers"][0]["size"] = (64 << 20) + 1
    large_bytes = documents.encode(large)
    for blob in (b"{}", SIGNATURE):
        put_blob(hub, "refs/odd", blob)
    entries = []
    for data in (about_other, large_bytes):
        put_manifest(hub, "refs/odd", digest_of(data), data)
        entries.append(describe(Descriptor(OCI_MANIFEST, digest_of(data), len(data))))
    index = documents.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    put_manifest(hub, "refs/odd", digest_of(index), index, OCI_INDEX)
    entries.append(describe(Descriptor(OCI_INDEX, digest_of(index), len(index))))
    list_them(hub, "refs/odd", subject, entries)
    done = other.run("pull", "--referrers", f"{hub.address}/refs/odd:1")
    first, *reasons = done.stderr.splitlines()
    assert (done.exit_code, first) == (0, "layerlog: 0 referrers came, 0 kept before")
    wanted = ("is about sha256:0000", "a blob of 67108865 bytes", "OCI image manifests alone are kept")
    assert [text for text, reason in zip(wanted, reasons, strict=True) if text not in reason] == []
    assert inspected(other, f"{hub.address}/refs/odd:1") == []


@pytest.fixture
def truth(tmp_path: Path) -> dict[str, Answer]:
    """What a registry with the referrers API answers that has a signed image."""
    found = honest("a/b", "1", IMAGE)
    subject = found["/v2/a/b/manifests/1"].headers["Docker-Content-Digest"]
    signature = artifact(Descriptor(OCI_MANIFEST, subject, 7))
    found[f"/v2/a/b/manifests/{digest_of(signature)}"] = Answer(body=signature, headers={"Content-Type": OCI_MANIFEST})
    for blob in (b"{}", SIGNATURE):
        found[f"/v2/a/b/blobs/{digest_of(blob)}"] = Answer(body=blob)
    entry = describe(Descriptor(OCI_MANIFEST, digest_of(signature), len(signature)))
    found[f"/v2/a/b/referrers/{subject}"] = listing([entry])
    return found


def listing(entries: list[dict[str, Any]]) -> Answer:
    index = documents.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return Answer(body=index, headers={"Content-Type": OCI_INDEX})


def pulled_from(answers: Mapping[str, Answer], other: Layerlog) -> tuple[int, str, int]:
    """Pull; return the exit code, the last line on stderr and how many referrers are kept."""
    with lying(answers) as server:
        done = other.run("pull", "--referrers", f"{server.address}/a/b:1")
    with other.writer() as writer:
        return done.exit_code, done.stderr.splitlines()[-1], len(list(writer.log.of_kind(Kind.REFERRER_KEPT)))


def test_the_referrers_api_is_asked_first(truth: dict[str, Answer], other: Layerlog) -> None:
    assert pulled_from(truth, other) == (0, "layerlog: 1 referrer came, 0 kept before", 1)


def test_lies_are_refused_and_nothing_is_recorded(truth: dict[str, Answer], other: Layerlog) -> None:
    lie = {f"/v2/a/b/blobs/{digest_of(SIGNATURE)}": Answer(body=SIGNATURE.replace(b"signed", b"forged"))}
    code, said, kept = pulled_from(truth | lie, other)
    assert (code, kept) == (1, 0)
    assert digest_of(SIGNATURE) in said
    assert pulled_from(truth, other)[2] == 1


def test_too_many_are_refused(truth: dict[str, Answer], other: Layerlog) -> None:
    [path] = [path for path in truth if "/referrers/" in path]
    many = listing([describe(Descriptor(OCI_MANIFEST, f"sha256:{n:064x}", 2)) for n in range(101)])
    code, said, kept = pulled_from(truth | {path: many}, other)
    assert (code, kept) == (1, 0)
    assert "more than 100" in said


def test_a_tag_that_is_no_list_of_referrers_is_refused(hub: Registry, tmp_path: Path, other: Layerlog) -> None:
    subject = put(hub, tmp_path, "refs/taken:1")
    put_manifest(hub, "refs/taken", subject.replace(":", "-"), hub.manifest("refs/taken", "1").body)
    done = other.run("pull", "--referrers", f"{hub.address}/refs/taken:1")
    assert done.exit_code == 1
    assert "is no list of referrers" in done.stderr.splitlines()[-1]


def test_what_was_erased_does_not_go(hub: Registry, tmp_path: Path, other: Layerlog, pulled: tuple[str, str, str]) -> None:
    other("erase", "--yes", "--reason", "why not", "--content", digest_of(SIGNATURE))
    assert [found["Content"] for found in json.loads(other("inspect", pulled[0]))[0]["Layerlog"]["Erased"]] == [digest_of(SIGNATURE)]
    done = other.run("push", "--referrers", pulled[0], f"{hub.address}/refs/erased:1")
    assert done.exit_code == 1
    assert "was erased" in done.stderr.splitlines()[-1]
