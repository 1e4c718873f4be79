"""Contexts as literal dicts, and builds of them."""

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.sandbox.running import Runner

Files = dict[str, "str | Files"]


class Builder(NamedTuple):
    """`builder(text)` builds a Dockerfile and returns what `build` says on stderr; the image is `site`."""

    ll: Runner
    folder: Path

    def write(self, files: Files, folder: Path | None = None) -> None:
        """Write files (a dict is a folder) into the context, readable by all."""
        top = folder or self.folder
        for name, what in files.items():
            if isinstance(what, dict):
                (top / name).mkdir(exist_ok=True)
                self.write(what, top / name)
            else:
                (top / name).write_text(what)

    def run(self, dockerfile: str, *args: str, code: int | None = None) -> subprocess.CompletedProcess[str]:
        self.write({"Dockerfile": dockerfile})
        return self.ll.run("build", "-t", "site", *args, str(self.folder), code=code)

    def __call__(self, dockerfile: str, *args: str) -> str:
        return self.run(dockerfile, *args, code=0).stderr

    def refused(self, dockerfile: str, *args: str) -> str:
        """Return the one line that says why a build failed."""
        said = self.run(dockerfile, *args, code=1).stderr.splitlines()
        found = [line for line in said if line.startswith("layerlog: ") and "look into it" not in line]
        assert len(found) == 1, said
        return found[0].removeprefix("layerlog: ")

    def reused(self, dockerfile: str, *args: str) -> list[str]:
        """Return the instructions that were reused."""
        lines = self(dockerfile, *args).splitlines()
        return [line.partition("] ")[2] for line, after in pairwise(lines) if after == "  reused"]

    def history(self) -> list[str]:
        return [row["created_by"] for row in self.ll.json("history", "site")][::-1]

    def config(self) -> dict[str, Any]:
        [found] = json.loads(self.ll("inspect", "site"))
        config: dict[str, Any] = found["Config"]
        return config


def touch(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))
