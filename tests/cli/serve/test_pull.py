"""Docker's and podman's own tools, and `push` to a real registry, against what is served."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_loaded
from tests.cli.serve.running import ACCEPT, Served, serving
from tests.peers import peer
from tests.registry.asking import ask
from tests.registry.real import registry


def skopeo(*args: str) -> str:
    return subprocess.run([peer("skopeo"), *args], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def podman() -> Iterator[list[str]]:
    """A podman with storage of its own, at a short path, as it wants one."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        yield [peer("podman"), "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]


def files(podman: list[str], image: str, folder: Path) -> dict[str, bytes]:
    """What an image holds below /srv."""
    created = subprocess.run([*podman, "create", image, "sh"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*podman, "cp", f"{created}:/srv", str(folder)], check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_podman_pulls_two_moments_that_differ_by_one_write(ll: Layerlog, tmp_path: Path, podman: list[str]) -> None:
    ll("write", "--text", "before\n", "web:/srv/page")
    ll("write", "--text", "after\n", "web:/srv/page")
    with serving(ll) as served:
        found = []
        for version in ("v7", "v8"):
            name = f"localhost:{served.port}/web:{version}"
            done = subprocess.run([*podman, "pull", "-q", "--tls-verify=false", name], check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            found.append(files(podman, name, tmp_path / version))
        assert found == [{"page": b"before\n"}, {"page": b"after\n"}]


def test_skopeo_inspects_lists_and_copies(asked: Served, tmp_path: Path) -> None:
    source = f"docker://localhost:{asked.port}/app"
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"{source}:2")
    assert json.loads(raw) == asked.manifest("app", "2")[1]
    assert json.loads(skopeo("list-tags", "--tls-verify=false", source))["Tags"] == ["1", "2"]
    for reference in ("2", asked.manifest("app", "2")[0]):
        mark = "@" if reference.startswith("sha256:") else ":"
        skopeo("copy", "--src-tls-verify=false", f"{source}{mark}{reference}", f"dir:{tmp_path / reference[:7]}")
        assert (tmp_path / reference[:7] / "manifest.json").read_text() == raw


def test_push_gives_the_same_manifest(ll: Layerlog, tmp_path: Path) -> None:
    """Of a commit, of a point, and of what came from elsewhere."""
    with_loaded(ll, "localhost/other:1", Env="more")
    peer("docker-registry")
    with registry(tmp_path) as real, serving(ll) as served:
        for ref, name, tag in (("app:1", "app", "1"), ("web@6", "web", "v6"), ("other:1", "other", "1"), ("base:1", "base", "1")):
            ll.run("push", "-q", "--plain-http", ref, f"{real.address}/{name}:{tag}")
            assert real.manifest(name, tag).body == served.ask(f"/v2/{name}/manifests/{tag}", headers=ACCEPT).body


def test_save_gives_the_same_manifest_packed_and_the_same_config_plain(ll: Layerlog, tmp_path: Path) -> None:
    with serving(ll) as served:
        for ref, name, tag in (("app:2", "app", "2"), ("web@6", "web", "v6")):
            digest, manifest = served.manifest(name, tag)
            for how in ("gzip", "none"):
                ll("save", "-q", "-o", str(tmp_path / how), "--compress", how, ref)
            assert skopeo("inspect", "--format", "{{.Digest}}", f"oci-archive:{tmp_path / 'gzip'}").strip() == digest
            plain = json.loads(skopeo("inspect", "--raw", f"oci-archive:{tmp_path / 'none'}"))
            assert plain["config"]["digest"] == manifest["config"]["digest"]


def test_many_pull_at_once_while_others_write(ll: Layerlog, tmp_path: Path) -> None:
    failures: list[object] = []

    def pull(number: int) -> None:
        try:
            skopeo("copy", "--src-tls-verify=false", f"docker://127.0.0.1:{served.port}/web:v{2 + number % 5}", f"dir:{tmp_path / str(number)}")
        except subprocess.CalledProcessError as failure:
            failures.append(failure.stderr)

    with serving(ll) as served:
        threads = [threading.Thread(target=pull, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for number in range(10):
            ll("write", "--text", f"{number}\n", "web:/f")
        for thread in threads:
            thread.join()
        assert not failures
        assert ask(f"{served.url}/v2/web/manifests/v16", headers=ACCEPT).status == 200
