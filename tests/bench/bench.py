"""What every item is given: the runner, the corpora, and the stores that several items read, made once."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from eventstore.store.store import Store
from tests.bench import build
from tests.bench.corpora import Corpora, Sizes
from tests.bench.figures import OURS, Case, Figure, Sample
from tests.bench.runner import Command, FailedError, Runner, Side, answered, inside, layerlog, nothing, sample_of

Item = Callable[["Bench"], Iterator[Case]]


@dataclass
class Bench:
    runner: Runner
    corpora: Corpora

    @property
    def sizes(self) -> Sizes:
        return self.corpora.sizes

    @property
    def corpus(self) -> str:
        return "real" if self.corpora.real else "self-made"

    def once(self) -> Runner:
        """Return a runner for what is the same at every run: sizes."""
        return replace(self.runner, rounds=1, warmups=0)

    def layerlog(self, store: str, *args: str, stdin: str = os.devnull) -> str:
        """Run one command of ours unmeasured and return what it said."""
        return str(self.runner.run(layerlog(store, *args, stdin=stdin))["output"])

    def inside(self, function: str, **arguments: Any) -> None:
        """Run one function of ours unmeasured, in a process of its own."""
        self.runner.run(inside(function, **arguments))

    def place(self, name: str) -> str:
        return os.path.join(self.runner.scratch, name)

    def answers(self, name: str, command: Command, keys: list[str]) -> dict[str, Figure]:
        """Return a figure for each of several things that one process measures and prints."""
        samples: dict[str, list[Sample]] = {key: [] for key in keys}
        error = ""
        for number in range(self.runner.warmups + self.runner.rounds):
            try:
                run = self.runner.run(command)
            except FailedError as failure:
                error = str(failure)
                break
            if number >= self.runner.warmups:
                for key in keys:
                    samples[key].append(sample_of(run, answered(key)))
        return {key: Figure(f"{OURS}, {name}", tuple(found), error=error) for key, found in samples.items()}

    @cached_property
    def many(self) -> str:
        """A store with the many files as the image `many`."""
        store = self.place("many-store")
        self.layerlog(store, "import", self.corpora.many, "many")
        return store

    @cached_property
    def image(self) -> str:
        """A store with the image, loaded from its docker-archive: its layers came uncompressed."""
        store = self.place("image-store")
        self.layerlog(store, "load", "-i", self.corpora.docker_archive)
        return store

    @cached_property
    def image_kept(self) -> str:
        """A store with the image, loaded from its oci-archive: the compressed layers are kept."""
        store = self.place("image-kept-store")
        self.layerlog(store, "load", "-i", self.corpora.oci_archive)
        return store

    def image_id(self, store: str) -> str:
        return self.layerlog(store, "images", "-q", "--no-trunc").split()[0]

    @cached_property
    def history(self) -> str:
        """A store with every version of the history as a commit of `c3`, tagged c3:0, c3:1, ..."""
        store = self.place("history-store")
        self.inside("build:history", store=store, folder=self.corpora.history)
        return store

    @cached_property
    def history_git(self) -> str:
        """The same as a packed repository, tagged v0, v1, ..."""
        stream = self.place("history.stream")
        build.git_history(self.corpora.history, stream)
        return self._git("history-git", stream)

    @cached_property
    def layered(self) -> str:
        """A store with the same files in one layer and in many."""
        store = self.place("layered-store")
        self.inside("build:layered", store=store, counts=list(self.sizes.layers), files=self.sizes.layered)
        return store

    @cached_property
    def long(self) -> str:
        """A store with the long log: the container `web`."""
        store = self.place("long-store")
        self.inside("long_log:generate", folder=store, events=self.sizes.long_events, commits=self.sizes.long_commits)
        return store

    @cached_property
    def long_commits(self) -> list[str]:
        """Ids of the long log's commits, oldest first."""
        with Store.open_or_create(self.long) as store:
            rows = store.db.execute("SELECT id FROM commits ORDER BY position")
            return [row[0] for row in rows]

    @cached_property
    def long_git(self) -> str:
        stream = self.place("long.stream")
        build.git_of_container(self.long, "web", stream)
        return self._git("long-git", stream)

    def _git(self, name: str, stream: str) -> str:
        folder = self.place(name)
        call = self.runner.call
        call("git", "init", "-q", "--bare", "-b", "main", folder)
        call("git", "-C", folder, "fast-import", "--quiet", stdin=stream)
        call("git", "-C", folder, "repack", "-a", "-d", "-f", "-q")
        call("git", "-C", folder, "pack-refs", "--all")
        os.truncate(stream, 0)
        return folder

    def commit_graph(self, folder: str) -> None:
        self.runner.call("git", "-C", folder, "commit-graph", "write", "--reachable", "--changed-paths")


def ours(name: str, make: Callable[[str], Command], prepare: Callable[[str], object] = nothing, **more: Any) -> Side:
    return Side(f"{OURS} {name}", make, prepare, **{"durability": "fsync of segments and log", **more})
