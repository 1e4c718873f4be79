"""Histories: W5, W6, W8."""

import os
from collections.abc import Iterator

from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Target, flatness, to_best
from tests.bench.runner import Side, inside, layerlog
from tests.bench.write import size_of

HOT = "notes/today.txt"


def w5(bench: Bench) -> Iterator[Case]:
    last = bench.corpora.versions
    versions = (1, last // 2, last)
    store, git = bench.history, bench.history_git
    mine = [_version(store, version) for version in versions]
    for version, side in zip(versions, mine, strict=True):
        found = bench.runner.alternate(side, *peers.git_checkouts(bench.runner, git, f"v{version}"))
        title = f"check out version {version} of {last}"
        yield Case("W5", title, bench.corpus, "s", found, Target(to_best, 1.0))
    title = f"check out versions {', '.join(map(str, versions))} of {last}: flat"
    yield Case("W5", title, bench.corpus, "s", bench.runner.alternate(*mine), Target(flatness, 1.2))


def _version(store: str, version: int) -> Side:
    return ours(f"checkout c3:{version}", lambda work: layerlog(store, "checkout", f"c3:{version}", f"{work}/x"), durability="no fsync", reads=(store,))


def w8(bench: Bench) -> Iterator[Case]:
    mine = size_of("layerlog", bench.history)
    git = size_of("git, packed", bench.history_git)
    layers = size_of("one gzip layer a version", _layers(bench))
    title = f"bytes on disk of {bench.corpora.versions + 1} versions, no repack step"
    yield Case("W8", title, bench.corpus, "B", (mine, git), Target(to_best, 1.3))
    yield Case("W8", title, bench.corpus, "B", (mine, layers), Target(to_best, 0.8))


def _layers(bench: Bench) -> str:
    """Write one gzip'd tar for each version, as umoci and docker would."""
    folder = bench.place("history-layers")
    os.makedirs(folder)
    for version in range(bench.corpora.versions + 1):
        source = os.path.join(bench.corpora.history, f"deltas/{version:03}" if version else "base")
        bench.runner.call("bash", "-c", 'tar -C "$1" -c . | gzip >"$2"', "bash", source, f"{folder}/{version:03}.tgz")
    return folder


def w6(bench: Bench) -> Iterator[Case]:
    git = bench.long_git
    bench.commit_graph(git)
    old, new = 1, min(500, bench.sizes.long_commits - 1)
    size = f"{bench.sizes.long_commits:,} commits, {bench.sizes.long_events:,} events"
    for words, path in (("changed in each commit", HOT), ("changed now and then", _rare(bench, git))):
        questions = {
            "log": (f"log of a path {words}", ["log", "web", "--", path], ["log", "main", "--", path]),
            "blame": (f"blame of a path {words}", ["blame", f"web:/{path}"], ["log", "-1", "main", "--", path]),
        }
        yield from _asked(bench, questions, path, size, (old, new))
    questions = {"diff": (f"diff of commits {old} and {new}", ["diff", *_points(bench, old, new)], ["diff", "--name-status", f"v{old}", f"v{new}"])}
    yield from _asked(bench, questions, HOT, size, (old, new))


Questions = dict[str, tuple[str, list[str], list[str]]]


def _asked(bench: Bench, questions: Questions, path: str, size: str, pair: tuple[int, int]) -> Iterator[Case]:
    old, new = _points(bench, *pair)
    arguments = {"store": bench.long, "name": "web", "path": path, "old": old, "new": new}
    within = bench.answers("in process", inside("reads:questions", **arguments), list(questions))
    for key, (title, mine, git) in questions.items():
        whole, peer = bench.runner.alternate(_asking(bench, key, mine), peers.git_says(bench.long_git, *git))
        yield Case("W6", f"{title}, whole command, {size}", "made", "s", (whole, peer), Target(to_best, 1.0))
        yield Case("W6", f"{title}, in process, {size}", "made", "s", (within[key], peer), Target(to_best, 0.1))


def _asking(bench: Bench, name: str, args: list[str]) -> Side:
    return ours(name, lambda _: layerlog(bench.long, *args), durability="", reads=(bench.long,))


def _points(bench: Bench, old: int, new: int) -> tuple[str, str]:
    """Return references to two commits of the long log."""
    found = bench.long_commits
    return found[old], found[new]


def _rare(bench: Bench, git: str) -> str:
    """Return a path of the head that a few commits changed."""
    return bench.runner.call("git", "-C", git, "ls-tree", "-r", "--name-only", "main", "d7/e7/").splitlines()[0]
