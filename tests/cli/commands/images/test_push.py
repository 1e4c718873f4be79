"""push, against the real registry: what is sent, what never is, and what failures on the way do to it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eventstore.model.digests import digest_of
from eventstore.model.events import Kind
from eventstore.model.facts import Departure
from tests.cli.archived import id_of
from tests.cli.commands.images.test_pull import once, put
from tests.cli.invoking import Layerlog
from tests.images import image
from tests.peers import peer
from tests.registry.counting import Fault, Proxy, counting
from tests.registry.real import Registry, registry
from tests.registry.serving import Answer, Record


def sent(proxy: Proxy) -> int:
    """How many blobs began to be sent since the last time."""
    count = sum(record.method in ("PATCH", "PUT") and "/blobs/uploads/" in record.path for record in proxy.requests)
    proxy.requests.clear()
    return count


def manifest(hub: Registry, repository: str, tag: str) -> Any:
    return json.loads(hub.manifest(repository, tag).body)


# -- what is sent


def test_what_was_pushed_is_read_by_skopeo_and_the_second_time_nothing_is_sent(hub: Registry, proxy: Proxy, ll: Layerlog) -> None:
    name = f"{proxy.address}/push/one:1"
    first = ll("push", "base:1", name)
    assert first.splitlines()[1].startswith(f"Pushed: {name} (1 of 1 layer sent, ")
    assert sent(proxy) == 2
    shown = subprocess.run([peer("skopeo"), "inspect", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True)
    assert f"Digest: {json.loads(shown.stdout)['Digest']}\n" in first
    assert "(0 of 1 layer sent, 0B)" in ll("push", "base:1", name)
    assert sent(proxy) == 0


def test_one_change_sends_one_layer_even_where_cache_was_deleted(proxy: Proxy, ll: Layerlog) -> None:
    ll("push", "-q", "base:1", f"{proxy.address}/push/two:1")
    ll("write", "--text", "new", "web:/f")
    ll("commit", "-m", "more", "web", "more:1")
    ll("rebuild")
    assert "(1 of 2 layers sent, " in ll("push", "more:1", f"{proxy.address}/push/two:2")


def test_a_blob_that_another_repository_has_is_mounted(hub: Registry, proxy: Proxy, ll: Layerlog) -> None:
    ll("push", "-q", "base:1", f"{proxy.address}/push/three:1")
    proxy.requests.clear()
    assert "(0 of 1 layer sent, 0B)" in ll("push", "base:1", f"{proxy.address}/push/mounted:1")
    assert any("mount=" in record.query and record.status == 201 for record in proxy.requests)
    assert manifest(hub, "push/mounted", "1") == manifest(hub, "push/three", "1")


def test_points_leave_as_save_and_push_and_any_other_time_give_them(hub: Registry, ll: Layerlog) -> None:
    ll("write", "--text", "one", "web:/f")
    ll("write", "--text", "two", "web:/f")
    for tag in ("a", "b"):
        ll("push", "-q", "web@2", f"{hub.address}/push/four:{tag}")
    assert manifest(hub, "push/four", "a") == manifest(hub, "push/four", "b")
    ll("push", "-q", "web@3", f"{hub.address}/push/four:c")
    other = Layerlog(Path(ll.store).parent / "elsewhere")
    for tag, text in (("a", "one"), ("c", "two")):
        other("pull", "-q", f"{hub.address}/push/four:{tag}")
        assert other("cat", f"{hub.address}/push/four:{tag}:/f") == text
    rows = ll.json("audit", "--distribution", "web@3:/f")
    assert [(row["what"], row["names"]) for row in rows] == [("push", [f"{hub.address}/push/four:c"])]
    assert rows[0]["point"].endswith("@3")


def test_a_container_is_no_image(ll: Layerlog, hub: Registry) -> None:
    assert "name a point of it, as web@1" in ll.refused("push", "web", f"{hub.address}/push/x:1")
    assert "say under which one" in ll.run("push", "web@1").stderr


@pytest.mark.parametrize(("how", "kind"), [("gzip", "tar+gzip"), ("zstd", "tar+zstd"), ("none", "v1.tar")])
def test_layers_made_here_are_packed_as_asked(hub: Registry, ll: Layerlog, how: str, kind: str) -> None:
    ll("push", "-q", "--compress", how, "base:1", f"{hub.address}/push/{how}:1")
    assert manifest(hub, f"push/{how}", "1")["layers"][0]["mediaType"].endswith(kind)
    with ll.writer() as writer:
        [pushed] = writer.log.of_kind(Kind.IMAGE_PUSHED)
    assert Departure.of(pushed).compression.partition(" by ")[0] == how.replace("none", "")


def test_all_tags_go(hub: Registry, ll: Layerlog) -> None:
    for tag in ("1", "2"):
        ll("tag", "base:1", f"{hub.address}/push/all:{tag}")
    ll("push", "-q", "-a", f"{hub.address}/push/all")
    assert sorted(hub.tags("push/all")) == ["1", "2"]


def test_expect_is_refused_where_somebody_was_faster(hub: Registry, ll: Layerlog) -> None:
    name = f"{hub.address}/push/five:1"
    digest = ll("push", "base:1", name).splitlines()[0].removeprefix("Digest: ")
    ll("write", "--text", "x", "web:/f")
    ll("commit", "-m", "x", "web", "next:1")
    ll("push", "-q", "--expect", digest, "next:1", name)
    assert "look again and repeat" in ll.refused("push", "-q", "--expect", digest, "next:1", name)


def test_where_the_originals_are_gone_the_manifest_is_new_and_that_is_said(
    hub: Registry, tmp_path: Path, other: Layerlog
) -> None:
    digest = put(hub, tmp_path, "push/six:1")
    name = f"{hub.address}/push/six:1"
    other("pull", "-q", name)
    other("gc", "--originals")
    assert f"Digest: {digest}\n" in other("push", name)  # the registry itself has the blobs
    with registry(tmp_path) as empty:
        done = other.run("push", "-q", name, f"{empty.address}/six:1")
        assert done.exit_code == 0
        assert "under a new manifest" in done.stderr
        assert digest_of(empty.manifest("six", "1").body) != digest


@pytest.mark.parametrize("how", [("",), ("gzip",), ("", "gzip"), ("zstd",)])
def test_an_image_keeps_its_manifest_however_its_layers_came(
    hub: Registry, tmp_path: Path, other: Layerlog, how: tuple[str, ...]
) -> None:
    """Where it is pushed the registry has none of its blobs."""
    digest = put(hub, tmp_path, "push/came:1", image(*how))
    other("pull", "-q", f"{hub.address}/push/came:1")
    with registry(tmp_path) as empty:
        assert f"Digest: {digest}\n" in other("push", f"{hub.address}/push/came:1", f"{empty.address}/came:1")


def test_everything_that_left_or_came_is_on_the_record(hub: Registry, tmp_path: Path, ll: Layerlog) -> None:
    ll("push", "-q", "base:1", f"{hub.address}/push/seven:1")
    ll("save", "-q", "-o", str(tmp_path / "x.tar"), "base:1")
    rows = ll.json("audit", "--distribution", "base:1")
    assert [(row["what"], row["place"]) for row in rows] == [
        ("push", f"docker://{hub.address}/push/seven"), ("save", str(tmp_path / "x.tar")),
    ]  # fmt: skip
    assert {row["image"] for row in rows} == {id_of(ll, "base:1").removeprefix("sha256:")}


# -- what fails on the way


def test_what_breaks_for_a_moment_is_sent_again(hub: Registry, proxy: Proxy, ll: Layerlog) -> None:
    for n, fault in enumerate([Fault(cut_request=3), Fault(answer=Answer(503)), Fault(cut_response=0)]):
        faults = once(fault)
        proxy.fault = lambda record, faults=faults: next(faults) if record.method == "PUT" and "/blobs/" in record.path else None  # type: ignore[misc]
        ll("push", "-q", "base:1", f"{proxy.address}/push/cut{n}:1")
        assert manifest(hub, f"push/cut{n}", "1")["layers"]


def test_a_large_blob_goes_in_pieces_and_a_cut_piece_begins_it_anew(
    hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog
) -> None:
    """The real registry forgets an upload of which a piece was cut."""
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * (40 << 12))  # 40 MiB
    other("create", "--name", "c", "scratch")
    other("cp", str(big), "c:/big")
    other("commit", "-m", "big", "c", "big:1")
    faults = once(Fault(cut_request=1_000_000))
    proxy.fault = lambda record: next(faults) if record.method == "PATCH" else None
    other("push", "-q", "--compress", "none", "big:1", f"{proxy.address}/push/big:1")
    assert proxy.count("PATCH") >= 3
    assert manifest(hub, "push/big", "1")["layers"][0]["size"] > 40 << 20


def test_a_registry_killed_in_the_middle_gets_the_rest_the_next_time(tmp_path: Path, ll: Layerlog) -> None:
    with registry(tmp_path) as mortal:

        def die(record: Record) -> Fault | None:
            if record.method != "PUT" or "/manifests/" not in record.path:
                return None
            mortal.kill()
            return Fault(cut_request=0)

        with counting(mortal.address, fault=die) as proxy:
            name = f"{proxy.address}/app:1"
            before = ll.head()
            assert ll.run("push", "-q", "base:1", name).exit_code == 1
            assert ll.head() == before
            mortal.start()
            proxy.fault = lambda _: None
            proxy.requests.clear()
            ll("push", "-q", "base:1", name)
            assert sent(proxy) <= 1, "the layer was there already"


def test_a_registry_that_says_no_is_quoted(proxy: Proxy, ll: Layerlog) -> None:
    said = json.dumps({"errors": [{"code": "DENIED", "message": "quota\x1b[2J exceeded"}]}).encode()
    proxy.fault = lambda record: Fault(answer=Answer(403, said)) if record.method == "POST" else None
    assert "DENIED: quota\\x1b[2J exceeded" in ll.refused("push", "-q", "base:1", f"{proxy.address}/push/no:1")
