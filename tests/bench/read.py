"""Reading: W4, W9."""

from collections.abc import Iterator

from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Figure, Target, flatness, to_best, worst
from tests.bench.runner import inside, layerlog

WORKERS = (1, 2)


def w4(bench: Bench) -> Iterator[Case]:
    many = ours("checkout", lambda work: layerlog(bench.many, "checkout", "many", f"{work}/x"), durability="no fsync", reads=(bench.many,))
    packed = _git_many(bench)
    git = [peers.git_clone_checkout(bench.runner, packed, workers) for workers in WORKERS]
    title = f"check out {bench.corpora.many_files:,} small files into a new folder"
    yield Case("W4", title, bench.corpus, "s", bench.runner.alternate(many, *git), Target(to_best, 0.85))
    image = bench.image_id(bench.image)
    one = ours("checkout", lambda work: layerlog(bench.image, "checkout", image, f"{work}/x"), durability="no fsync", reads=(bench.image,))
    figures = bench.runner.alternate(one, peers.umoci_unpack(bench.corpora.layout, bench.corpora.image))
    yield Case("W4", "check out the image into a new folder", bench.corpus, "s", figures, Target(to_best, 0.3))


def _git_many(bench: Bench) -> str:
    folder, call = bench.place("many-git"), bench.runner.call
    call("git", "init", "-q", folder)
    with open(f"{folder}/.git/info/attributes", "w", encoding="ascii") as file:
        file.write(peers.RAW)
    work = ("git", f"--git-dir={folder}/.git", f"--work-tree={bench.corpora.many}")
    call(*work, "add", "-A", "-f")
    call(*work, "commit", "-qm", "x")
    call("git", "-C", folder, "gc", "--quiet")
    return folder


def w9(bench: Bench) -> Iterator[Case]:
    figures: dict[str, list[Figure]] = {}
    layers = bench.sizes.layers
    for key in ("open", "stat_cold", "stat_warm", "read_cold", "read_warm", "stat_new_view"):
        figures[key] = []
    for count in layers:
        arguments = {"store": bench.layered, "layers": count, "files": bench.sizes.layered, "asked": bench.sizes.asked}
        for key, figure in bench.answers(f"{count} layers", inside("reads:ask", **arguments), list(figures)).items():
            figures[key].append(figure)
    beside = tuple(f._replace(name=f"open, {f.name}") for f in figures["open"])
    for what, words in (("stat", "stat"), ("read", "1 kB read")):
        for state, limit in (("cold", 150e-6), ("warm", 60e-6)):
            found = tuple(figures[f"{what}_{state}"])
            title = f"{words} through an opened view of the same {bench.sizes.layered:,} files in {', '.join(map(str, layers))} layers, {state}"
            yield Case("W9", f"{title}: flat", "made", "s", found, Target(flatness, 3))
            yield Case("W9", title, "made", "s", found, Target(worst, limit, "s"), beside if state == "cold" else ())
