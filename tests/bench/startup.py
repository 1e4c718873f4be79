"""Starting: W12."""

import sys
from collections.abc import Iterator
from dataclasses import replace

from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Target, above_last
from tests.bench.runner import Command, Side, layerlog


def w12(bench: Bench) -> Iterator[Case]:
    store, file = bench.image, bench.corpora.image_file
    image = bench.image_id(store)
    asked = {
        "--version": (["--version"], 0.045),
        "ls": (["ls", f"{image}:/"], 0.060),
        "cat": (["cat", f"{image}:/{file}"], 0.060),
    }
    runner = replace(bench.runner, rounds=bench.sizes.starts)
    sides = [_command(store, name, args) for name, (args, _) in asked.items()]
    bare = Side("python3 -c pass", lambda _: Command([sys.executable, "-c", "pass"]))
    *mine, peer = runner.alternate(*sides, bare)
    for figure, (name, (_, limit)) in zip(mine, asked.items(), strict=True):
        title = f"`layerlog {name}` as a whole command, above a bare Python"
        yield Case("W12", title, bench.corpus, "s", (figure, peer), Target(above_last, limit, "s"))


def _command(store: str, name: str, args: list[str]) -> Side:
    return ours(name, lambda _: layerlog(store, *args), durability="")
