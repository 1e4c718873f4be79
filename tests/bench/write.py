"""Writing: W1, W2, W2d, W2g, W3, W3c, W8m."""

import os
from collections.abc import Iterator

from tests.bench import appends, peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Figure, Sample, Target, flatness, to_best, to_largest, worst
from tests.bench.runner import Command, Side, answered, inside, layerlog, used


def w1(bench: Bench) -> Iterator[Case]:
    folder = bench.corpora.many
    mine = ours("import", lambda work: layerlog(f"{work}/s", "import", folder, "many"), kept="s", reads=(folder,))
    figures = bench.runner.alternate(mine, *peers.imports(bench.runner, folder))
    title = f"import a tree of {bench.corpora.many_files:,} small files into an empty store"
    yield Case("W1", title, bench.corpus, "s", figures, Target(to_best, 0.9))


def w8m(bench: Bench) -> Iterator[Case]:
    mine = ours("import", lambda work: layerlog(f"{work}/s", "import", bench.corpora.many, "many"), kept="s")
    sides = [mine, peers.restic(bench.runner, bench.corpora.many)]
    figures = tuple(sized(figure) for figure in bench.once().alternate(*sides))
    title = f"bytes on disk of {bench.corpora.many_files:,} small files, log and indexes included"
    yield Case("W8m", title, bench.corpus, "B", figures, Target(to_best, 1.0))


def sized(figure: Figure) -> Figure:
    """Return the figure with what it left on disk as its value."""
    return figure._replace(samples=tuple(sample._replace(value=figure.disk) for sample in figure.samples))


def size_of(name: str, path: str) -> Figure:
    return Figure(name, (Sample(used(path)),), used(path))


def w2(bench: Bench) -> Iterator[Case]:
    events, batch = bench.sizes.appends, bench.sizes.batch
    filled = bench.place("w2-filled")
    bench.inside("appends:append", store=filled, events=events, batch=batch)
    mine = ours("record", lambda work: inside("appends:append", store=f"{work}/s", events=events, batch=batch), kept="s", value=answered("rate"))
    floor = Side(
        "sqlite3 executemany", lambda work: inside("appends:executemany", store=filled, target=f"{work}/raw.db", batch=batch),
        durability="fsync of the WAL", value=answered("rate"),
    )  # fmt: skip
    figures = bench.runner.alternate(mine, floor)
    title = f"append {events:,} file events with 100-byte contents, {batch:,} to a durable changeset"
    yield Case("W2", title, "made", "events/s", figures, Target(to_largest, 0.3, at_least=True))


def w2d(bench: Bench) -> Iterator[Case]:
    writes = bench.sizes.writes
    mine = ours("record", lambda work: inside("appends:write_singly", store=f"{work}/s", writes=writes), value=answered("seconds"))
    floor = Side(
        "two fdatasyncs", lambda work: inside("appends:sync_twice", folder=work, writes=writes, first=64, second=4120),
        durability="fdatasync of two files", value=answered("seconds"),
    )  # fmt: skip
    title = "one content and one event, durable on return, through the Python API"
    yield Case("W2d", title, "made", "s", bench.runner.alternate(mine, floor), Target(to_best, 1.6))


def w2g(bench: Bench) -> Iterator[Case]:
    commits, stream = bench.sizes.commits, bench.place("w2g.stream")
    appends.git_stream(stream, commits)
    mine = ours(
        "bulk API", lambda work: inside("appends:commit_singly", store=f"{work}/s", commits=commits), kept="s", value=answered("seconds")
    )
    git = Side(
        "git fast-import", lambda work: Command(["git", "-C", f"{work}/g", "fast-import", "--quiet"], stdin=stream),
        lambda work: bench.runner.call("git", "init", "-q", "--bare", f"{work}/g"),
        "git", "one fsync of the pack at the end", "g",
    )  # fmt: skip
    title = f"{commits:,} commits of one small file each, one final fsync"
    yield Case("W2g", title, "made", "s", bench.runner.alternate(mine, git), Target(to_best, 1.0))


def w3(bench: Bench) -> Iterator[Case]:
    counts = [count for count in bench.sizes.changed if count <= bench.corpora.many_files]
    store = _containers(bench, [f"changed{count}" for count in counts])
    salts = iter(range(10**9))
    sides = [_seal(store, count, salts) for count in counts]
    figures = bench.runner.alternate(*sides)
    title = f"commit after {', '.join(f'{count:,}' for count in counts)} changed files in an image of {bench.corpora.many_files:,}, in process"
    yield Case("W3", f"{title}: flat", bench.corpus, "s", figures, Target(flatness, 1.5))
    yield Case("W3", title, bench.corpus, "s", figures, Target(worst, 0.005, "s"))


def _seal(store: str, count: int, salts: Iterator[int]) -> Side:
    return ours(
        f"commit after {count:,}",
        lambda _: inside("appends:seal", store=store, name=f"changed{count}", changed=count, salt=next(salts)),
        value=answered("seconds"),
    )


def _containers(bench: Bench, names: list[str]) -> str:
    """Return a store of its own with the many files as an image and a container over it for each name."""
    store = bench.place("w3-store")
    bench.layerlog(store, "import", bench.corpora.many, "many")
    for name in names:
        bench.layerlog(store, "create", "--name", name, "many")
    return store


def w3c(bench: Bench) -> Iterator[Case]:
    store = bench.place("w3c-store")
    bench.layerlog(store, "import", bench.corpora.many, "many")
    bench.layerlog(store, "create", "--name", "web", "many")
    numbers = iter(range(10**9))
    mine = ours(
        "commit", lambda _: layerlog(store, "commit", "-m", "x", "web", "y:1"),
        lambda _: bench.layerlog(store, "write", "--text", f"{next(numbers)}", "web:/changed"),
    )
    title = f"commit of one changed file in an image of {bench.corpora.many_files:,}, as a whole command"
    figures = bench.runner.alternate(mine, *_committers(bench))
    yield Case("W3c", title, bench.corpus, "s", figures, Target(to_best, 1.0))


def _committers(bench: Bench) -> Iterator[Side]:
    """Docker's own commit is left out: buildah's took as long (56-71 against 62-72 ms), and it needs no daemon."""
    if missing := peers.absent("buildah", "buildah commit"):
        yield missing
        return
    folder = bench.place("w3c-peers")
    os.makedirs(folder)
    call, root = bench.runner.call, ["buildah", "--root", f"{folder}/pr", "--runroot", f"{folder}/prr", "--storage-driver", "overlay"]
    call(*root, "from", "--name", "c", "scratch")
    call("cp", "-a", bench.corpora.many + "/.", call(*root, "mount", "c").strip())
    call(*root, "commit", "-q", "--disable-compression", "c", "base")
    call(*root, "from", "--name", "web", "localhost/base")
    file = os.path.join(call(*root, "mount", "web").strip(), "changed")
    yield Side(
        "buildah commit", lambda _: Command([*root, "commit", "-q", "--disable-compression", "web", "y"]),
        lambda work: _write(file, work), durability=peers.CONTAINERS,
    )  # fmt: skip


def _write(file: str, text: str) -> None:
    with open(file, "w", encoding="utf-8") as out:
        out.write(text)
