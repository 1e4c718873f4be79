"""Images in and out: W1i, W7, W8i."""

from collections.abc import Iterator

from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Target, to_best
from tests.bench.runner import Side, layerlog
from tests.bench.write import sized


def w1i(bench: Bench) -> Iterator[Case]:
    archives = {"docker-archive": bench.corpora.docker_archive, "oci-archive (gzip layers)": bench.corpora.oci_archive}
    for kind, path in archives.items():
        figures = bench.runner.alternate(_load("load", path), peers.podman_load(path))
        yield Case("W1i", f"load the image from a {kind}", bench.corpus, "s", figures, Target(to_best, 0.6))


def _load(name: str, archive: str) -> Side:
    return ours(name, lambda work: layerlog(f"{work}/s", "load", "-i", archive), kept="s", reads=(archive,))


def w7(bench: Bench) -> Iterator[Case]:
    archive = bench.corpora.docker_archive
    plain = _save(bench, bench.image, "save, layers plain")
    podman = peers.podman_save(bench.runner, archive, "docker-archive")
    title = "save the image to a docker-archive"
    yield Case("W7", title, bench.corpus, "s", bench.runner.alternate(plain, podman), Target(to_best, 0.5))
    packed = _save(bench, bench.image, "save, layers gzip'd now", "--compress")
    kept = _save(bench, bench.image_kept, "save, layers gzip'd as they came")
    podman = peers.podman_save(bench.runner, archive, "oci-archive")
    mine, beside, peer = bench.runner.alternate(packed, kept, podman)
    yield Case("W7", "save the image to an oci-archive", bench.corpus, "s", (mine, peer), Target(to_best, 0.5), (beside,))


def _save(bench: Bench, store: str, name: str, *options: str) -> Side:
    image = bench.image_id(store)
    return ours(
        name, lambda work: layerlog(store, "save", *options, "-o", f"{work}/x.tar", image), durability="fsync of the file",
        kept="x.tar", reads=(store,),
    )  # fmt: skip


def w8i(bench: Bench) -> Iterator[Case]:
    archive = bench.corpora.oci_archive
    kept = _load("originals kept", archive)
    dropped = ours(
        "originals dropped", lambda work: layerlog(f"{work}/s", "gc", "--originals"),
        lambda work: bench.layerlog(f"{work}/s", "load", "-i", archive), kept="s",
    )  # fmt: skip
    whole, rest, podman = map(sized, bench.once().alternate(kept, dropped, peers.podman_load(archive)))
    title = "bytes on disk of the image, cache/ included"
    yield Case("W8i", f"{title}, originals dropped", bench.corpus, "B", (rest, podman), Target(to_best, 0.52))
    yield Case("W8i", f"{title}, originals kept", bench.corpus, "B", (whole, podman), Target(to_best, 0.92))
