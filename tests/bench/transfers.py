"""Images from and to a registry: W13 (pull), W13t (pull of the top layer alone), W14 (push of a change)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from cli.distribution import archive, layout
from projections.oci.oci_image import OciImage
from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Figure, Target, above_last, to_best, worst
from tests.bench.runner import Command, Side, layerlog
from tests.registry.real import registry

LIMIT = 150 << 20


@contextmanager
def _holding(bench: Bench, name: str) -> Iterator[str]:
    """Run a registry, its folder called *name*, while the block runs; give the full name of the image in it."""
    folder = Path(bench.place(name))
    folder.mkdir()
    with registry(folder) as real:
        image = f"{real.address}/image:1"
        bench.runner.call("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{bench.corpora.layout}:{bench.corpora.image}", f"docker://{image}")
        yield image


def w13(bench: Bench) -> Iterator[Case]:
    with _holding(bench, "w13-registry") as image:
        mine = ours("pull", lambda work: layerlog(f"{work}/s", "pull", "-q", image), kept="s")
        figures = bench.runner.alternate(mine, peers.podman_pull(image))
    title = "pull the image from a local registry into an empty store"
    yield Case("W13", title, bench.corpus, "s", figures, Target(to_best, 0.6))
    yield _memory("W13", title, bench, figures[0])


def w13t(bench: Bench) -> Iterator[Case]:
    """The peer writes into an OCI layout that has the other layers, since skopeo asks there for no blob that it finds."""
    below = _without_top(layout.read(bench.corpora.layout, bench.corpora.image)[0])
    file, folder = bench.place("w13t-below.tar"), bench.place("w13t-below")
    with open(file, "wb") as out:
        archive.write(out, [below])
    layout.write(folder, [below])
    with _holding(bench, "w13t-registry") as image:
        mine = ours(
            "pull", lambda work: layerlog(f"{work}/s", "pull", "-q", image), lambda work: bench.layerlog(f"{work}/s", "load", "-q", "-i", file)
        )
        skopeo = Side(
            "skopeo copy", lambda work: Command(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{image}", f"oci:{work}/o:image"]),
            lambda work: bench.runner.call("cp", "-a", folder, f"{work}/o"), "skopeo", peers.CONTAINERS,
        )  # fmt: skip
        figures = bench.runner.alternate(mine, skopeo)
    title = "pull the image with all but its top layer present"
    yield Case("W13t", title, bench.corpus, "s", figures, Target(above_last, 0.1, "s"))
    yield _memory("W13t", title, bench, figures[0])


def _without_top(image: OciImage) -> OciImage:
    """Return what *image* was made upon, named `below:1`."""
    config = json.loads(image.config)
    config["rootfs"]["diff_ids"].pop()
    while config.get("history") and config["history"].pop().get("empty_layer"):
        pass
    return replace(image, config=json.dumps(config).encode(), layers=image.layers[:-1], manifest=None, index=None, names=("localhost/below:1",))


def w14(bench: Bench) -> Iterator[Case]:
    with _holding(bench, "w14-registry") as image:
        figures = bench.runner.alternate(_push(bench, image), _podman_push(bench, image))
    title = "push the image with one changed file to the registry that it came from"
    yield Case("W14", title, bench.corpus, "s", figures, Target(to_best, 0.5))
    yield _memory("W14", title, bench, figures[0])


def _push(bench: Bench, image: str) -> Side:
    store, numbers = bench.place("w14-store"), count()
    bench.layerlog(store, "pull", "-q", image)

    def change(_work: str) -> None:
        number = next(numbers)
        bench.layerlog(store, "create", "--name", f"web{number}", image)
        bench.layerlog(store, "write", "--text", f"ours {number}", f"web{number}:/changed")
        bench.layerlog(store, "commit", "-m", "x", f"web{number}", "changed:1")

    def command(work: str) -> Command:
        return layerlog(store, "push", "-q", "changed:1", f"{image}-ours-{Path(work).name}")

    return ours("push", command, change, reads=(store,))


def _podman_push(bench: Bench, image: str) -> Side:
    """Its container is made anew for each run, as ours is: each image has one layer more than the pulled one."""
    folder, numbers = bench.place("w14-podman"), count()

    def change(work: str) -> None:
        number = next(numbers)
        if not number:
            bench.runner.call(*peers.podman(folder, "pull", "-q", "--tls-verify=false", image))
        file = Path(work, "changed")
        file.write_text(f"podman's {number}")
        bench.runner.call(*peers.podman(folder, "create", "--name", f"web{number}", image, "true"))
        bench.runner.call(*peers.podman(folder, "cp", str(file), f"web{number}:/changed"))
        bench.runner.call(*peers.podman(folder, "commit", "-q", f"web{number}", "localhost/changed:1"))

    def command(work: str) -> Command:
        to = f"{image}-podman-{Path(work).name}"
        return Command(peers.podman(folder, "push", "-q", "--tls-verify=false", "localhost/changed:1", to))

    return Side("podman push", command, change, "podman", peers.CONTAINERS, reads=(folder,))


def _memory(item: str, title: str, bench: Bench, figure: Figure) -> Case:
    peaks = figure._replace(samples=tuple(sample._replace(value=sample.peak) for sample in figure.samples))
    return Case(item, f"peak memory: {title}", bench.corpus, "MiB", (peaks,), Target(worst, LIMIT, "MiB"))
