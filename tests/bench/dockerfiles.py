"""Builds: W17 (all steps found), W17c (many files copied), W17r (a RUN above `run`), W17m (memory on a large context)."""

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Figure, Target, above_last, to_best, worst
from tests.bench.runner import Command, Side, layerlog, sample_of

LIMIT = 150 << 20
COPIED, LARGE = 10_000, 100_000
STEPS = 20
_PROGRAMS = ("sh", "echo", "true")


def w17(bench: Bench) -> Iterator[Case]:
    folder = Path(bench.place("w17"))
    lines = [line for n in range(STEPS // 4) for line in (f"ENV V{n}={n}", f"COPY a{n} /srv/", f"RUN echo {n} > /r{n}", f"LABEL l{n}={n}")]
    _context(folder, {f"a{n}": str(n) for n in range(STEPS // 4)}, lines)
    store, peer_folder = _store(bench), _peer_store(bench)
    bench.layerlog(store, "build", "-q", str(folder))
    bench.runner.call(*_buildah(peer_folder, str(folder)))
    figures = bench.runner.alternate(*_sides(store, peer_folder, str(folder)))
    yield Case("W17", f"build {STEPS} steps that were all built before", bench.corpus, "s", figures, Target(to_best, 0.3))


def w17c(bench: Bench) -> Iterator[Case]:
    folder = Path(bench.place("w17c"))
    _many(folder, COPIED)
    store, peer_folder = _store(bench), _peer_store(bench)
    figures = bench.runner.alternate(*_sides(store, peer_folder, str(folder), "--no-cache"))
    yield Case("W17c", f"build an image of {COPIED:,} copied files", bench.corpus, "s", figures, Target(to_best, 0.7))


def w17r(bench: Bench) -> Iterator[Case]:
    folder = Path(bench.place("w17r"))
    _context(folder, {}, ["RUN true"])
    store = _store(bench)
    build = ours("build of one RUN", lambda _: layerlog(store, "build", "-q", "--no-cache", str(folder)), reads=(store,))
    run = ours("run", lambda _: layerlog(store, "run", "--rm", "base", "true"), reads=(store,))
    figures = bench.runner.alternate(build, run)
    yield Case("W17r", "one RUN, beside run", bench.corpus, "s", figures, Target(above_last, 0.03, "s"))


def w17m(bench: Bench) -> Iterator[Case]:
    folder = Path(bench.place("w17m"))
    _many(folder, LARGE)
    store = _store(bench)
    run = bench.runner.run(layerlog(store, "build", "-q", "--no-cache", str(folder)))
    figure = Figure("layerlog build", (sample_of(run, lambda found: float(found["peak"])),))
    yield Case("W17m", f"peak memory: build with a context of {LARGE:,} files", bench.corpus, "MiB", (figure,), Target(worst, LIMIT, "MiB"))


def _sides(store: str, peer_folder: str, folder: str, *options: str) -> tuple[Side, Side]:
    """No process of buildah's is confined more than ours: `chroot` is its lightest isolation."""
    mine = ours("build", lambda _: layerlog(store, "build", "-q", *options, folder), reads=(folder,))
    theirs = Side(
        "buildah build", lambda _: Command(_buildah(peer_folder, folder, *options)), tool="buildah", durability=peers.CONTAINERS,
        reads=(folder,),
    )  # fmt: skip
    return mine, theirs


def _buildah(work: str, folder: str, *options: str) -> list[str]:
    return [*_buildah_in(work), "build", "--layers", "--isolation", "chroot", "-q", *options, folder]


def _buildah_in(work: str) -> list[str]:
    return ["buildah", "--root", f"{work}/r", "--runroot", f"{work}/rr", "--storage-driver", "overlay"]


def _context(folder: Path, files: dict[str, str], lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "Dockerfile").write_text("\n".join(["FROM localhost/base", *lines, ""]))


def _many(folder: Path, count: int) -> None:
    _context(folder, {}, ["COPY files /files"])
    for number in range(count):
        below = folder / f"files/d{number // 200}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"file-{number}.txt").write_text(f"line {number}\n" * 20)


def _base(bench: Bench) -> str:
    """A root with nothing but busybox, as a tar."""
    path = bench.place("busybox.tar")
    if not os.path.exists(path):
        root = Path(bench.place("busybox-root"))
        (root / "bin").mkdir(parents=True)
        shutil.copy("/usr/bin/busybox", root / "bin/busybox")
        for name in _PROGRAMS:
            (root / "bin" / name).symlink_to("busybox")
        with tarfile.open(path, "w") as tar:
            tar.add(root, ".")
    return path


def _store(bench: Bench) -> str:
    store = bench.place("build-store")
    if not os.path.exists(store):
        bench.layerlog(store, "import", _base(bench), "localhost/base")
    return store


def _peer_store(bench: Bench) -> str:
    folder = bench.place("buildah-store")
    if not os.path.exists(folder):
        archive = bench.place("base.tar")
        bench.layerlog(_store(bench), "save", "-q", "-o", archive, "localhost/base")
        bench.runner.call(*_buildah_in(folder), "pull", "-q", f"docker-archive:{archive}")
    return folder
