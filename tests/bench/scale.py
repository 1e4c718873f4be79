"""Scale: W10, W11."""

import os
from collections.abc import Iterator
from hashlib import sha256
from itertools import count

from tests.bench.bench import Bench, ours
from tests.bench.corpora import Sizes
from tests.bench.figures import Case, Figure, Target, flatness, slowdown, worst
from tests.bench.runner import Command, Runner, Side, answered, inside, layerlog, unseen

LIMIT = 120 << 20
MIB = 1 << 20


def w10(bench: Bench) -> Iterator[Case]:
    for corpus, store, commands in _corpora(bench):
        figures = tuple(_peak(bench, store, args) for args in commands)
        yield Case("W10", f"peak memory of each command: {corpus}", bench.corpus, "MiB", figures, Target(worst, LIMIT, "MiB"))


def _peak(bench: Bench, store: str, args: list[str]) -> Figure:
    def command(work: str) -> Command:
        return unseen(layerlog(store, *(arg.replace("WORK", work) for arg in args)))

    side = ours(args[0], command, value=lambda run: float(run["peak"]), durability="")
    return bench.once().alternate(side)[0]


def _corpora(bench: Bench) -> Iterator[tuple[str, str, list[list[str]]]]:
    given = bench.corpora
    many, image, big = (bench.place(f"w10-{name}") for name in ("many", "image", "big"))
    top = min(os.listdir(given.many))
    first, last = "c3:0", f"c3:{given.versions}"
    yield f"{given.many_files:,} files", many, [["import", given.many, "many"], *_about("many", top), *_changes("many", top)]
    loaded = bench.image_id(bench.image_kept)
    yield "the image", image, [["load", "-i", given.oci_archive], *_about(loaded, given.image_file), *_changes(loaded, "usr")]
    yield f"{given.versions} versions", bench.history, [*_about(last, "."), ["diff", first, last], ["diff", "-p", first, last]]
    yield f"one file of {bench.sizes.big_file >> 20:,} MiB", big, [["import", _big_file(bench), "big"], *_about("big", "file"), ["cat", "big:/file"]]


def _about(ref: str, path: str) -> list[list[str]]:
    """The commands that read, each on everything that there is."""
    return [
        ["images"], ["history", ref], ["inspect", ref], ["ls", f"{ref}:/"], ["stat", f"{ref}:/{path}"], ["log", ref], ["log", ref, "--", path],
        ["blame", f"{ref}:/{path}"], ["audit"], ["events"], ["find", "--path", path], ["checkout", ref, "WORK/x"],
        ["save", "-o", "WORK/x.tar", ref], ["save", "--compress", "-o", "WORK/x.tar", ref], ["export", "-o", "WORK/x.tar", ref],
        ["backup", "WORK/b"], ["checkpoint"], ["verify"], ["df"], ["rebuild"], ["gc"],
    ]  # fmt: skip


def _changes(ref: str, folder: str) -> list[list[str]]:
    return [
        ["create", "--name", "web", ref], ["cp", f"web:/{folder}/.", "web:/copy"], ["cp", f"web:/{folder}", "WORK/x"], ["status", "web"],
        ["diff", "web"], ["commit", "-m", "x", "web", "y:1"], ["diff", ref, "y:1"], ["show", "y:1"], ["save", "-o", "WORK/x.tar", "y:1"],
        ["delete", "-r", "web:/copy"], ["undo", "web"], ["move", f"web:/{folder}", "web:/moved"], ["ps"], ["gc", "--originals"],
    ]  # fmt: skip


def _big_file(bench: Bench) -> str:
    """Make a folder with one large file, no two MiB of it equal."""
    folder = bench.place("big")
    os.makedirs(folder)
    with open(os.path.join(folder, "file"), "wb") as out:
        out.writelines(sha256(b"%d" % number).digest() * (MIB // 32) for number in range(bench.sizes.big_file // MIB))
    return folder


def w11(bench: Bench) -> Iterator[Case]:
    stores = [_grown(bench, events) for events in bench.sizes.growth]
    names = [f"{events:,} events" for events in bench.sizes.growth]
    first = tuple(figure._replace(name=f"first {figure.name}") for figure in _checked_out(bench.once(), names, stores))
    points = [
        bench.answers(name, inside("reads:points", store=store, name="web", asked=bench.sizes.asked), ["stat", "blame"])
        for name, store in zip(names, stores, strict=True)
    ]
    for key in ("stat", "blame"):
        figures = tuple(found[key] for found in points)
        yield Case("W11", f"{key} of a path, asked for the first time", "made", "s", figures, Target(flatness, 1.3))
    figures = _checked_out(bench.runner, names, stores)
    yield Case("W11", "check out the head", "made", "s", figures, Target(flatness, 1.3), beside=first)
    yield Case("W11", "append", "made", "events/s", _appended(bench, names, stores), Target(slowdown, 2))


def _grown(bench: Bench, events: int) -> str:
    store = bench.place(f"grown-{events}")
    contents = bench.sizes.growth_contents * events // bench.sizes.growth[1]
    bench.inside("long_log:generate", folder=store, events=events, commits=events // 100, contents=contents)
    return store


def _checked_out(runner: Runner, names: list[str], stores: list[str]) -> tuple[Figure, ...]:
    return runner.alternate(*map(_check_out, names, stores))


def _check_out(name: str, store: str) -> Side:
    return ours(
        f"checkout at {name}", lambda work: inside("reads:check_out", store=store, name="web", folder=work),
        durability="no fsync", value=answered("seconds"),
    )  # fmt: skip


def _appended(bench: Bench, names: list[str], stores: list[str]) -> tuple[Figure, ...]:
    return bench.runner.alternate(*(_append(bench.sizes, name, store) for name, store in zip(names, stores, strict=True)))


def _append(sizes: Sizes, name: str, store: str) -> Side:
    numbers = count()

    def command(_work: str) -> Command:
        fresh = f"grown{next(numbers)}"
        return inside("appends:append", store=store, events=sizes.appends, batch=sizes.batch, name=fresh)

    return ours(f"record at {name}", command, value=answered("rate"))
