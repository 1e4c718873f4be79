"""pull, against the real registry: what is asked for, what never is, and what a registry that fails or lies does to it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from itertools import repeat
from pathlib import Path

import pytest

from cli.distribution import archive
from eventstore.model.digests import digest_of
from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST, OciImage, config_digest, manifest_of
from tests import images
from tests.cli.archived import SHARING, archived, id_of
from tests.cli.invoking import Layerlog
from tests.images import TARS, image
from tests.peers import peer
from tests.registry.counting import Fault, Proxy, counting
from tests.registry.lying import HTML, honest, lying
from tests.registry.real import Registry, registry
from tests.registry.serving import Answer, Record

IMAGE = image("gzip", "zstd")


def put(hub: Registry, tmp_path: Path, name: str, found: OciImage = IMAGE) -> str:
    """Bring *found* into the registry as *name*, by skopeo; return its manifest's digest."""
    path = tmp_path / "put.tar"
    with open(path, "wb") as out:
        archive.write(out, [replace(found, names=("localhost/put:1",), manifest=images.manifest(found.config, found.layers))])
    where = f"docker://{hub.address}/{name}"
    argv = [peer("skopeo"), "copy", "--quiet", "--dest-tls-verify=false", "--preserve-digests", f"oci-archive:{path}", where]
    subprocess.run(argv, check=True)
    return digest_of(images.manifest(found.config, found.layers))


def asked(proxy: Proxy) -> list[str]:
    """What was asked for since the last time, without the repository."""
    lines = sorted(f"{record.method} {'/'.join(record.path.split('/')[-2:])}" for record in proxy.requests)
    proxy.requests.clear()
    return lines


# -- what is asked for


def test_what_comes_is_what_is_there_and_the_second_time_nothing_is_asked_for(
    hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog
) -> None:
    digest = put(hub, tmp_path, "one/app:1")
    name = f"{proxy.address}/one/app:1"
    assert other("pull", name).splitlines()[::2] == [f"Digest: {digest}", name]
    assert id_of(other, name) == config_digest(IMAGE)
    assert other("cat", f"{name}:/etc/motd") == "bye\n"
    blobs = [config_digest(IMAGE), *(layer.descriptor.digest for layer in IMAGE.layers)]
    expected = ["HEAD manifests/1", f"GET manifests/{digest}", *(f"GET blobs/{blob}" for blob in blobs)]
    assert asked(proxy) == sorted(expected)
    assert f"Status: Image is up to date for {name}\n" in other("pull", name)
    assert asked(proxy) == ["HEAD manifests/1"]


def test_a_layer_that_is_here_is_not_asked_for_whatever_its_compression(
    hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog
) -> None:
    put(hub, tmp_path, "two/app:1")
    other("load", "-q", "-i", archived(tmp_path, replace(SHARING, layers=(images.layer(TARS[0], "zstd"), SHARING.layers[1]))))
    assert "(1 of 2 layers came, " in other("pull", f"{proxy.address}/two/app:1")
    assert f"GET blobs/{IMAGE.layers[0].descriptor.digest}" not in asked(proxy)


def test_a_digest_beats_a_tag_and_gives_no_name(hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog) -> None:
    digest = put(hub, tmp_path, "three/app:1")
    other("pull", "-q", f"{proxy.address}/three/app:nonesuch@{digest}")
    assert [(row["repository"], row["id"]) for row in other.json("images", "-a")] == [(None, config_digest(IMAGE))]
    put(hub, tmp_path, "three/app:1", image("gzip", author="other"))
    assert "has no such thing" in other.refused("pull", f"{proxy.address}/three/app@sha256:{'0' * 64}")


def test_the_platform_is_chosen_by_dockers_names(hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog) -> None:
    arm = image("gzip", architecture="arm64", variant="v8")
    digests = {"amd64": put(hub, tmp_path, "four/app:amd64"), "arm64": put(hub, tmp_path, "four/app:arm64", arm)}
    entries = [
        images.describe(OCI_MANIFEST, images.manifest(found.config, found.layers), platform={"os": "linux", "architecture": name})
        for name, found in (("amd64", IMAGE), ("arm64", arm))
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    hub.ask("/v2/four/app/manifests/all", "PUT", headers={"Content-Type": OCI_INDEX}, body=index)
    other("pull", "-q", "--platform", "linux/arm64", f"{proxy.address}/four/app:all")
    assert id_of(other, f"{proxy.address}/four/app:all") == config_digest(arm)
    assert f"GET manifests/{digests['amd64']}" not in asked(proxy)
    assert "no image for linux/s390x" in other.refused("pull", "--platform", "linux/s390x", f"{proxy.address}/four/app:all")


def test_all_tags(hub: Registry, tmp_path: Path, other: Layerlog) -> None:
    put(hub, tmp_path, "five/app:1")
    put(hub, tmp_path, "five/app:2", SHARING)
    other("pull", "-q", "-a", f"{hub.address}/five/app")
    assert other("tags", f"{hub.address}/five/app") == "TAG\n1\n2\n"


def test_looking_pulls_nothing_and_needs_no_store(hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog) -> None:
    put(hub, tmp_path, "six/app:1")
    place = f"docker://{proxy.address}/six/app"
    assert other("tags", place) == "TAG\n1\n"
    assert [row["digest"] for row in other.json("layers", f"{place}:1")] == [one.descriptor.digest for one in IMAGE.layers]
    [document] = json.loads(other("inspect", f"{place}:1"))
    assert document["Id"] == config_digest(IMAGE)
    assert not [line for line in asked(proxy) if any(one.descriptor.digest in line for one in IMAGE.layers)]
    assert not os.path.exists(other.store)


def test_create_pulls_what_is_missing_and_says_so(hub: Registry, tmp_path: Path, other: Layerlog) -> None:
    put(hub, tmp_path, "seven/app:1")
    name = f"{hub.address}/seven/app:1"
    done = other.run("create", "--pull", "missing", "--name", "web", name)
    assert (done.exit_code, done.stderr) == (0, f"layerlog: {name} is not here; getting it from {hub.address}\n")
    assert other("cat", "web:/etc/motd") == "bye\n"
    newer = image("gzip", author="newer")
    put(hub, tmp_path, "seven/app:1", newer)
    other("create", "--pull", "missing", name)
    assert id_of(other, name) == config_digest(IMAGE)
    other("create", "--pull", "always", name)
    assert id_of(other, name) == config_digest(newer)
    missing = other.run("create", "--pull", "missing", f"{hub.address}/seven/nope")
    assert missing.exit_code == 1
    assert "nor could it be pulled" in missing.stderr


def test_the_digest_survives_pull_save_load_and_push(hub: Registry, tmp_path: Path, other: Layerlog, ll: Layerlog) -> None:
    digest = put(hub, tmp_path, "eight/app:1")
    other("pull", "-q", f"{hub.address}/eight/app:1")
    other("save", "-q", "-o", str(tmp_path / "out.tar"), f"{hub.address}/eight/app:1")
    ll("load", "-q", "-i", str(tmp_path / "out.tar"))
    assert f"Digest: {digest}\n" in ll("push", f"{hub.address}/eight/app:1", f"{hub.address}/eight/again:1")
    assert digest_of(hub.manifest("eight/again", "1").body) == digest


def test_an_image_of_this_store_comes_back_as_itself(hub: Registry, ll: Layerlog) -> None:
    ll("push", "-q", "base:1", f"{hub.address}/nine/base:1")
    born = id_of(ll, "base:1")
    ll("pull", "-q", f"{hub.address}/nine/base:1")
    assert id_of(ll, f"{hub.address}/nine/base:1") == born


# -- a registry that fails


def once(*faults: Fault) -> Iterator[Fault | None]:
    yield from faults
    yield from repeat(None)


@pytest.mark.parametrize(
    "fault",
    [Fault(answer=Answer(503)), Fault(answer=Answer(429, headers={"Retry-After": "1"})), Fault(cut_response=0), Fault(cut_response=7)],
)
@pytest.mark.parametrize("part", ["manifests", "blobs"])
def test_what_fails_for_a_moment_is_tried_again(
    hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog, fault: Fault, part: str
) -> None:
    put(hub, tmp_path, "ten/app:1")
    faults = once(fault)
    proxy.fault = lambda record: next(faults) if part in record.path and record.method == "GET" else None
    other("pull", "-q", f"{proxy.address}/ten/app:1")
    assert other("cat", f"{proxy.address}/ten/app:1:/etc/motd") == "bye\n"


@pytest.mark.parametrize(("seconds", "tries"), [(-60, 2), (86_400, 1)])
def test_retry_after_may_be_a_date(
    hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog, seconds: int, tries: int
) -> None:
    """One that has passed is no wait, and one that is too far away is not waited for."""
    put(hub, tmp_path, "dated/app:1")
    date = formatdate(time.time() + seconds, usegmt=True)
    faults = once(Fault(answer=Answer(429, headers={"Retry-After": date})))
    proxy.fault = lambda record: next(faults) if record.method == "GET" else None
    assert (other.run("pull", "-q", f"{proxy.address}/dated/app:1").exit_code == 0) == (tries > 1)
    assert proxy.count("GET", "manifests") == tries


BIG = image("", tars=(images.layer_tar({"big": bytes(range(256)) * 40_000}),))  # 10 MB


def test_a_broken_download_is_taken_up_where_it_broke(hub: Registry, proxy: Proxy, tmp_path: Path, other: Layerlog) -> None:
    put(hub, tmp_path, "eleven/app:1", BIG)
    blob = BIG.layers[0].descriptor
    faults = once(Fault(cut_response=3_000_000), Fault(cut_response=2_000_000))
    proxy.fault = lambda record: next(faults) if blob.digest in record.path else None
    other("pull", "-q", f"{proxy.address}/eleven/app:1")
    ranges = [record.headers.get("range") for record in proxy.requests if blob.digest in record.path]
    assert ranges[0] is None
    assert all(one and one.startswith("bytes=") for one in ranges[1:])
    assert len(ranges) == 3


def test_what_a_killed_registry_gave_is_not_asked_for_again(tmp_path: Path, other: Layerlog) -> None:
    with registry(tmp_path) as mortal:
        put(mortal, tmp_path, "app:1", BIG)
        blob = BIG.layers[0].descriptor

        def die(record: Record) -> Fault | None:
            if blob.digest not in record.path:
                return None
            mortal.kill()
            return Fault(cut_response=0)

        part = Answer(body=BIG.layers[0].open().read()[:4_000_000], length=blob.size)
        with counting(mortal.address) as proxy:
            faults = once(Fault(answer=part))
            proxy.fault = lambda record: (next(faults) or die(record)) if blob.digest in record.path else None
            name = f"{proxy.address}/app:1"
            assert "connection broke" in other.run("pull", "-q", name).stderr
            assert other.json("images", "-a") == []
            mortal.start()
            proxy.fault = lambda _: None
            proxy.requests.clear()
            other("pull", "-q", name)
            [again] = [record for record in proxy.requests if blob.digest in record.path]
            assert again.headers["range"] == "bytes=4000000-"


# -- a registry that lies


Lie = Callable[[Record], Answer]


def lie(path_part: str, answer: Answer) -> Lie:
    truth = honest("app", "1", IMAGE)
    return lambda record: answer if path_part in record.path else truth.get(record.path, Answer(404))


LAYER = IMAGE.layers[0].descriptor
STORED = IMAGE.layers[0].open().read()
MANIFEST = manifest_of(IMAGE)
KIND = {"Content-Type": OCI_MANIFEST}


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(MANIFEST), **fields}).encode()


def realm(address: str) -> Answer:
    return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{address}"'})


CHUNKED = KIND | {"Transfer-Encoding": "chunked"}
SIZE_OF_2 = {"Docker-Content-Digest": digest_of(MANIFEST), "Content-Length": "\N{SUPERSCRIPT TWO}"}

LIES: dict[str, tuple[Lie, str]] = {
    "other bytes": (lie(LAYER.digest, Answer(body=STORED[:-1] + b"x")), "the bytes are"),
    "a short body": (lie(LAYER.digest, Answer(body=STORED[:-1])), "ends after"),
    "a long body": (lie(LAYER.digest, Answer(body=STORED + b"x")), "more bytes come than were promised"),
    "an endless body": (lie(LAYER.digest, Answer(body=repeat(bytes(1 << 16)))), "more bytes come than were promised"),
    "an endless manifest": (lie("manifests", Answer(body=repeat(b" " * 65536), headers=KIND)), "more than is read"),
    "html": (lie("manifests", HTML), "text/html"),
    "a loop": (lie("manifests", Answer(307, headers={"Location": "/v2/app/manifests/1"})), "redirects more than 5 times"),
    "an index that is a manifest": (lie("manifests", Answer(body=changed(manifests=[]), headers=KIND)), "both a manifest and an index"),
    "too many layers": (
        lie("manifests", Answer(body=changed(layers=json.loads(MANIFEST)["layers"] * 600), headers=KIND)), "at most 1000 are read",
    ),
    "another digest": (
        lie("manifests", Answer(body=changed(x=1), headers=KIND | {"Docker-Content-Digest": digest_of(MANIFEST)})), "not sha256:",
    ),
    "an unknown layer type": (
        lie("manifests", Answer(body=MANIFEST.replace(b"layer.v1.tar+gzip", b"layer.v1.rar"), headers=KIND)), "not a layer's media type",
    ),
    "no such config": (lie(config_digest(IMAGE), Answer(404)), "has no such thing"),
    "a file elsewhere": (lie(LAYER.digest, Answer(307, headers={"Location": "file:///etc/passwd"})), "which is not asked"),
    "a redirect to no address": (lie("manifests", Answer(307, headers={"Location": "http://[::1"})), "is no address"),
    "a redirect to no port": (lie("manifests", Answer(307, headers={"Location": "http://127.0.0.1:99999/"})), "is no address"),
    "a redirect to no host's name": (lie("manifests", Answer(307, headers={"Location": "https://a..b/"})), "is no host's name"),
    "a realm that is no address": (lie("manifests", realm("http://[::1")), "is no address"),
    "a realm that is no port": (lie("manifests", realm("http://127.0.0.1:port/")), "is no address"),
    "a realm without a host": (lie("manifests", realm("https:///token")), "is no host's name"),
    "a chunk of less than nothing": (lie("manifests", Answer(body=b"-5\r\nabc", headers=CHUNKED)), "no HTTP"),
    "a size that is no number": (
        lambda record: Answer(headers=SIZE_OF_2) if record.method == "HEAD" else Answer(404), "has no such thing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_in_one_line_and_nothing_is_kept(other: Layerlog, name: str) -> None:
    answers, says = LIES[name]
    with other.writer():
        pass
    with lying(answers) as liar:
        assert says in other.refused("pull", "-q", f"{liar.address}/app:1")
    assert other.json("images", "-a") == []


def test_a_range_that_is_ignored_is_skipped(other: Layerlog) -> None:
    first = [True]

    def answer(record: Record) -> Answer:
        found = honest("app", "1", BIG).get(record.path, Answer(404))
        if BIG.layers[0].descriptor.digest in record.path and first:
            first.clear()
            return replace(found, cut=1_000_000)
        return found

    with lying(answer) as liar:
        other("pull", "-q", f"{liar.address}/app:1")
        assert other("ls", f"{liar.address}/app:1:/") == "big\n"


def test_a_port_that_is_none_is_no_registrys(other: Layerlog) -> None:
    assert "'localhost:99999' is no registry's address" in other.refused("pull", "localhost:99999/app:1")


def test_names_are_refused_before_any_connection(other: Layerlog) -> None:
    with other.writer():
        pass
    for name in ("x/UPPER", "a//b", "x:y:z", "host:port/app", "app@sha256:12", "-app", "app:" + "t" * 129):
        assert "not an image name" in other.refused("pull", "--", name) or "lower case" in other.refused("pull", "--", name)
